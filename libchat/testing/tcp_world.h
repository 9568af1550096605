// A World of real sockets on 127.0.0.1: the clients of a server that already listens.

#ifndef LIBCHAT_TESTING_TCP_WORLD_H_
#define LIBCHAT_TESTING_TCP_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "libchat/dialect/dialect.h"
#include "libchat/testing/transcript.h"

namespace chat::testing {

class TcpWorld final : public World {
 public:
  // The port where the server speaks the dialect with these options; 0: nowhere.
  using FindPort = std::function<uint16_t(const Dialect&, const DialectOptions&)>;

  explicit TcpWorld(FindPort find_port) : find_port_(std::move(find_port)) {}
  TcpWorld(const TcpWorld&) = delete;
  TcpWorld& operator=(const TcpWorld&) = delete;
  // Closes what is open.
  ~TcpWorld() override;

  absl::Status Connect(const std::string& client, const Dialect& dialect,
                       const DialectOptions& options) override;
  absl::Status Send(const std::string& client, absl::string_view bytes) override;
  absl::Status HalfClose(const std::string& client) override;
  absl::Status Reset(const std::string& client) override;
  absl::Status Pass(absl::Duration time) override;
  // Waits at most for the hang guard: 20 seconds.
  bool Receive(const std::string& client, std::string* bytes, End* end) override;
  bool settles() const override { return false; }
  bool tells_ends_apart() const override { return false; }

 private:
  struct Client {
    int fd = -1;  // -1: has reset
    End end = End::kOpen;
  };

  const FindPort find_port_;
  std::map<std::string, Client> clients_;
};

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_TCP_WORLD_H_
