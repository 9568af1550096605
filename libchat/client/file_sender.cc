#include "libchat/client/file_sender.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::client {
namespace {

using asio::posix::stream_descriptor;

constexpr size_t kReadBytes = 64 * 1024;

// What a file says about its size. Files of /proc and the like say 0, and are not empty.
std::optional<uint64_t> KnownSize(int fd, const struct stat& found) {
  if (!S_ISREG(found.st_mode)) return std::nullopt;
  char byte;
  if (found.st_size == 0 && ::pread(fd, &byte, 1, 0) != 0) return std::nullopt;
  return found.st_size;
}

}  // namespace

FileSender::FileSender(stream_descriptor file, std::string name, std::optional<uint64_t> size,
                       uint64_t max_bytes)
    : file_(std::move(file)), name_(std::move(name)), size_(size), max_bytes_(max_bytes) {}

absl::StatusOr<std::unique_ptr<FileSender>> FileSender::Open(asio::any_io_executor executor,
                                                             const std::string& path,
                                                             FileSenderOptions options) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  // Non-blocking: to open a pipe does not wait for who will write to it.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  stream_descriptor file(std::move(executor), fd);
  struct stat found;
  if (::fstat(fd, &found) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  if (S_ISDIR(found.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a directory"));
  }
  if (absl::Status status = CheckFileName(name); !status.ok()) return status;
  const std::optional<uint64_t> size = KnownSize(fd, found);
  if (size.value_or(0) > options.max_file_bytes) return FileTooLarge(name, options.max_file_bytes);
  return absl::WrapUnique(
      new FileSender(std::move(file), std::move(name), size, options.max_file_bytes));
}

asio::awaitable<absl::Status> FileSender::ReadSome() {
  const size_t room = size_ ? std::min<uint64_t>(kReadBytes, *size_ - read_) : kReadBytes;
  buffer_.erase(0, std::exchange(next_, 0));
  const size_t held = buffer_.size();
  buffer_.resize(held + room);
  ssize_t n = 0;
  do {
    // Before each read: a pipe that nobody has opened for writing yet looks as if it were at its
    // end. A regular file cannot be waited for, and need not be: that error counts as ready.
    asio::error_code ignored;
    co_await file_.async_wait(stream_descriptor::wait_read,
                              asio::redirect_error(asio::use_awaitable, ignored));
    n = ::read(file_.native_handle(), buffer_.data() + held, room);
  } while (n < 0 && (errno == EAGAIN || errno == EINTR));
  const int error = errno;
  buffer_.resize(held + std::max<ssize_t>(n, 0));
  if (n < 0) {
    co_return absl::InternalError(absl::StrCat("cannot read ", name_, ": ", strerror(error)));
  }
  read_ += n;
  ended_ = n == 0 || read_ == size_;
  if (n == 0 && read_ < size_.value_or(0)) {
    co_return absl::DataLossError(
        absl::StrCat(name_, " has become shorter while it was being sent"));
  }
  if (read_ > max_bytes_) co_return FileTooLarge(name_, max_bytes_);
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<FilePiece>> FileSender::Next(size_t piece_bytes) {
  while (!ended_ && buffer_.size() - next_ < piece_bytes) {
    if (absl::Status status = co_await ReadSome(); !status.ok()) co_return status;
  }
  const size_t size = std::min(piece_bytes, buffer_.size() - next_);
  const absl::string_view content(buffer_.data() + next_, size);
  next_ += size;
  bytes_ += size;
  co_return FilePiece{content, size < piece_bytes};
}

}  // namespace chat::client
