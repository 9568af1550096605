#include "tools/common/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::tools {
namespace {

// Owns a descriptor, or -1.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Waits for events of a descriptor by way of an epoll descriptor: its flags are its own, so asio
// may set them.
class Readiness {
 public:
  Readiness(asio::any_io_executor executor, int fd, uint32_t events) : epoll_(std::move(executor)) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return;
    epoll_event event{};
    event.events = events;
    asio::error_code error;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) epoll_.assign(epoll, error);
    if (!epoll_.is_open()) ::close(epoll);
  }

  // False for what is always ready, such as files.
  bool waits() const { return epoll_.is_open(); }

  // Ends at once if this does not wait.
  asio::awaitable<void> Wait() {
    asio::error_code error;  // of the wait: says only that there will be none
    if (waits()) {
      co_await epoll_.async_wait(asio::posix::descriptor_base::wait_read,
                                 asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await asio::post(epoll_.get_executor(), asio::use_awaitable);
    }
  }

  template <typename Handler>
  void OnReady(Handler handler) {
    if (waits()) epoll_.async_wait(asio::posix::descriptor_base::wait_read, std::move(handler));
  }

  asio::any_io_executor executor() { return epoll_.get_executor(); }

  // Ends the waits.
  void Close() {
    asio::error_code ignored;
    epoll_.close(ignored);
  }

 private:
  asio::posix::stream_descriptor epoll_;
};

// How a read or a write does not block although others share the description.
enum class Way {
  kOwn,     // they do not: it is our own, and non-blocking
  kSocket,  // MSG_DONTWAIT
  kShared,  // RWF_NOWAIT, where the kernel can do that
};

bool IsSocket(int fd) {
  struct stat status;
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

// `fd` by a descriptor of our own.
class Channel {
 public:
  Channel(int fd, int access) : Channel(fd, OwnDescription(fd, access), IsSocket(fd)) {}

  int fd() const { return fd_.get(); }
  Way way() const { return way_; }

 private:
  Channel(int fd, int own, bool is_socket)
      : way_(own >= 0    ? Way::kOwn
             : is_socket ? Way::kSocket
                         : Way::kShared),
        fd_(own >= 0 ? own : ::fcntl(fd, F_DUPFD_CLOEXEC, 3)) {}

  const Way way_;
  const Descriptor fd_;
};

// The kernel or this kind of file does not know RWF_NOWAIT.
bool CannotSayNoWait(int error) {
  return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == ESPIPE;
}

// Reads what is there. `waits`: it is no file. Only a pipe or terminal that cannot be opened again
// can make it wait, and only if another process takes what was there a moment ago.
ssize_t ReadNow(const Channel& channel, bool waits, absl::Span<char> buffer) {
  if (channel.way() == Way::kSocket) {
    return ::recv(channel.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  }
  if (channel.way() == Way::kShared && waits) {
    const iovec part{buffer.data(), buffer.size()};
    const ssize_t n = ::preadv2(channel.fd(), &part, 1, -1, RWF_NOWAIT);
    if (n >= 0 || !CannotSayNoWait(errno)) return n;
  }
  return ::read(channel.fd(), buffer.data(), buffer.size());
}

// Writes what there is room for, or all of it into a file. -1 with errno EOPNOTSUPP if this cannot
// be done without waiting.
ssize_t WriteNow(const Channel& channel, bool waits, absl::string_view bytes) {
  if (channel.way() == Way::kSocket) {
    return ::send(channel.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (channel.way() == Way::kShared && waits) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const ssize_t n = ::pwritev2(channel.fd(), &part, 1, -1, RWF_NOWAIT);
    if (n < 0 && CannotSayNoWait(errno)) errno = EOPNOTSUPP;
    return n;
  }
  return ::write(channel.fd(), bytes.data(), bytes.size());
}

absl::Status Errno(absl::string_view what, int error) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(error)));
}

bool NobodyReads(int fd) {
  pollfd poll{fd, 0, 0};
  return ::poll(&poll, 1, 0) == 1 && (poll.revents & (POLLERR | POLLHUP)) != 0;
}

// A write that waits, on a thread of its own, which may outlive the event loop: all that it needs
// is here.
struct WaitingWrite {
  WaitingWrite(int fd, int done_fd, absl::string_view text)
      : output(::fcntl(fd, F_DUPFD_CLOEXEC, 3)), done(done_fd), bytes(text) {}

  // Returns errno, or 0.
  int Run() const {
    absl::string_view left = bytes;
    while (!left.empty()) {
      const ssize_t n = ::write(output.get(), left.data(), left.size());
      if (n >= 0) {
        left.remove_prefix(static_cast<size_t>(n));
      } else if (errno == EAGAIN) {
        pollfd writable{output.get(), POLLOUT, 0};
        ::poll(&writable, 1, -1);
      } else if (errno != EINTR) {
        return errno;
      }
    }
    return 0;
  }

