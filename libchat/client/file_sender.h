// Reads a file in pieces, to send it to another user.

#ifndef LIBCHAT_CLIENT_FILE_SENDER_H_
#define LIBCHAT_CLIENT_FILE_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "libchat/client/file_name.h"

namespace chat::client {

// The next bytes of a file. DIES WITH THE NEXT CALL of Next and with its FileSender.
struct FilePiece {
  absl::string_view content;
  bool last = false;  // nothing comes behind it
};

struct FileSenderOptions {
  uint64_t max_file_bytes = kMaxFileBytes;
};

// Thread safety: none. It lives on its executor's one thread, and outlives the coroutines that it
// returned.
class FileSender {
 public:
  // Opens a file, a pipe, or what /dev/stdin is.
  //   kNotFound           there is no such file
  //   kPermissionDenied   it must not be read
  //   kInvalidArgument    it is a directory, or its name breaks a rule for names (CheckFileName)
  //   kResourceExhausted  it is over the limit
  // and, for what else open(2) says, what absl::ErrnoToStatus makes of it.
  static absl::StatusOr<std::unique_ptr<FileSender>> Open(asio::any_io_executor executor,
                                                          const std::string& path,
                                                          FileSenderOptions options = {});
  FileSender(const FileSender&) = delete;
  FileSender& operator=(const FileSender&) = delete;

  // Its plain name, without directories.
  const std::string& name() const { return name_; }
  // How many bytes will come, if that is known: exactly so many then, even if the file grows.
  std::optional<uint64_t> size() const { return size_; }
  // How many have come, for progress.
  uint64_t bytes() const { return bytes_; }

  // The next `piece_bytes` (> 0) bytes. What is shorter, possibly empty, is the last piece, and
  // nothing else is: so what has just the size of some whole pieces ends with an empty one.
  // Waits where there is nothing yet (a pipe, a terminal). After the last piece it must not be
  // called again.
  //   kDataLoss           the file has become shorter than it was
  //   kResourceExhausted  more has come than the limit allows
  //   kInternal           an I/O error
  asio::awaitable<absl::StatusOr<FilePiece>> Next(size_t piece_bytes);

 private:
  FileSender(asio::posix::stream_descriptor file, std::string name, std::optional<uint64_t> size,
             uint64_t max_bytes);

  asio::awaitable<absl::Status> ReadSome();

  asio::posix::stream_descriptor file_;
  const std::string name_;
  const std::optional<uint64_t> size_;
  const uint64_t max_bytes_;
  std::string buffer_;  // read, and from next_ on not handed out yet
  size_t next_ = 0;
  uint64_t read_ = 0;  // bytes, in all
  uint64_t bytes_ = 0;
  bool ended_ = false;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_FILE_SENDER_H_
