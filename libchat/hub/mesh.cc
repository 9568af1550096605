#include "libchat/hub/mesh.h"

#include <algorithm>

namespace chat {

const Mesh::Peer* Mesh::Find(int32_t server) const {
  const auto it = peers_.find(server);
  return it == peers_.end() ? nullptr : &it->second;
}

int32_t Mesh::ServerOf(SessionId link) const {
  for (const auto& [id, peer] : peers_) {
    if (peer.link == link) return id;
  }
  return 0;
}

MergeOffer Mesh::Offer(const std::optional<Sibling>& self) const {
  MergeOffer offer;
  offer.id = id_;
  if (self) offer.siblings.push_back(*self);
  for (const auto& [id, peer] : peers_) {
    if (peer.at) offer.siblings.push_back(*peer.at);
  }
  return offer;
}

std::optional<MergeRefusal> Mesh::Refusal(const MergeOffer& offer,
                                          const std::optional<Sibling>& self) const {
  if (offer.id == id_) return MergeRefusal::kConflict;
  if (const Peer* peer = Find(offer.id)) {
    const std::optional<Sibling> at = SelfOf(offer);
    const bool elsewhere = at && peer->at && *at != *peer->at;
    return elsewhere ? MergeRefusal::kConflict : MergeRefusal::kMerged;
  }
  // Who is where after it, where known.
  absl::btree_map<int32_t, std::optional<Sibling>> all;
  for (const auto& [id, peer] : peers_) all[id] = peer.at;
  all[id_] = self;
  all.try_emplace(offer.id);
  for (const Sibling& sibling : offer.siblings) {
    std::optional<Sibling>& known = all[sibling.id];
    // What a server says of itself is no conflict.
    if (sibling.id != offer.id && known && *known != sibling) return MergeRefusal::kConflict;
    if (!known) known = sibling;
  }
  if (all.size() > kMaxServers) return MergeRefusal::kTooMany;
  return std::nullopt;
}

std::optional<Sibling> Mesh::SelfOf(const MergeOffer& offer) {
  for (const Sibling& sibling : offer.siblings) {
    if (sibling.id == offer.id) return sibling;
  }
  return std::nullopt;
}

void Mesh::Add(const MergeOffer& offer, SessionId link, bool opened_here) {
  peers_[offer.id] = {link, opened_here, SelfOf(offer), absl::Now()};
}

bool Mesh::AllKnowEachOther(const MergeOffer& said, const MergeOffer& answer) const {
  const auto lists = [](const MergeOffer& offer, int32_t id) {
    return std::any_of(offer.siblings.begin(), offer.siblings.end(),
                       [id](const Sibling& sibling) { return sibling.id == id; });
  };
  return std::all_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const auto& [id, peer] = entry;
    return !peer.at || lists(said, id) || lists(answer, id);
  });
}

std::vector<Sibling> Mesh::Missing(const MergeOffer& offer) const {
  std::vector<Sibling> missing;
  const auto is_missing = [&](int32_t id) {
    return id != id_ && id != offer.id && !peers_.contains(id) &&
           std::none_of(missing.begin(), missing.end(),
                        [id](const Sibling& sibling) { return sibling.id == id; });
  };
  for (const Sibling& sibling : offer.siblings) {
    if (1 + peers_.size() + missing.size() == kMaxServers) break;
    if (is_missing(sibling.id)) missing.push_back(sibling);
  }
  return missing;
}

int32_t Mesh::Remove(SessionId link) {
  const int32_t server = ServerOf(link);
  peers_.erase(server);
  return server;
}

}  // namespace chat
