// What the tests of the real chat-tunnel share: started tools, and sockets at both ends.

#ifndef TOOLS_CHAT_TUNNEL_TESTING_H_
#define TOOLS_CHAT_TUNNEL_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/pump/testing.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"

namespace chat::testing {

// The command line of a chat-tunnel of `user`.
std::vector<std::string> TunnelCommand(const ChatServer& server, absl::string_view user,
                                       std::vector<std::string> flags);
std::vector<std::string> TunnelCommand(absl::string_view url, absl::string_view user,
                                       std::vector<std::string> flags);

// A chat-tunnel that is ready: logged in and listening.
class RunningTunnel {
 public:
  RunningTunnel(const ChatServer& server, absl::string_view user, std::vector<std::string> flags)
      : RunningTunnel(server.url(), user, std::move(flags)) {}
  RunningTunnel(absl::string_view url, absl::string_view user, std::vector<std::string> flags);

  Process& process() { return process_; }
  // What the n-th -L has printed.
  std::string address(size_t n = 0) const { return addresses_.at(n); }
  uint16_t port(size_t n = 0) const;

 private:
  Process process_;
  std::vector<std::string> addresses_;
};

// A listening socket on a free port of 127.0.0.1.
class TcpListener {
 public:
  TcpListener();
  uint16_t port() const { return port_; }
  // "127.0.0.1:PORT"
  std::string address() const;
  Fd Accept() const;
  int fd() const { return listener_.get(); }

 private:
  Fd listener_;
  uint16_t port_ = 0;
};

Fd ConnectTo(uint16_t port);

// False if the other side is gone.
bool WriteAll(int fd, absl::string_view bytes);
// Reads `size` bytes, less if the end comes first. errno is 0 then, else that of the error.
std::string ReadExactly(int fd, size_t size);
std::string ReadToEnd(int fd);

}  // namespace chat::testing

#endif  // TOOLS_CHAT_TUNNEL_TESTING_H_
