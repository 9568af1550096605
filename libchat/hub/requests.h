// Open requests between users: who has asked whom for what, and until when.

#ifndef LIBCHAT_HUB_REQUESTS_H_
#define LIBCHAT_HUB_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libchat/event/event.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/session_id.h"

namespace chat {

// A plain table. Thread safety: none, the hub's lock guards it.
//
// Invariants: an entry is in all_, in the queue of its pair, and in the set of each party.
class RequestTable {
 public:
  struct Entry {
    RequestKind kind = RequestKind::kTalk;
    SessionId asker;
    SessionId target;
    User asker_user;
    User target_user;
    absl::Time expires;
  };
  enum class AddResult : uint8_t { kAdded, kPairFull, kSenderFull, kTargetFull };

  // Keeps limits.*requests_per_*.
  AddResult Add(Entry entry, const Limits& limits);
  // Removes the oldest request of `asker` to `target`: requests of a pair are answered in order.
  std::optional<Entry> TakeOldest(RequestKind kind, SessionId asker, SessionId target);
  // Removes all requests of and to `session`.
  std::vector<Entry> TakeAllOf(SessionId session);
  bool Names(SessionId session) const { return parties_.contains(session); }
  // Removes those whose time is over at `now`. In the order in which they were made: one that was
  // given less time than an older one waits for that.
  std::vector<Entry> TakeExpired(absl::Time now);

  size_t size() const { return all_.size(); }

 private:
  using PairKey = std::tuple<RequestKind, uint64_t, uint64_t>;  // kind, asker, target
  struct Party {
    absl::btree_set<uint64_t> sent;
    absl::btree_set<uint64_t> received;
  };

  static PairKey KeyOf(const Entry& entry) {
    return {entry.kind, entry.asker.value(), entry.target.value()};
  }
  Entry Take(uint64_t id);
  void Forget(SessionId party, uint64_t id);

  uint64_t last_id_ = 0;
  absl::btree_map<uint64_t, Entry> all_;
  absl::flat_hash_map<PairKey, std::deque<uint64_t>> pairs_;
  absl::flat_hash_map<SessionId, Party> parties_;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_REQUESTS_H_
