#include "libchat/fanout/outbox.h"

#include <algorithm>
#include <utility>

namespace chat::fanout {
namespace {

// Bytes of its own that are kept in one piece: what was written of a piece is freed with all of it.
constexpr size_t kPieceBytes = 64 * 1024;

iovec ToIovec(absl::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace

void Outbox::Follow(LogPosition start) {
  cursor_ = std::move(start);
  end_ = std::numeric_limits<uint64_t>::max();
  for (size_t i = first_; i < marks_.size(); ++i) {
    marks_[i].at = marks_[i].resume = cursor_.offset;
  }
}

void Outbox::Unfollow(uint64_t end) {
  if (!following()) return;
  end_ = std::max(end, cursor_.offset);
  if (first_ < marks_.size()) end_ = std::max(end_, marks_.back().resume);
}

void Outbox::Append(absl::string_view bytes, uint64_t at) {
  if (bytes.empty()) return;
  own_bytes_ += bytes.size();
  at = following() ? std::max(std::min(at, end_), cursor_.offset) : cursor_.offset;
  if (first_ < marks_.size()) {
    Mark& last = marks_.back();
    at = std::max(at, last.resume);
    if (last.at == at && last.resume == at && last.bytes.size() < kPieceBytes) {
      last.bytes.append(bytes.data(), bytes.size());
      return;
    }
  }
  marks_.push_back({at, at, std::string(bytes)});
}

void Outbox::Skip(uint64_t begin, uint64_t end) {
  if (!following()) return;
  begin = std::max(begin, cursor_.offset);
  if (first_ < marks_.size()) begin = std::max(begin, marks_.back().resume);
  if (begin >= end) return;
  if (begin == cursor_.offset && first_ == marks_.size()) {
    Advance(end);
    return;
  }
  if (first_ < marks_.size() && marks_.back().resume == begin) {
    marks_.back().resume = end;
    return;
  }
  marks_.push_back({begin, end, std::string()});
}

size_t Outbox::Gather(uint64_t head, size_t max_bytes, absl::Span<iovec> out) const {
  const uint64_t stop = std::min(head, end_);
  const Chunk* chunk = cursor_.chunk.get();
  uint64_t offset = cursor_.offset;
  size_t count = 0;
  size_t bytes = 0;
  // The log from `offset` to `to`, a piece a chunk.
  auto add_log = [&](uint64_t to) {
    while (offset < to && count < out.size() && bytes < max_bytes) {
      const uint64_t piece_end = std::min(chunk->end(), to);
      if (offset < piece_end) {
        out[count++] = ToIovec(chunk->bytes(offset, piece_end));
        bytes += piece_end - offset;
        offset = piece_end;
      } else {
        chunk = chunk->next();
      }
    }
    return offset == to;
  };
  for (size_t i = first_; i < marks_.size(); ++i) {
    const Mark& mark = marks_[i];
    if (following() && (!add_log(std::min(mark.at, stop)) || mark.at > stop)) return count;
    if (count == out.size() || bytes >= max_bytes) return count;
    const size_t sent = i == first_ ? front_sent_ : 0;
    if (mark.bytes.size() > sent) {
      out[count++] = ToIovec(absl::string_view(mark.bytes).substr(sent));
      bytes += mark.bytes.size() - sent;
    }
    while (chunk != nullptr && chunk->end() < mark.resume) chunk = chunk->next();
    offset = mark.resume;
  }
  if (following() && offset < stop) add_log(stop);
  return count;
}

void Outbox::Consume(size_t size) {
  PopFrontMarks();
  while (size > 0) {
    const bool marked = first_ < marks_.size();
    if (marked && marks_[first_].at == cursor_.offset) {
      const size_t n = std::min(size, marks_[first_].bytes.size() - front_sent_);
      front_sent_ += n;
      own_bytes_ -= n;
      size -= n;
    } else {
      const uint64_t to = cursor_.offset + size;
      const uint64_t until = marked ? std::min(to, marks_[first_].at) : to;
      size -= until - cursor_.offset;
      Advance(until);
    }
    PopFrontMarks();
  }
}

void Outbox::Advance(uint64_t to) {
  cursor_.offset = to;
  while (cursor_.chunk) {
    const Chunk* next = cursor_.chunk->next();
    if (next == nullptr || to < next->base()) return;
    cursor_.chunk = ChunkRef(next);
  }
}

void Outbox::PopFrontMarks() {
  while (first_ < marks_.size() && marks_[first_].at == cursor_.offset &&
         front_sent_ == marks_[first_].bytes.size()) {
    const uint64_t resume = marks_[first_].resume;
    std::string().swap(marks_[first_].bytes);  // not = "", which would keep its memory
    ++first_;
    front_sent_ = 0;
    if (resume > cursor_.offset) Advance(resume);
  }
  if (first_ == marks_.size()) {
    // Not marks_ = {}, which would keep its memory.
    if (!marks_.empty()) marks_ = std::vector<Mark>();
    first_ = 0;
  } else if (first_ >= 64 && first_ * 2 >= marks_.size()) {
    marks_.erase(marks_.begin(), marks_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

bool Outbox::HasData(uint64_t head) const {
  iovec one;
  return Gather(head, 1, absl::MakeSpan(&one, 1)) != 0;
}

uint64_t Outbox::lag(uint64_t head) const {
  return following() && head > cursor_.offset ? head - cursor_.offset : 0;
}

std::string Outbox::TakeAll(uint64_t head) {
  std::string all;
  iovec pieces[16];
  for (;;) {
    const size_t n = Gather(head, Chunk::kBytes, absl::MakeSpan(pieces));
    if (n == 0) break;
    size_t bytes = 0;
    for (size_t i = 0; i < n; ++i) {
      all.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      bytes += pieces[i].iov_len;
    }
    Consume(bytes);
  }
  *this = Outbox();
  return all;
}

}  // namespace chat::fanout
