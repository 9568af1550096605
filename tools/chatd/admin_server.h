// Serves the admin API on a Unix socket, with gRPC's health service and reflection.

#ifndef TOOLS_CHATD_ADMIN_SERVER_H_
#define TOOLS_CHATD_ADMIN_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/dialect.h"
#include "libchat/net/server.h"

namespace chat::tools {

// Thread safety: all methods may be called from any thread.
class AdminServer {
 public:
  struct Options {
    std::string socket;                    // its path
    std::vector<const Dialect*> dialects;  // the server's, in the same order
    std::function<void()> drain;           // begins to end the daemon
    Accounts* accounts = nullptr;          // the server's; not null, outlives the result
  };

  // `server` outlives the result. The socket opens for this user alone (0600, from the moment that
  // it exists), in a directory where nobody else can replace it; a directory that is missing is
  // made (0700). A socket that a server left behind is replaced; FailedPrecondition if one still
  // serves it.
  //
  // While it makes the socket the umask of the process is 0177: no other thread may make files.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(net::Server& server, Options options);

  // Ends what is being answered, and removes the socket.
  virtual ~AdminServer() = default;

  // Keeps the rates. Called about once a second.
  virtual void Tick() = 0;

  // From now on the health service says NOT_SERVING.
  virtual void SayDraining() = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_ADMIN_SERVER_H_
