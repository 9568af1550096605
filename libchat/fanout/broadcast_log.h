// One log of encoded public messages that every connection of a dialect reads from, each at its own
// position: a message is written once, however many receive it.

#ifndef LIBCHAT_FANOUT_BROADCAST_LOG_H_
#define LIBCHAT_FANOUT_BROADCAST_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace chat::fanout {

// A piece of the log. Offsets are absolute: bytes from the log's beginning.
//
// Thread safety: one thread at a time appends (BroadcastLog's); any number read what lies before a
// head that they have loaded from the log.
// Invariants:
//  - Bytes before end() never change, and neither does end() once there is a next().
//  - A chunk owns its successor, so chunks that nobody stands in free themselves.
class Chunk {
 public:
  static constexpr size_t kBytes = 64 * 1024;

  uint64_t base() const { return base_; }
  uint64_t end() const { return end_.load(std::memory_order_relaxed); }
  const Chunk* next() const { return next_.load(std::memory_order_acquire); }
  // Bytes [from, to), which lie in this chunk.
  absl::string_view bytes(uint64_t from, uint64_t to) const {
    return {bytes_ + (from - base_), static_cast<size_t>(to - from)};
  }

 private:
  friend class BroadcastLog;
  friend class ChunkRef;
  using Meter = std::shared_ptr<std::atomic<uint64_t>>;  // bytes of all live chunks of the log

  Chunk(uint64_t base, Meter meter);
  ~Chunk();

  mutable std::atomic<uint32_t> refs_ = 0;
  std::atomic<const Chunk*> next_ = nullptr;  // holds one of its refs
  std::atomic<uint64_t> end_;
  const uint64_t base_;
  const Meter meter_;
  char bytes_[kBytes];
};

// A counted reference. Thread safety: as std::shared_ptr.
class ChunkRef {
 public:
  ChunkRef() = default;
  explicit ChunkRef(const Chunk* chunk) : chunk_(chunk) { Ref(chunk); }
  ChunkRef(const ChunkRef& other) : ChunkRef(other.chunk_) {}
  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef() { Unref(chunk_); }

  const Chunk* get() const { return chunk_; }
  const Chunk* operator->() const { return chunk_; }
  explicit operator bool() const { return chunk_ != nullptr; }

 private:
  friend class BroadcastLog;
  static void Ref(const Chunk* chunk);
  // Frees the chunk with its last reference, and then its successors as far as they were held by
  // their predecessor alone: iteratively, a long chain must not use up the stack.
  static void Unref(const Chunk* chunk);

  const Chunk* chunk_ = nullptr;
};

// Where a reader stands. `chunk` is the one that holds `offset`, or one before it.
struct LogPosition {
  ChunkRef chunk;
  uint64_t offset = 0;
};

// Thread safety: head() and bytes_held() may be called from any thread; the rest needs the
// appender's lock.
class BroadcastLog {
 public:
  BroadcastLog();
  BroadcastLog(const BroadcastLog&) = delete;
  BroadcastLog& operator=(const BroadcastLog&) = delete;

  // Room for one message of at most `size` bytes (at most Chunk::kBytes), in one piece: a message
  // never straddles two chunks. Valid until the next call.
  absl::Span<char> Reserve(size_t size);
  // Publishes the first `size` bytes of what was reserved.
  void Commit(size_t size);

  // Everything before it may be read.
  uint64_t head() const { return head_.load(std::memory_order_acquire); }
  // The place where the next message will stand.
  LogPosition end() const;

  // Bytes of memory of all chunks that somebody still needs.
  uint64_t bytes_held() const { return meter_->load(std::memory_order_relaxed); }

 private:
  Chunk* tail() const { return const_cast<Chunk*>(tail_.get()); }

  const Chunk::Meter meter_;
  ChunkRef tail_;
  std::atomic<uint64_t> head_ = 0;
};

}  // namespace chat::fanout

#endif  // LIBCHAT_FANOUT_BROADCAST_LOG_H_
