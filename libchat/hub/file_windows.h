// How much of files is on its way to each receiver, and who waits for that to be less.

#ifndef LIBCHAT_HUB_FILE_WINDOWS_H_
#define LIBCHAT_HUB_FILE_WINDOWS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "libchat/hub/session_id.h"

namespace chat {

// A plain table. Thread safety: none, the hub's lock guards it.
class FileWindows {
 public:
  // Of each receiver: those who have sent a piece of a file last.
  static constexpr size_t kSendersRemembered = 64;

  // Bytes on their way to `receiver`.
  int64_t bytes(SessionId receiver) const;
  void Add(SessionId receiver, int64_t bytes) { windows_[receiver].bytes += bytes; }
  // `sender` reads on once there is room again.
  void Wait(SessionId receiver, SessionId sender) { windows_[receiver].waiting.insert(sender); }
  // `sender` has waited long enough, for whomever it was.
  void GiveUp(SessionId sender);
  // True if it has, for this receiver, and there has been no room since.
  bool HasGivenUp(SessionId receiver, SessionId sender) const;
  // So many bytes are out. Returns who has waited, if there are at most `room_below` left.
  std::vector<SessionId> Release(SessionId receiver, int64_t bytes, int64_t room_below);
  // The receiver has gone. Returns who has waited.
  std::vector<SessionId> Forget(SessionId receiver);

  // A piece of a file of `sender`, as Display shows it, is on its way to `receiver`.
  void Remember(SessionId receiver, absl::string_view sender);
  // `receiver` refuses it. False if none has come since the last refusal, or kSendersRemembered
  // others have sent files meanwhile.
  bool TakeSender(SessionId receiver, absl::string_view sender);

 private:
  struct Window {
    int64_t bytes = 0;
    absl::btree_set<SessionId> waiting;
    absl::btree_set<SessionId> given_up;
  };

  absl::flat_hash_map<SessionId, Window> windows_;  // of those with bytes on their way
  absl::flat_hash_map<SessionId, std::deque<std::string>> senders_;  // by receiver, the last first
};

}  // namespace chat

#endif  // LIBCHAT_HUB_FILE_WINDOWS_H_
