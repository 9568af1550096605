// chatd, but for its flags and signals: the server, its admin API, and what they hold on this
// machine.

#ifndef TOOLS_CHATD_DAEMON_H_
#define TOOLS_CHATD_DAEMON_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/dialect.h"
#include "libchat/net/server.h"
#include "tools/chatd/admin_server.h"
#include "tools/chatd/config.h"
#include "tools/chatd/lock_file.h"
#include "tools/chatd/log.h"

namespace chat::tools {

// Thread safety: all methods may be called from any thread.
class Daemon {
 public:
  // Takes the data directory, listens, and serves the admin API. `dialects` are all of this build;
  // `log` outlives the daemon. Errors name what is in the way.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(ServerSettings settings,
                                                       std::vector<const Dialect*> dialects,
                                                       Log& log);

  // Ends everything at once.
  ~Daemon() = default;

  // Where it listens, with the ports that the system chose.
  std::vector<std::string> urls() const;

  // Takes over the limits and the log level, and logs which of the other settings would have to
  // wait for a restart.
  void Reload(const ServerSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);

  // Begins to end: see net::Server::Drain. Calling it again changes nothing.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // Blocks until somebody has called Drain and it has ended.
  void AwaitDrained() ABSL_LOCKS_EXCLUDED(mu_);

  // Housekeeping. Called about once a second.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Daemon(ServerSettings settings, LockFile lock, std::unique_ptr<Accounts> accounts,
         std::unique_ptr<net::Server> server, Log& log)
      : log_(log),
        lock_(std::move(lock)),
        accounts_(std::move(accounts)),
        server_(std::move(server)),
        settings_(std::move(settings)) {}

  Log& log_;
  const LockFile lock_;  // of the data directory
  const std::unique_ptr<Accounts> accounts_;
  const std::unique_ptr<net::Server> server_;

  absl::Mutex mu_;
  ServerSettings settings_ ABSL_GUARDED_BY(mu_);  // what is in force
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  // Null if there shall be none. Last: its calls use all the others until it is gone.
  std::unique_ptr<AdminServer> admin_ ABSL_GUARDED_BY(mu_);
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_DAEMON_H_
