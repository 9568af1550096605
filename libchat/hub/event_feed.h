// What happens on the server, for those who watch it.

#ifndef LIBCHAT_HUB_EVENT_FEED_H_
#define LIBCHAT_HUB_EVENT_FEED_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libchat/hub/snapshot.h"

namespace chat {

// The last kCapacity events, numbered. A watcher reads at its own pace; what it is too slow for is
// replaced by one event of kind kGap that says how many were lost, so a watcher costs no memory.
//
// Thread safety: all methods may be called from any thread.
// Invariants: sequences are consecutive; the oldest event kept has first_ as its sequence.
class EventFeed {
 public:
  static constexpr size_t kCapacity = 4096;

  // Fills in time and sequence.
  void Emit(ServerEvent event) ABSL_LOCKS_EXCLUDED(mu_);

  // The sequence that the next event will have: where a new watcher starts.
  uint64_t next() const ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until there is an event with a sequence of at least `from`, at most `timeout`; returns
  // all there are (up to `max`), oldest first, with a leading kGap if `from` is gone already. The
  // watcher's next `from` is the last one's sequence + 1.
  std::vector<ServerEvent> Read(uint64_t from, size_t max, absl::Duration timeout) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::deque<ServerEvent> events_ ABSL_GUARDED_BY(mu_);
  uint64_t first_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_EVENT_FEED_H_
