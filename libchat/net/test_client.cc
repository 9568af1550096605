#include "libchat/net/test_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace chat::net {
namespace {

sockaddr_in AddressOf(const char* host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = ::inet_addr(host);
  return address;
}

}  // namespace

bool Await(const std::function<bool()>& condition, absl::string_view what) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(kHangGuardSeconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) {
      ADD_FAILURE() << "waited in vain for this: " << what;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // then looks again
  }
  return true;
}

TestClient::TestClient() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  EXPECT_GE(fd_, 0) << std::strerror(errno);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

TestClient::TestClient(uint16_t port, const char* from, int receive_buffer) : TestClient() {
  // The port is chosen at connect.
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  if (receive_buffer != 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  const sockaddr_in own = AddressOf(from, 0);
  EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)), 0)
      << std::strerror(errno);
  EXPECT_TRUE(Connect(port)) << std::strerror(errno);
}

TestClient TestClient::Of(int fd) { return TestClient(Owned{fd}); }

bool TestClient::Connect(uint16_t port) {
  const sockaddr_in server = AddressOf("127.0.0.1", port);
  return ::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) == 0;
}

bool TestClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

size_t TestClient::SendSome(absl::string_view bytes) {
  const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return n < 0 ? 0 : static_cast<size_t>(n);
}

void TestClient::HalfClose() { ::shutdown(fd_, SHUT_WR); }

void TestClient::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void TestClient::Reset() {
  const linger none = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  Close();
}

bool TestClient::Readable() const {
  if (!unread_.empty()) return true;
  pollfd readable = {.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, 0) > 0;
}

StreamEnd TestClient::Fill() {
  char buffer[64 * 1024];
  for (;;) {
    pollfd readable = {.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, kHangGuardSeconds * 1000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ADD_FAILURE() << "nothing came, and no end";
      return StreamEnd::kReset;
    }
    const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return StreamEnd::kReset;
    if (n == 0) return StreamEnd::kClean;
    unread_.append(buffer, static_cast<size_t>(n));
    return StreamEnd::kNone;
  }
}

std::string TestClient::Receive(size_t size) {
  while (unread_.size() < size && Fill() == StreamEnd::kNone) {
  }
  std::string bytes = unread_.substr(0, size);
  unread_.erase(0, size);
  return bytes;
}

bool TestClient::Expect(absl::string_view bytes) {
  const std::string came = Receive(bytes.size());
  if (came == bytes) return true;
  ADD_FAILURE() << "expected: " << absl::CHexEscape(bytes)
                << "\n     got: " << absl::CHexEscape(came);
  return false;
}

std::string TestClient::ReceiveAll(StreamEnd* end) {
  while ((*end = Fill()) == StreamEnd::kNone) {
  }
  return std::exchange(unread_, std::string());
}

StreamEnd TestClient::AwaitEnd() {
  StreamEnd end = StreamEnd::kNone;
  while ((end = Fill()) == StreamEnd::kNone) unread_.clear();
  return end;
}

TestListener::TestListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in own = AddressOf("127.0.0.1", 0);
  socklen_t size = sizeof(own);
  sockaddr* const address = reinterpret_cast<sockaddr*>(&own);
  EXPECT_EQ(::bind(fd_, address, size), 0) << std::strerror(errno);
  EXPECT_EQ(::listen(fd_, 16), 0) << std::strerror(errno);
  EXPECT_EQ(::getsockname(fd_, address, &size), 0) << std::strerror(errno);
  port_ = ntohs(own.sin_port);
}

TestListener::~TestListener() { ::close(fd_); }

TestClient TestListener::Accept() {
  pollfd readable = {.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, kHangGuardSeconds * 1000) <= 0) {
    ADD_FAILURE() << "nobody connects";
    return TestClient();
  }
  return TestClient::Of(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
}

}  // namespace chat::net
