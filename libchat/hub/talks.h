// Talks: who has agreed with whom to exchange private messages.

#ifndef LIBCHAT_HUB_TALKS_H_
#define LIBCHAT_HUB_TALKS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "libchat/event/event.h"
#include "libchat/hub/session_id.h"

namespace chat {

// A plain table. Thread safety: none, the hub's lock guards it.
//
// Invariants:
//  - A pair of users has at most one talk, and it is under both of them in by_user_.
//  - A number is either in free_ or some talk's.
class TalkTable {
 public:
  struct Talk {
    TalkNumber number = kNoTalk;
    SessionId peer;
  };
  enum class OpenResult : uint8_t {
    kOpened,
    kThere,     // the two have one already
    kFull,      // all numbers are in use
    kUserFull,  // one of the two has as many as a user may
  };

  // Gives `a` and `b`, who may be the same, a talk with a number chosen by `random`. `*number` is
  // that of the talk that they have then.
  OpenResult Open(SessionId a, SessionId b, int64_t max_per_user, uint64_t random,
                  TalkNumber* number);
  // kNoTalk if they have none.
  TalkNumber Find(SessionId a, SessionId b) const;
  // Ends the talk of the two. Nothing if they have none.
  void Close(SessionId a, SessionId b);
  // Ends all talks of `user`, and returns them.
  std::vector<Talk> TakeAllOf(SessionId user);

  bool Names(SessionId user) const { return by_user_.contains(user); }
  size_t size() const { return size_; }

 private:
  TalkNumber TakeNumber(uint64_t random);
  int64_t CountOf(SessionId user) const;
  void Forget(SessionId user, SessionId peer);

  absl::flat_hash_map<SessionId, absl::btree_map<SessionId, TalkNumber>> by_user_;
  std::vector<TalkNumber> free_;  // in any order; made when the first talk opens
  size_t size_ = 0;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_TALKS_H_
