#include "tools/common/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::tools {
namespace {

using Descriptor = asio::posix::stream_descriptor;

// Registers `fd` with the event loop. What that does not know, as files, is always ready.
void Assign(Descriptor& descriptor, int fd) {
  asio::error_code ignored;  // an invalid fd shows when it is used
  if (fd >= 0) descriptor.assign(fd, ignored);
}

absl::Status Errno(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

// Another description of the same pipe, so that it can be non-blocking while everybody else's
// stays as it is; of anything else, a duplicate.
int OpenForWriting(int fd) {
  struct stat status;
  if (::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode)) {
    const std::string path = absl::StrCat("/proc/self/fd/", fd);
    const int pipe = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (pipe >= 0) return pipe;
  }
  return ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

bool NobodyReads(int fd) {
  pollfd poll{fd, 0, 0};
  return ::poll(&poll, 1, 0) == 1 && (poll.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace

Input::Input(asio::any_io_executor executor, int fd) : descriptor_(std::move(executor)) {
  Assign(descriptor_, ::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

asio::awaitable<absl::StatusOr<size_t>> Input::Read(absl::Span<char> buffer) {
  for (;;) {
    asio::error_code error;  // of the wait: says only that the read will not wait
    co_await descriptor_.async_wait(Descriptor::wait_read,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (cancelled_) co_return absl::CancelledError("no longer wanted");
    const ssize_t n = ::read(descriptor_.native_handle(), buffer.data(), buffer.size());
    if (n >= 0) co_return static_cast<size_t>(n);
    // EIO: a terminal that has gone.
    if (errno != EINTR && errno != EAGAIN) co_return Errno("cannot read the input");
  }
}

void Input::Cancel() {
  cancelled_ = true;
  asio::error_code ignored;
  descriptor_.cancel(ignored);
}

struct Output::State {
  State(asio::any_io_executor executor, int fd) : descriptor(std::move(executor)) {
    Assign(descriptor, OpenForWriting(fd));
  }

  Descriptor descriptor;
  std::function<void()> gone;
};

Output::Output(asio::any_io_executor executor, int fd)
    : state_(std::make_shared<State>(std::move(executor), fd)) {}

Output::~Output() {
  state_->gone = nullptr;
  asio::error_code ignored;
  state_->descriptor.close(ignored);
}

asio::awaitable<absl::Status> Output::Write(absl::string_view bytes) {
  const std::shared_ptr<State> state = state_;
  while (!bytes.empty()) {
    const ssize_t n = ::write(state->descriptor.native_handle(), bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(n);
    } else if (errno == EAGAIN) {
      asio::error_code error;
      co_await state->descriptor.async_wait(Descriptor::wait_write,
                                            asio::redirect_error(asio::use_awaitable, error));
    } else if (errno == EPIPE) {
      co_return absl::AbortedError("nobody reads the output any more");
    } else if (errno != EINTR) {
      co_return Errno("cannot write the output");
    }
  }
  co_return absl::OkStatus();
}

void Output::OnReaderGone(std::function<void()> gone) {
  state_->gone = std::move(gone);
  state_->descriptor.async_wait(Descriptor::wait_error, [state = state_](asio::error_code error) {
    if (error || state->gone == nullptr) return;
    if (NobodyReads(state->descriptor.native_handle())) state->gone();
  });
}

}  // namespace chat::tools
