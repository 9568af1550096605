// The servers that this one is merged with (document 003, section 7).

#ifndef LIBCHAT_HUB_MESH_H_
#define LIBCHAT_HUB_MESH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "libchat/event/mesh.h"
#include "libchat/hub/session_id.h"

namespace chat {

// A plain table. Thread safety: none, the hub's lock guards it.
//
// A merged network is a full mesh: a link to each of at most kMaxServers - 1 others. Whoever merges
// with one of them is told of the others and connects to each.
//
// Invariants: at most one link to each server; never one to this server itself.
class Mesh {
 public:
  struct Peer {
    SessionId link;
    bool opened_here = false;
    // Where it takes links, if it has said so. Others are told of it only then.
    std::optional<Sibling> at;
    absl::Time since;  // wall clock
  };

  explicit Mesh(int32_t id) : id_(id) {}

  int32_t id() const { return id_; }
  const absl::btree_map<int32_t, Peer>& peers() const { return peers_; }
  const Peer* Find(int32_t server) const;
  // The server at the other end of a link; 0 if it is none.
  int32_t ServerOf(SessionId link) const;

  // What this server says when it asks or answers: itself, if it shall be known where (`self`), and
  // the others that are known to others.
  MergeOffer Offer(const std::optional<Sibling>& self) const;

  // Why it cannot merge with a server that says `offer`; kMerged if it is merged with it already.
  // Nothing: it can. Changes nothing.
  std::optional<MergeRefusal> Refusal(const MergeOffer& offer,
                                      const std::optional<Sibling>& self) const;

  // What `offer` says of its own sender.
  static std::optional<Sibling> SelfOf(const MergeOffer& offer);

  // False: somebody who can be told of has joined since this server has said `said`, and whoever
  // gave `answer` to that does not know. Nobody would ever connect the two.
  bool AllKnowEachOther(const MergeOffer& said, const MergeOffer& answer) const;

  // `link` leads to the server that has said `offer`. There is none to it yet.
  void Add(const MergeOffer& offer, SessionId link, bool opened_here);
  // The other servers of `offer` that there is no link to; of more than can be merged, the first.
  std::vector<Sibling> Missing(const MergeOffer& offer) const;
  // The link is no more. Returns the server that it led to; 0: none.
  int32_t Remove(SessionId link);

 private:
  const int32_t id_;
  absl::btree_map<int32_t, Peer> peers_;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_MESH_H_
