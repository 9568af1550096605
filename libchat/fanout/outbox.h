// What is due to one connection: ranges of a broadcast log, and bytes of its own between them.

#ifndef LIBCHAT_FANOUT_OUTBOX_H_
#define LIBCHAT_FANOUT_OUTBOX_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libchat/fanout/broadcast_log.h"

namespace chat::fanout {

// A queue without a socket. A connection that is up to date owns nothing here but its position.
//
// Thread safety: none; it belongs to its connection's thread. `head` arguments are heads of the log
// that is followed, loaded on that thread.
// Invariants:
//  - marks_ are in the order of their `at`; a mark's `at` is never below the `resume` of the one
//    before it, nor below the cursor.
//  - Of what was written, it keeps a piece at most, though it may never have written everything.
//  - front_sent_ is less than the size of the first mark's bytes, or 0.
class Outbox {
 public:
  // From `start` on, what the log gets is due, behind all that was appended before.
  void Follow(LogPosition start);
  // Nothing at or behind `end` of the log is due any more; everything before it still is, and all
  // of its own: where some of that was appended behind `end`, the log ends there.
  void Unfollow(uint64_t end);
  bool following() const { return static_cast<bool>(cursor_.chunk); }

  // Bytes of its own (copied), due once the log up to `at` is; in the order of the calls. Without a
  // log `at` does not matter.
  void Append(absl::string_view bytes, uint64_t at);
  // Leaves out [begin, end) of the log, as far as it has not been consumed.
  void Skip(uint64_t begin, uint64_t end);

  // Fills `out` with what is due, at most about `max_bytes` of it. Returns how many entries. They
  // point into this outbox and the log: VALID UNTIL THE NEXT CALL THAT CHANGES EITHER.
  size_t Gather(uint64_t head, size_t max_bytes, absl::Span<iovec> out) const;
  // The first `size` of the bytes gathered were written.
  void Consume(size_t size);

  // True if something is due.
  bool HasData(uint64_t head) const;
  // Bytes between its position and the head: the log keeps them for it, due or not (see Unfollow).
  uint64_t lag(uint64_t head) const;
  // Bytes of its own that wait.
  size_t own_bytes() const { return own_bytes_; }

  // Takes everything that is due out, as bytes, and is empty and without a log then. For a
  // connection that is handed on.
  std::string TakeAll(uint64_t head);

 private:
  // At position `at` of the log: first `bytes`, then go on at `resume`.
  struct Mark {
    uint64_t at = 0;
    uint64_t resume = 0;
    std::string bytes;
  };

  void Advance(uint64_t to);
  void PopFrontMarks();

  LogPosition cursor_;
  uint64_t end_ = std::numeric_limits<uint64_t>::max();  // see Unfollow
  std::vector<Mark> marks_;
  size_t first_ = 0;       // marks before it are done
  size_t front_sent_ = 0;  // of the first mark's bytes
  size_t own_bytes_ = 0;
};

}  // namespace chat::fanout

#endif  // LIBCHAT_FANOUT_OUTBOX_H_
