// Bytes between a socket and a session.

#ifndef LIBCHAT_CLIENT_READ_BUFFER_H_
#define LIBCHAT_CLIENT_READ_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "asio/buffer.hpp"

namespace chat::client {

// Bytes that were received and not consumed yet, in one piece. Thread safety: none.
class ReadBuffer {
 public:
  // What one read asks for, and the most that is kept of a packet that is not complete yet.
  static constexpr size_t kReadBytes = 64 * 1024;
  static constexpr size_t kMaxUnconsumed = 256 * 1024;

  // DIES WITH THE NEXT CALL of Prepare or Append.
  absl::string_view unconsumed() const { return {bytes_.data() + begin_, end_ - begin_}; }
  bool full() const { return end_ - begin_ >= kMaxUnconsumed; }

  // Room for the next read.
  asio::mutable_buffer Prepare() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (begin_ > 0 && bytes_.size() - end_ < kReadBytes) {
      std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (bytes_.size() - end_ < kReadBytes) bytes_.resize(end_ + kReadBytes);
    return asio::buffer(bytes_.data() + end_, kReadBytes);
  }
  void Commit(size_t n) { end_ += n; }
  void Append(absl::string_view bytes) {
    while (!bytes.empty()) {
      const size_t n = asio::buffer_copy(Prepare(), asio::buffer(bytes.data(), bytes.size()));
      Commit(n);
      bytes.remove_prefix(n);
    }
  }
  void Consume(size_t n) { begin_ += n; }

 private:
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_READ_BUFFER_H_
