#ifndef LIBCHAT_WIRE_SCANNER_H_
#define LIBCHAT_WIRE_SCANNER_H_

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace chat::wire {

// Finds a delimiter in a buffer that grows at its end and is consumed at its front, and remembers
// how far it looked: a peer who sends a line one byte at a time costs one look a byte, not one scan
// of the line a byte. (With a delimiter of n bytes the last n-1 bytes are looked at again, since a
// delimiter may have begun there.)
//
//   DelimiterScanner lines("\r\n");
//   while ((end = lines.Find(buffer)) != DelimiterScanner::npos) {
//     Handle(buffer.substr(0, end));
//     buffer.remove_prefix(end + 2);
//     lines.Advance(end + 2);
//   }
//
// Thread safety: none; a scanner belongs to one session.
//
// Invariant: no delimiter begins before scanned().
class DelimiterScanner {
 public:
  static constexpr size_t npos = absl::string_view::npos;

  // The delimiter has at least one byte and MUST OUTLIVE the scanner: it is meant to be a literal.
  explicit DelimiterScanner(absl::string_view delimiter) : delimiter_(delimiter) {
    assert(!delimiter.empty());
  }

  // The offset of the first delimiter in `buffer`, or npos when it is not there yet. `buffer`
  // begins with the bytes of the last call (less what Advance took); it may lie at another address.
  // Asking again without Advance gives the same answer at no cost.
  size_t Find(absl::string_view buffer) {
    const size_t at = buffer.find(delimiter_, scanned_);
    if (at != npos) {
      scanned_ = at;
      return at;
    }
    const size_t overlap = delimiter_.size() - 1;
    if (buffer.size() > overlap) scanned_ = std::max(scanned_, buffer.size() - overlap);
    return npos;
  }

  // The first `n` bytes of the buffer are gone.
  void Advance(size_t n) { scanned_ -= std::min(n, scanned_); }

  // The next buffer is a new one.
  void Reset() { scanned_ = 0; }

  // Offset in the buffer from where the next Find looks.
  size_t scanned() const { return scanned_; }

 private:
  absl::string_view delimiter_;
  size_t scanned_ = 0;
};

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_SCANNER_H_
