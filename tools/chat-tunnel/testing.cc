#include "tools/chat-tunnel/testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

ProcessOptions WithReadyFd() {
  ProcessOptions options;
  options.outputs = {3};
  return options;
}

std::vector<std::string> WithFlag(std::vector<std::string> command, std::string flag) {
  command.push_back(std::move(flag));
  return command;
}

}  // namespace

std::vector<std::string> TunnelCommand(const ChatServer& server, absl::string_view user,
                                       std::vector<std::string> flags) {
  return TunnelCommand(server.url(), user, std::move(flags));
}

std::vector<std::string> TunnelCommand(absl::string_view url, absl::string_view user,
                                       std::vector<std::string> flags) {
  std::vector<std::string> command = {Runfile("tools/chat-tunnel/chat-tunnel"), "-s",
                                      std::string(url), "-u", std::string(user)};
  command.insert(command.end(), flags.begin(), flags.end());
  return command;
}

RunningTunnel::RunningTunnel(absl::string_view url, absl::string_view user,
                             std::vector<std::string> flags)
    : process_(WithFlag(TunnelCommand(url, user, std::move(flags)), "--ready-fd=3"),
               WithReadyFd()) {
  const auto ready = [](absl::string_view said) {
    return said == "\n" || absl::EndsWith(said, "\n\n");
  };
  addresses_ = absl::StrSplit(process_.WaitForOutput(3, ready), '\n', absl::SkipEmpty());
}

uint16_t RunningTunnel::port(size_t n) const {
  const std::string shown = address(n);
  uint32_t port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(shown.substr(shown.rfind(':') + 1), &port)) << shown;
  return static_cast<uint16_t>(port);
}

TcpListener::TcpListener() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_.get(), generic, size), 0);
  EXPECT_EQ(listen(listener_.get(), 1024), 0);
  EXPECT_EQ(getsockname(listener_.get(), generic, &size), 0);
  port_ = ntohs(address.sin_port);
}

std::string TcpListener::address() const { return absl::StrCat("127.0.0.1:", port_); }

Fd TcpListener::Accept() const {
  return Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

Fd ConnectTo(uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

bool WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string ReadExactly(int fd, size_t size) {
  std::string bytes(size, '\0');
  size_t got = 0;
  errno = 0;
  while (got < size) {
    const ssize_t n = read(fd, bytes.data() + got, size - got);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

std::string ReadToEnd(int fd) {
  std::string all;
  for (;;) {
    const std::string block = ReadExactly(fd, 64 * 1024);
    all += block;
    if (block.size() < 64 * 1024) return all;
  }
}

}  // namespace chat::testing
