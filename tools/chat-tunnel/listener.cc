#include "tools/chat-tunnel/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "asio/ip/tcp.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "tools/common/host_port.h"

namespace chat::tools {
namespace {

using asio::ip::tcp;

// How often a port is chosen anew that is free on one address of a name and not on the others.
constexpr int kPortAttempts = 32;

// How long to wait for others that make a Unix socket in the same directory.
constexpr int kLockAttempts = 100;
constexpr int kLockPauseMicroseconds = 20'000;

absl::Status CannotListen(absl::string_view where, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", where, ": ", why));
}

std::string Shown(const tcp::endpoint& endpoint) {
  return ToString(HostPort{endpoint.address().to_string(), endpoint.port()});
}

// Listens on `*endpoint`, which then has the port that was chosen. Returns the descriptor, or -1
// with errno set.
int ListenOn(tcp::endpoint* endpoint) {
  const int fd =
      socket(endpoint->protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // The other family's address may be one of this name, too.
  if (endpoint->address().is_v6()) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  socklen_t size = static_cast<socklen_t>(endpoint->size());
  if (bind(fd, endpoint->data(), size) == 0 && listen(fd, SOMAXCONN) == 0) {
    socklen_t capacity = static_cast<socklen_t>(endpoint->capacity());
    getsockname(fd, endpoint->data(), &capacity);
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// The machine has no such address: a name may have more than the machine.
bool IsMissing(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// Why the file at `path` must not be replaced; OK if it is a socket of ours that nobody listens on.
absl::Status CheckStale(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) return absl::UnavailableError("there is a file that is no socket");
  if (found.st_uid != geteuid()) return absl::UnavailableError("there is a socket of another user");
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  const bool refused =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  close(probe);
  if (refused) return absl::OkStatus();
  return absl::UnavailableError("a running program listens there");
}

// Waits for the lock of `directory`, but not for ever.
bool Lock(int directory) {
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    if (flock(directory, LOCK_EX | LOCK_NB) == 0) return true;
    usleep(kLockPauseMicroseconds);
  }
  return false;
}

// Binds `fd` to a file that only its owner can use. False with errno set.
bool BindPrivate(int fd, const sockaddr_un& address) {
  const mode_t mask = umask(0177);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  umask(mask);
  errno = error;
  return bound;
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(asio::any_io_executor executor, const Forward& forward) {
  Listener listener(std::move(executor));
  const absl::Status status =
      forward.path.empty() ? listener.ListenTcp(forward) : listener.ListenUnix(forward.path);
  if (!status.ok()) return status;
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : executor_(other.executor_),
      sockets_(std::move(other.sockets_)),
      address_(std::move(other.address_)),
      shown_(std::move(other.shown_)),
      open_(std::exchange(other.open_, false)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

Listener::~Listener() { Close(); }

absl::Status Listener::ListenTcp(const Forward& forward) {
  const std::string where = ToString(HostPort{forward.bind, forward.port});
  asio::error_code error;
  tcp::resolver resolver(executor_);
  const tcp::resolver::results_type found =
      resolver.resolve(forward.bind, absl::StrCat(forward.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error) return CannotListen(where, error.message());
  int attempts = forward.port == 0 ? kPortAttempts : 1;
  for (;;) {
    std::vector<tcp::endpoint> bound;
    std::optional<std::string> failed;
    std::string missing;
    bool in_use = false;
    uint16_t port = forward.port;
    for (const auto& entry : found) {
      tcp::endpoint endpoint = entry.endpoint();
      endpoint.port(port);
      const bool twice = std::find(bound.begin(), bound.end(), endpoint) != bound.end();
      if (twice) continue;
      const int fd = ListenOn(&endpoint);
      if (fd >= 0) {
        Add(fd);
        port = endpoint.port();
        bound.push_back(endpoint);
        continue;
      }
      const std::string why = absl::StrCat(Shown(endpoint), ": ", strerror(errno));
      if (IsMissing(errno)) {
        missing = why;
      } else {
        in_use = errno == EADDRINUSE;
        failed = why;
        break;
      }
    }
    if (!failed && bound.empty()) failed = missing;
    if (!failed) {
      shown_ = absl::StrJoin(bound, " and ", [](std::string* out, const tcp::endpoint& endpoint) {
        absl::StrAppend(out, Shown(endpoint));
      });
      address_ = bound.size() == 1 ? shown_ : ToString(HostPort{forward.bind, port});
      return absl::OkStatus();
    }
    sockets_.clear();
    if (!in_use || --attempts <= 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", *failed));
    }
  }
}

absl::Status Listener::ListenUnix(const std::string& path) {
  const std::string where = absl::StrCat("unix:", path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotListen(where, strerror(errno));
  Add(fd);
  // Two that want the same file take it one after the other: the second one finds the first alive.
  const size_t slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : path.substr(0, slash + 1);
  const int lock = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return CannotListen(where, strerror(errno));
  const absl::Cleanup unlock = [lock] { close(lock); };
  if (!Lock(lock)) {
    return CannotListen(where, absl::StrCat("another process holds a lock on ", directory));
  }
  const sockaddr_un address = AddressOf(path);
  bool bound = BindPrivate(fd, address);
  if (!bound && errno == EADDRINUSE) {
    if (absl::Status status = CheckStale(path); !status.ok()) {
      return CannotListen(where, status.message());
    }
    unlink(path.c_str());
    bound = BindPrivate(fd, address);
  }
  if (!bound || listen(fd, SOMAXCONN) != 0) return CannotListen(where, strerror(errno));
  struct stat made;
  if (lstat(path.c_str(), &made) == 0) {
    path_ = path;
    device_ = made.st_dev;
    inode_ = made.st_ino;
  }
  address_ = shown_ = where;
  return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<int>> Listener::Accept(size_t n) {
  for (;;) {
    if (!open_) co_return absl::CancelledError("closed");
    const int fd =
        accept4(sockets_[n].native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) co_return fd;
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (errno != EAGAIN) co_return absl::UnavailableError(strerror(errno));
    asio::error_code ignored;
    co_await sockets_[n].async_wait(asio::posix::stream_descriptor::wait_read,
                                    asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void Listener::Close() {
  if (!std::exchange(open_, false)) return;
  asio::error_code ignored;
  for (asio::posix::stream_descriptor& socket : sockets_) socket.close(ignored);
  struct stat found;
  if (!path_.empty() && lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
      found.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

}  // namespace chat::tools
