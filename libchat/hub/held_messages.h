// Private messages that wait for their receiver's consent.

#ifndef LIBCHAT_HUB_HELD_MESSAGES_H_
#define LIBCHAT_HUB_HELD_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libchat/event/text.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/session_id.h"

namespace chat {

// A plain table. Thread safety: none, the hub's lock guards it.
class HeldMessages {
 public:
  enum class AddResult : uint8_t {
    kAdded,
    kPairFull,  // limits.held_messages, limits.held_bytes
    kFull,      // limits.held_bytes_in_all
  };

  AddResult Add(SessionId from, SessionId to, Text body, const Limits& limits);
  bool Has(SessionId from, SessionId to) const { return pairs_.contains({from, to}); }
  // True if anything that `from` has said waits.
  bool HasAny(SessionId from) const { return senders_.contains(from); }
  // Takes what waits, in the order in which it was said.
  std::vector<OwnedText> Take(SessionId from, SessionId to);

  int64_t bytes() const { return bytes_; }

 private:
  struct Queue {
    std::vector<OwnedText> bodies;
    int64_t bytes = 0;
  };

  absl::flat_hash_map<std::pair<SessionId, SessionId>, Queue> pairs_;
  absl::flat_hash_map<SessionId, size_t> senders_;  // a count of queues
  int64_t bytes_ = 0;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_HELD_MESSAGES_H_
