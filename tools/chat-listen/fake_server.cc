#include "tools/chat-listen/fake_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

constexpr int kHangGuardMs = 60'000;

std::string BigEndian(size_t number) {
  const uint32_t value = htonl(static_cast<uint32_t>(number));
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

bool Ready(int fd, short events, int patience_ms) {
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, patience_ms) == 1;
}

// Exactly so many bytes.
std::string Read(int fd, size_t size) {
  std::string bytes(size, '\0');
  for (size_t have = 0; have < size;) {
    if (!Ready(fd, POLLIN, kHangGuardMs)) break;
    const ssize_t n = ::recv(fd, bytes.data() + have, size - have, 0);
    if (n <= 0) break;
    have += n;
    if (have == size) return bytes;
  }
  ADD_FAILURE() << "the client says nothing";
  return bytes;
}

}  // namespace

FakeServer::FakeServer()
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener_, any, size), 0) << strerror(errno);
  EXPECT_EQ(::listen(listener_, 16), 0) << strerror(errno);
  EXPECT_EQ(::getsockname(listener_, any, &size), 0) << strerror(errno);
  url_ = absl::StrCat("chaton://127.0.0.1:", ntohs(address.sin_port));
}

FakeServer::~FakeServer() {
  Close();
  ::close(listener_);
}

std::string FakeServer::Accept() {
  Close();
  if (!Ready(listener_, POLLIN, kHangGuardMs)) {
    ADD_FAILURE() << "nobody connects";
    return "";
  }
  fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  EXPECT_GE(fd_, 0) << strerror(errno);
  const std::string head = Read(fd_, 5);  // 0, and the size of the name
  return Read(fd_, static_cast<unsigned char>(head[4]));
}

std::string FakeServer::Message(absl::string_view from, absl::string_view body) {
  return absl::StrCat("\x03", BigEndian(from.size()), from, BigEndian(body.size()), body);
}

void FakeServer::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (!Ready(fd_, POLLOUT, kHangGuardMs)) {
      ADD_FAILURE() << "the client does not read";
      return;
    }
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) continue;
    if (n < 0) {
      ADD_FAILURE() << strerror(errno);
      return;
    }
    bytes.remove_prefix(n);
  }
}

size_t FakeServer::SendUntilItStops(absl::string_view bytes, size_t at_least, int patience_ms) {
  absl::string_view rest = bytes;
  size_t sent = 0;
  while (Ready(fd_, POLLOUT, sent < at_least ? kHangGuardMs : patience_ms)) {
    const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) continue;
    if (n < 0) {
      ADD_FAILURE() << strerror(errno);
      break;
    }
    sent += n;
    rest.remove_prefix(n);
    if (rest.empty()) rest = bytes;
  }
  EXPECT_GE(sent, at_least) << "the client stopped reading";
  return sent;
}

bool FakeServer::AwaitEnd() {
  char bytes[4096];
  for (;;) {
    if (!Ready(fd_, POLLIN, kHangGuardMs)) {
      ADD_FAILURE() << "the client does not end";
      return false;
    }
    const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) return n == 0;
  }
}

void FakeServer::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void FakeServer::Reset() {
  const linger now = {1, 0};
  EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
  Close();
}

}  // namespace chat::testing
