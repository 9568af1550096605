// Private connections: which connect_ids are out, and which halves have come.

#ifndef LIBCHAT_HUB_RELAY_DESK_H_
#define LIBCHAT_HUB_RELAY_DESK_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libchat/event/user.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/rate_window.h"
#include "libchat/hub/session_id.h"

namespace chat {

// Bytes that a relay has moved; written by its shard, read by anybody.
struct TunnelTraffic {
  std::atomic<uint64_t> from_first = 0;
  std::atomic<uint64_t> from_second = 0;
};

// A plain table. Thread safety: none, the hub's lock guards it.
//
// Invariants:
//  - A tunnel is in by_id_ and by_connect_id_ from its agreement until it ends, so its connect_id
//    is given to no other meanwhile; it is valid for two connections.
//  - A half that waits is in waiting_, with its tunnel.
//  - pending_by_address_ counts the tunnels that are not established and whose asked_from is not
//    empty.
class RelayDesk {
 public:
  struct Tunnel {
    uint64_t id = 0;
    int64_t connect_id = 0;
    User asker;
    User target;
    // By arrival. The second is there only in an established tunnel.
    std::array<SessionId, 2> halves;
    bool established = false;
    absl::Time since;        // wall clock
    absl::Time expires;      // for both halves to come
    std::string asked_from;  // the asker's address, as the bounds count it
    std::shared_ptr<TunnelTraffic> traffic;

    bool Has(UserRef user) const { return user == UserRef(asker) || user == UserRef(target); }
  };
  enum class OpenResult : uint8_t { kOpened, kFull, kUserFull, kAddressFull };

  // A new tunnel with an unguessable connect_id, made from `random`. `asked_from` is the asker's
  // address in the form that the bounds count by; empty: exempt from them. With kOpened, `*opened`
  // is the tunnel.
  OpenResult Open(UserRef asker, UserRef target, absl::string_view asked_from, const Limits& limits,
                  absl::Time now, uint64_t random, Tunnel* opened);

  // `session` presents `connect_id`. Nothing if that is unknown, used up or expired. The tunnel is
  // established if it was the second.
  const Tunnel* Present(SessionId session, int64_t connect_id, absl::Time now);

  // True if no guess from `address` is looked at any more for a while (limits.bad_connect_ids_*).
  bool GuessesExhausted(absl::string_view address, const Limits& limits, absl::Time now) const;
  void CountBadGuess(absl::string_view address, absl::Time now);

  // The tunnel for which `session` waits, if any.
  const Tunnel* FindWaiting(SessionId session) const;
  const Tunnel* Find(uint64_t id) const;
  const Tunnel* FindByConnectId(int64_t connect_id) const;
  std::optional<Tunnel> Erase(uint64_t id);

  // Tunnels that wait for a half and whose time is over at `now`.
  std::vector<uint64_t> Expired(absl::Time now) const;
  std::vector<uint64_t> Of(UserRef user) const;

  const absl::btree_map<uint64_t, Tunnel>& all() const { return by_id_; }

 private:
  // The first free one from `random` on.
  int64_t NewConnectId(uint64_t random) const;
  // `tunnel` does not wait for a half any more.
  void TakeFromPending(const Tunnel& tunnel);

  uint64_t last_id_ = 0;
  absl::btree_map<uint64_t, Tunnel> by_id_;
  absl::flat_hash_map<int64_t, uint64_t> by_connect_id_;
  absl::flat_hash_map<SessionId, uint64_t> waiting_;
  absl::flat_hash_map<std::string, int64_t> by_user_;             // a count a party
  absl::flat_hash_map<std::string, int64_t> pending_by_address_;  // by asked_from
  RateWindow bad_by_address_{absl::Minutes(1)};
  RateWindow bad_in_all_{absl::Seconds(1)};
};

}  // namespace chat

#endif  // LIBCHAT_HUB_RELAY_DESK_H_
