// A server of a test's own, on a real socket, and a way to wait for coroutines.

#ifndef LIBCHAT_CLIENT_SCRIPTED_SERVER_H_
#define LIBCHAT_CLIENT_SCRIPTED_SERVER_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "asio/awaitable.hpp"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "gtest/gtest.h"

namespace chat::client {

// A listening socket on a free port of 127.0.0.1, and a thread that serves one connection with a
// script of blocking calls.
class ScriptedServer {
 public:
  using Script = std::function<void(int fd)>;

  explicit ScriptedServer(Script script) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::move(script)] {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      script(fd);
      ::close(fd);
    });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody will answer
    thread_.join();
    ::close(listener_);
  }

  uint16_t port() const { return port_; }

 private:
  const int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

inline void Put(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(n);
  }
}

// Up to and with the next newline; what came before the end if there is none.
inline std::string GetLine(int fd) {
  std::string line;
  for (char c; !absl::EndsWith(line, "\n") && ::read(fd, &c, 1) == 1;) line += c;
  return line;
}

// Runs a coroutine to its end.
template <class T>
T Await(asio::io_context& io, asio::awaitable<T> coroutine) {
  std::optional<T> result;
  asio::co_spawn(io, std::move(coroutine), [&result](std::exception_ptr thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result.emplace(std::move(value));
  });
  io.restart();
  while (!result.has_value()) io.run_one();
  return *std::move(result);
}

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_SCRIPTED_SERVER_H_
