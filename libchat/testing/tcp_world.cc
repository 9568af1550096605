#include "libchat/testing/tcp_world.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace chat::testing {
namespace {

constexpr int kHangGuardMs = 20'000;

absl::Status Failed(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

TcpWorld::~TcpWorld() {
  for (const auto& [name, client] : clients_) {
    if (client.fd >= 0) ::close(client.fd);
  }
}

absl::Status TcpWorld::Connect(const std::string& client, const Dialect& dialect,
                               const DialectOptions& options) {
  const uint16_t port = find_port_(dialect, options);
  if (port == 0) return absl::UnimplementedError("the server does not listen for this");
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failed("socket");
  clients_[client].fd = fd;
  const int on = 1;  // a segment is sent as it is given
  if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) return Failed("TCP_NODELAY");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    return Failed("connect");
  }
  return absl::OkStatus();
}

absl::Status TcpWorld::Send(const std::string& client, absl::string_view bytes) {
  const int fd = clients_.at(client).fd;
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) break;  // the server has closed
    if (n < 0) return Failed("send");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status TcpWorld::HalfClose(const std::string& client) {
  if (::shutdown(clients_.at(client).fd, SHUT_WR) < 0 && errno != ENOTCONN) {
    return Failed("shutdown");
  }
  return absl::OkStatus();
}

absl::Status TcpWorld::Reset(const std::string& client) {
  Client& to = clients_.at(client);
  const linger none = {.l_onoff = 1, .l_linger = 0};
  if (::setsockopt(to.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) < 0) return Failed("linger");
  ::close(to.fd);
  to = {.fd = -1, .end = End::kReset};
  return absl::OkStatus();
}

absl::Status TcpWorld::Pass(absl::Duration) {
  return absl::UnimplementedError("the time of this world is real");
}

bool TcpWorld::Receive(const std::string& client, std::string* bytes, End* end) {
  Client& from = clients_.at(client);
  *end = from.end;
  if (from.end != End::kOpen) return false;
  pollfd readable = {.fd = from.fd, .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, kHangGuardMs) <= 0) return false;
  char buffer[4096];
  const ssize_t n = ::recv(from.fd, buffer, sizeof(buffer), 0);
  if (n > 0) {
    bytes->append(buffer, static_cast<size_t>(n));
    return true;
  }
  *end = from.end = n == 0 ? End::kHalfClosed : End::kReset;
  return false;
}

}  // namespace chat::testing