  const Descriptor output;
  const Descriptor done;  // a pipe, for what Run returns
  const std::string bytes;
};

// Writes all of `bytes`; returns errno, or 0.
asio::awaitable<int> WriteOnThread(asio::any_io_executor executor, int fd,
                                   absl::string_view bytes) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) co_return errno;
  const Descriptor result(ends[0]);
  Readiness ended(executor, result.get(), EPOLLIN);
  const auto write = std::make_shared<const WaitingWrite>(fd, ends[1], bytes);
  std::thread([write] {
    const int error = write->Run();
    (void)!::write(write->done.get(), &error, sizeof(error));
  }).detach();
  co_await ended.Wait();
  int error = EIO;
  (void)!::read(result.get(), &error, sizeof(error));
  co_return error;
}

}  // namespace

int OwnDescription(int fd, int access) {
  struct stat status;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fstat(fd, &status) != 0) return -1;
  // Whoever handed it over chose its direction.
  if ((flags & O_ACCMODE) != access && (flags & O_ACCMODE) != O_RDWR) return -1;
  int number = 0;  // of the terminal that belongs to a master
  const bool is_master = ::ioctl(fd, TIOCGPTN, &number) == 0;
  const bool is_terminal = S_ISCHR(status.st_mode) && ::isatty(fd) != 0 && !is_master;
  if (!S_ISFIFO(status.st_mode) && !is_terminal) return -1;
  const std::string path = absl::StrCat("/proc/self/fd/", fd);
  return ::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct Input::State {
  State(asio::any_io_executor executor, int fd)
      : channel(fd, O_RDONLY), readable(std::move(executor), channel.fd(), EPOLLIN) {}

  const Channel channel;
  Readiness readable;
  bool cancelled = false;
};

Input::Input(asio::any_io_executor executor, int fd)
    : state_(std::make_shared<State>(std::move(executor), fd)) {}

Input::~Input() { Cancel(); }

asio::awaitable<absl::StatusOr<size_t>> Input::Read(absl::Span<char> buffer) {
  const std::shared_ptr<State> state = state_;
  for (;;) {
    if (!state->cancelled) co_await state->readable.Wait();
    if (state->cancelled) co_return absl::CancelledError("no longer wanted");
    const ssize_t n = ReadNow(state->channel, state->readable.waits(), buffer);
    if (n >= 0) co_return static_cast<size_t>(n);
    // EIO: a terminal that has gone.
    if (errno != EINTR && errno != EAGAIN) co_return Errno("cannot read the input", errno);
  }
}

void Input::Cancel() {
  state_->cancelled = true;
  state_->readable.Close();
}

struct Output::State {
  State(asio::any_io_executor executor, int fd)
      : channel(fd, O_WRONLY),
        writable(executor, channel.fd(), EPOLLOUT),
        broken(executor, channel.fd(), 0) {}  // errors and hang-ups are reported unasked

  const Channel channel;
  Readiness writable;
  Readiness broken;
  std::function<void()> gone;
  bool closed = false;
};

Output::Output(asio::any_io_executor executor, int fd)
    : state_(std::make_shared<State>(std::move(executor), fd)) {}

Output::~Output() {
  state_->gone = nullptr;
  state_->closed = true;
  state_->writable.Close();
  state_->broken.Close();
}

asio::awaitable<absl::Status> Output::Write(absl::string_view bytes) {
  const std::shared_ptr<State> state = state_;
  while (!bytes.empty()) {
    const ssize_t n = WriteNow(state->channel, state->writable.waits(), bytes);
    int error = n < 0 ? errno : 0;
    if (error == EOPNOTSUPP) {
      const asio::any_io_executor executor = state->writable.executor();
      error = co_await WriteOnThread(executor, state->channel.fd(), bytes);
      if (error == 0) co_return absl::OkStatus();
    }
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (error == EAGAIN) {
      co_await state->writable.Wait();
      if (state->closed) co_return absl::CancelledError("no longer wanted");
    } else if (error == EPIPE) {
      co_return absl::AbortedError("nobody reads the output any more");
    } else if (error != EINTR) {
      co_return Errno("cannot write the output", error);
    }
  }
  co_return absl::OkStatus();
}

void Output::OnReaderGone(std::function<void()> gone) {
  state_->gone = std::move(gone);
  state_->broken.OnReady([state = state_](asio::error_code error) {
    if (error || state->gone == nullptr) return;
    if (NobodyReads(state->channel.fd())) state->gone();
  });
}

}  // namespace chat::tools
