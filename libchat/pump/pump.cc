#include "libchat/pump/pump.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace chat {
namespace {

constexpr unsigned kSpliceFlags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;

// Runs one non-blocking call until no signal interrupts it.
template <typename Call>
ssize_t Retry(Call call) {
  ssize_t n;
  do {
    n = call();
  } while (n < 0 && errno == EINTR);
  return n;
}

// A call on `fd` would not block now. If it would, errno is EAGAIN.
bool IsReady(int fd, short what) {  // NOLINT: as poll(2) has it
  pollfd entry{.fd = fd, .events = what, .revents = 0};
  if (poll(&entry, 1, 0) > 0) return true;
  errno = EAGAIN;
  return false;
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// The descriptor cannot be spliced (a tty, a file opened with O_APPEND), or a sandbox forbids it.
bool CannotSplice(int error) { return error == EINVAL || error == ENOSYS || error == EPERM; }

}  // namespace

Pump::Pump(int from, int to, PipePool& pool, std::string early)
    : from_(from), to_(to), pool_(pool), copied_(std::move(early)) {}

Pump::~Pump() { ReturnPipe(); }

Pump::Wait Pump::Run(size_t budget) {
  if (stopped_ == Wait::kDone || stopped_ == Wait::kReset) return stopped_;
  const uint64_t end = bytes_ + budget;
  for (;;) {
    while (held() > 0) {
      if (!Drain()) return stopped_;
    }
    ReturnPipe();
    if (input_ended_) {
      if (end_held_) return stopped_ = Wait::kReadable;
      Finish();
      return stopped_;
    }
    if (bytes_ >= end) return stopped_ = Wait::kAgain;
    if (!Fill(end - bytes_)) {
      ReturnPipe();
      return stopped_;
    }
  }
}

// Takes bytes from `from_`, with nothing held. False if the pump has to stop.
bool Pump::Fill(size_t limit) {
  if (can_splice_) pipe_ = pool_.Borrow();
  if (!pipe_) return FillByCopy();
  const size_t want = std::min(limit, pipe_->capacity());
  const ssize_t n = Retry(
      [&] { return splice(from_, nullptr, pipe_->write_end(), nullptr, want, kSpliceFlags); });
  if (n > 0) {
    piped_ = static_cast<size_t>(n);
    return true;
  }
  if (n == 0) return input_ended_ = true;
  if (WouldBlock(errno)) return Stop(Wait::kReadable);
  if (!CannotSplice(errno)) return Fail(errno, /*on_write=*/false);
  can_splice_ = false;
  ReturnPipe();
  return FillByCopy();
}

bool Pump::FillByCopy() {
  copied_.resize(kCopyBytes);
  copied_sent_ = 0;
  const ssize_t n = Retry([&] { return Read(copied_.data(), copied_.size()); });
  const int error = errno;
  if (n > 0) {
    copied_.resize(static_cast<size_t>(n));
    return true;
  }
  std::string().swap(copied_);
  if (n == 0) return input_ended_ = true;
  if (WouldBlock(error)) return Stop(Wait::kReadable);
  return Fail(error, /*on_write=*/false);
}

// Writes some of what is held. False if the pump has to stop.
bool Pump::Drain() {
  const bool from_copy = copied_sent_ < copied_.size();
  const ssize_t n = Retry([&] {
    if (from_copy) return Write(copied_.data() + copied_sent_, copied_.size() - copied_sent_);
    return splice(pipe_->read_end(), nullptr, to_, nullptr, piped_, kSpliceFlags);
  });
  if (n < 0) {
    if (WouldBlock(errno)) return Stop(Wait::kWritable);
    if (!from_copy && can_splice_ && CannotSplice(errno)) return UnpipeForCopy();
    return Fail(errno, /*on_write=*/true);
  }
  if (n == 0) return Fail(EIO, /*on_write=*/true);
  bytes_ += static_cast<uint64_t>(n);
  if (!from_copy) {
    piped_ -= static_cast<size_t>(n);
    return true;
  }
  copied_sent_ += static_cast<size_t>(n);
  if (copied_sent_ == copied_.size()) {
    std::string().swap(copied_);
    copied_sent_ = 0;
  }
  return true;
}

// `to_` cannot be spliced to: what the pipe holds goes on as a copy, and so does all that follows.
bool Pump::UnpipeForCopy() {
  can_splice_ = false;
  copied_.resize(piped_);
  copied_sent_ = 0;
  const ssize_t n = Retry([&] { return read(pipe_->read_end(), copied_.data(), copied_.size()); });
  if (n != static_cast<ssize_t>(piped_)) return Fail(EIO, /*on_write=*/true);
  piped_ = 0;
  return true;
}

void Pump::ReturnPipe() {
  if (!pipe_) return;
  pool_.Return(*std::move(pipe_), /*empty=*/piped_ == 0);
  pipe_.reset();
  piped_ = 0;
}

bool Pump::Stop(Wait reason) {
  stopped_ = reason;
  return false;
}

bool Pump::Fail(int error, bool on_write) {
  error_ = error;
  failed_on_write_ = on_write;
  ReturnPipe();
  std::string().swap(copied_);
  copied_sent_ = 0;
  return Stop(Wait::kReset);
}

void Pump::Finish() {
  if (shutdown(to_, SHUT_WR) == 0 || errno == ENOTSOCK) {
    stopped_ = Wait::kDone;
    return;
  }
  // ENOTCONN: a reset came after the last write, and nobody has been told yet.
  int pending = 0;
  socklen_t size = sizeof pending;
  const int error = errno;
  if (getsockopt(to_, SOL_SOCKET, SO_ERROR, &pending, &size) != 0 || pending == 0) pending = error;
  Fail(pending, /*on_write=*/true);
}

ssize_t Pump::Read(char* bytes, size_t size) const {
  if (!leaves_flags_) return read(from_, bytes, size);
  const ssize_t n = recv(from_, bytes, size, MSG_DONTWAIT);
  if (n >= 0 || errno != ENOTSOCK) return n;
  return IsReady(from_, POLLIN) ? read(from_, bytes, size) : -1;
}

ssize_t Pump::Write(const char* bytes, size_t size) const {
  if (!leaves_flags_) return write(to_, bytes, size);
  const ssize_t n = send(to_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0 || errno != ENOTSOCK) return n;
  // A pipe that is ready takes this many without blocking.
  return IsReady(to_, POLLOUT) ? write(to_, bytes, std::min<size_t>(size, PIPE_BUF)) : -1;
}

void ResetOnClose(int fd, bool on) {
  const linger reset{.l_onoff = on ? 1 : 0, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace chat
