#include "libchat/hub/event_feed.h"

#include <algorithm>
#include <utility>

namespace chat {

void EventFeed::Emit(ServerEvent event) {
  absl::MutexLock lock(&mu_);
  event.time = absl::Now();
  event.sequence = first_ + events_.size();
  events_.push_back(std::move(event));
  if (events_.size() > kCapacity) {
    events_.pop_front();
    ++first_;
  }
}

uint64_t EventFeed::next() const {
  absl::MutexLock lock(&mu_);
  return first_ + events_.size();
}

std::vector<ServerEvent> EventFeed::Read(uint64_t from, size_t max, absl::Duration timeout) const {
  std::vector<ServerEvent> read;
  absl::MutexLock lock(&mu_);
  const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return first_ + events_.size() > from;
  };
  if (!mu_.AwaitWithTimeout(absl::Condition(&there), timeout)) return read;
  if (from < first_) {
    ServerEvent gap;
    gap.kind = ServerEvent::Kind::kGap;
    gap.time = events_.front().time;
    gap.sequence = first_ - 1;
    gap.number = first_ - from;
    read.push_back(std::move(gap));
    from = first_;
  }
  const size_t begin = from - first_;
  const size_t end = std::min(events_.size(), begin + max);
  read.insert(read.end(), events_.begin() + static_cast<ptrdiff_t>(begin),
              events_.begin() + static_cast<ptrdiff_t>(end));
  return read;
}

}  // namespace chat
