#include "tools/chat-bench/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace chat::bench {
namespace {

absl::Status StallError(absl::string_view what) {
  return absl::DeadlineExceededError(absl::StrCat(what, ": nothing for ", kStallSeconds, " s"));
}

// Waits until `fd` is ready for one of `events`.
absl::Status Wait(int fd, short events, absl::string_view what) {
  pollfd poll_fd = {.fd = fd, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = poll(&poll_fd, 1, kStallSeconds * 1000);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return SystemError("poll");
  return ready > 0 ? absl::OkStatus() : StallError(what);
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

absl::Status SystemError(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::Status PeerError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::StatusOr<Socket> Connect(const HostPort& address) {
  const std::string shown = absl::StrCat(address.host, ":", address.port);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot find ", shown, ": ", gai_strerror(error)));
  }
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  absl::Status failure;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Socket socket(::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) return SystemError("socket");
    if (connect(socket.fd(), each->ai_addr, each->ai_addrlen) == 0) {
      SetOption(socket.fd(), IPPROTO_TCP, TCP_NODELAY, 1);
      return socket;
    }
    failure =
        absl::UnavailableError(absl::StrCat("cannot connect to ", shown, ": ", strerror(errno)));
  }
  return failure;
}

absl::StatusOr<Socket> ListenLocally(uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return SystemError("socket");
  SetOption(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_in local = {};
  local.sin_family = AF_INET;
  local.sin_port = htons(port);
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket.fd(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0 ||
      listen(socket.fd(), SOMAXCONN) != 0) {
    return SystemError(absl::StrCat("cannot listen on 127.0.0.1:", port));
  }
  return socket;
}

uint16_t LocalPort(const Socket& socket) {
  sockaddr_in local = {};
  socklen_t size = sizeof local;
  getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&local), &size);
  return ntohs(local.sin_port);
}

absl::StatusOr<Socket> Accept(const Socket& listener) {
  if (absl::Status status = Wait(listener.fd(), POLLIN, "accept"); !status.ok()) return status;
  Socket socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket.fd() < 0) return SystemError("accept");
  return socket;
}

absl::Status AllowDescriptors(uint64_t wanted) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SystemError("getrlimit");
  if (limit.rlim_max < wanted) {
    return absl::ResourceExhaustedError(absl::StrCat("at most ", limit.rlim_max,
                                                     " descriptors are allowed (ulimit -Hn), ",
                                                     wanted, " are needed"));
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return SystemError("setrlimit");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const HostPort& address,
                                                             std::unique_ptr<Endpoint> endpoint) {
  absl::StatusOr<Socket> socket = Connect(address);
  if (!socket.ok()) return socket.status();
  if (fcntl(socket->fd(), F_SETFL, O_NONBLOCK) != 0) return SystemError("fcntl");
  if (absl::Status status = endpoint->Open(); !status.ok()) return status;
  auto connection =
      std::unique_ptr<Connection>(new Connection(*std::move(socket), std::move(endpoint)));
  if (absl::Status status = connection->Flush(); !status.ok()) return status;
  return connection;
}

Connection::Connection(Socket socket, std::unique_ptr<Endpoint> endpoint)
    : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {}

absl::Status Connection::Flush() {
  std::string& output = endpoint_->output();
  size_t written = 0;
  while (written < output.size()) {
    const ssize_t n = send(fd(), output.data() + written, output.size() - written, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return PeerError("cannot write to the server");
    written += static_cast<size_t>(n);
  }
  output.erase(0, written);
  return absl::OkStatus();
}

absl::Status Connection::Read() {
  char bytes[64 * 1024];
  const ssize_t n = recv(fd(), bytes, sizeof bytes, 0);
  if (n == 0) return absl::UnavailableError("the server closed the connection");
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
  if (n < 0) return PeerError("cannot read from the server");
  input_.append(bytes, static_cast<size_t>(n));
  const absl::StatusOr<size_t> used = endpoint_->OnBytes(input_);
  if (!used.ok()) return used.status();
  consumed_ += *used;
  input_.erase(0, *used);
  return absl::OkStatus();
}

absl::Status Connection::Await(absl::FunctionRef<bool()> done) {
  while (true) {
    if (absl::Status status = Flush(); !status.ok()) return status;
    if (done()) return absl::OkStatus();
    const short events = flushed() ? POLLIN : POLLIN | POLLOUT;
    if (absl::Status status = Wait(fd(), events, "waiting for the server"); !status.ok()) {
      return status;
    }
    if (absl::Status status = Read(); !status.ok()) return status;
  }
}

}  // namespace chat::bench
