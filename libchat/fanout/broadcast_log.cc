#include "libchat/fanout/broadcast_log.h"

#include <utility>

namespace chat::fanout {

Chunk::Chunk(uint64_t base, Meter meter) : end_(base), base_(base), meter_(std::move(meter)) {
  meter_->fetch_add(sizeof(Chunk), std::memory_order_relaxed);
}

Chunk::~Chunk() { meter_->fetch_sub(sizeof(Chunk), std::memory_order_relaxed); }

void ChunkRef::Ref(const Chunk* chunk) {
  if (chunk != nullptr) chunk->refs_.fetch_add(1, std::memory_order_relaxed);
}

void ChunkRef::Unref(const Chunk* chunk) {
  while (chunk != nullptr && chunk->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    const Chunk* next = chunk->next_.load(std::memory_order_relaxed);
    delete chunk;
    chunk = next;
  }
}

BroadcastLog::BroadcastLog()
    : meter_(std::make_shared<std::atomic<uint64_t>>(0)), tail_(new Chunk(0, meter_)) {}

absl::Span<char> BroadcastLog::Reserve(size_t size) {
  const size_t used = tail()->end() - tail()->base();
  if (Chunk::kBytes - used < size) {
    ChunkRef next(new Chunk(tail()->end(), meter_));
    ChunkRef::Ref(next.get());  // the predecessor's
    tail()->next_.store(next.get(), std::memory_order_release);
    tail_ = std::move(next);
    return absl::MakeSpan(tail()->bytes_, size);
  }
  return absl::MakeSpan(tail()->bytes_ + used, size);
}

void BroadcastLog::Commit(size_t size) {
  const uint64_t end = tail()->end() + size;
  tail()->end_.store(end, std::memory_order_relaxed);
  head_.store(end, std::memory_order_release);
}

LogPosition BroadcastLog::end() const { return {tail_, tail_->end()}; }

}  // namespace chat::fanout
