// Hub::Section: internal to the hub.

#ifndef LIBCHAT_HUB_SECTION_H_
#define LIBCHAT_HUB_SECTION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "libchat/hub/hub.h"

namespace chat {

// The lock, and what is to be done once it is released.
class ABSL_SCOPED_LOCKABLE Hub::Section {
 public:
  explicit Section(Hub& hub) ABSL_EXCLUSIVE_LOCK_FUNCTION(hub.mu_) : hub_(hub) { hub_.mu_.Lock(); }
  ~Section() ABSL_UNLOCK_FUNCTION() {
    hub_.mu_.Unlock();
    for (uint32_t shard = 0; wake_ != 0; ++shard, wake_ >>= 1) {
      if ((wake_ & 1) != 0) hub_.options_.wake(shard);
    }
    for (ServerEvent& event : events_) hub_.events_.Emit(std::move(event));
    for (const Sibling& server : dials_) hub_.options_.dial(server);
  }

  void Dial(const Sibling& server) { dials_.push_back(server); }

  void Wake(uint32_t shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu_) {
    ShardState& state = hub_.shards_[shard];
    if (!state.asleep) return;
    state.asleep = false;
    wake_ |= uint64_t{1} << shard;
  }
  void Emit(ServerEvent::Kind kind, absl::string_view user, absl::string_view dialect,
            absl::string_view detail, uint64_t number = 0) {
    ServerEvent event;
    event.kind = kind;
    event.user = std::string(user);
    event.dialect = std::string(dialect);
    event.detail = std::string(detail);
    event.number = number;
    events_.push_back(std::move(event));
  }

 private:
  Hub& hub_;
  uint64_t wake_ = 0;  // a bit a shard
  std::vector<ServerEvent> events_;
  std::vector<Sibling> dials_;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_SECTION_H_
