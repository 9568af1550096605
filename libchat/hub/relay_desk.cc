#include "libchat/hub/relay_desk.h"

#include <utility>

namespace chat {
namespace {

// The one key of the window that counts for everybody.
constexpr absl::string_view kAll = "";

}  // namespace

RelayDesk::OpenResult RelayDesk::Open(UserRef asker, UserRef target, absl::string_view asked_from,
                                      const Limits& limits, absl::Time now, uint64_t random,
                                      Tunnel* opened) {
  if (static_cast<int64_t>(by_id_.size()) >= limits.tunnels) return OpenResult::kFull;
  for (UserRef user : {asker, target}) {
    const auto it = by_user_.find(Display(user));
    if (it != by_user_.end() && it->second >= limits.tunnels_per_user) return OpenResult::kUserFull;
  }
  if (!asked_from.empty()) {
    const auto it = pending_by_address_.find(asked_from);
    if (it != pending_by_address_.end() && it->second >= limits.pending_tunnels_per_address) {
      return OpenResult::kAddressFull;
    }
    ++pending_by_address_[asked_from];
  }
  Tunnel tunnel;
  tunnel.id = ++last_id_;
  tunnel.connect_id = NewConnectId(random);
  tunnel.asker = User(asker);
  tunnel.target = User(target);
  tunnel.asked_from = std::string(asked_from);
  tunnel.since = absl::Now();
  tunnel.expires = now + limits.connect_id;
  tunnel.traffic = std::make_shared<TunnelTraffic>();
  ++by_user_[Display(asker)];
  ++by_user_[Display(target)];
  by_connect_id_[tunnel.connect_id] = tunnel.id;
  *opened = by_id_.emplace(tunnel.id, std::move(tunnel)).first->second;
  return OpenResult::kOpened;
}

int64_t RelayDesk::NewConnectId(uint64_t random) const {
  // Positive and below 2^31 (document 001 has LONGs of 4 bytes).
  for (;; ++random) {
    const int64_t id = static_cast<int64_t>(random & 0x7fffffff);
    if (id != 0 && !by_connect_id_.contains(id)) return id;
  }
}

const RelayDesk::Tunnel* RelayDesk::Present(SessionId session, int64_t connect_id, absl::Time now) {
  const auto it = by_connect_id_.find(connect_id);
  if (it == by_connect_id_.end()) return nullptr;
  Tunnel& tunnel = by_id_.find(it->second)->second;
  if (tunnel.established || tunnel.expires <= now) return nullptr;
  if (!tunnel.halves[0]) {
    tunnel.halves[0] = session;
    waiting_[session] = tunnel.id;
  } else {
    tunnel.halves[1] = session;
    TakeFromPending(tunnel);
    tunnel.established = true;
    waiting_.erase(tunnel.halves[0]);
  }
  return &tunnel;
}

bool RelayDesk::GuessesExhausted(absl::string_view address, const Limits& limits,
                                 absl::Time now) const {
  return bad_by_address_.count(address, now) >= limits.bad_connect_ids_per_minute ||
         bad_in_all_.count(kAll, now) >= limits.bad_connect_ids_per_second;
}

void RelayDesk::CountBadGuess(absl::string_view address, absl::Time now) {
  bad_by_address_.Add(address, now);
  bad_in_all_.Add(kAll, now);
}

const RelayDesk::Tunnel* RelayDesk::FindWaiting(SessionId session) const {
  const auto it = waiting_.find(session);
  return it == waiting_.end() ? nullptr : Find(it->second);
}

const RelayDesk::Tunnel* RelayDesk::Find(uint64_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &it->second;
}

const RelayDesk::Tunnel* RelayDesk::FindByConnectId(int64_t connect_id) const {
  const auto it = by_connect_id_.find(connect_id);
  return it == by_connect_id_.end() ? nullptr : Find(it->second);
}

std::optional<RelayDesk::Tunnel> RelayDesk::Erase(uint64_t id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return std::nullopt;
  Tunnel tunnel = std::move(it->second);
  by_id_.erase(it);
  by_connect_id_.erase(tunnel.connect_id);
  waiting_.erase(tunnel.halves[0]);
  TakeFromPending(tunnel);
  for (const User* user : {&tunnel.asker, &tunnel.target}) {
    const auto count = by_user_.find(Display(*user));
    if (--count->second == 0) by_user_.erase(count);
  }
  return tunnel;
}

void RelayDesk::TakeFromPending(const Tunnel& tunnel) {
  if (tunnel.established || tunnel.asked_from.empty()) return;
  const auto count = pending_by_address_.find(tunnel.asked_from);
  if (--count->second == 0) pending_by_address_.erase(count);
}

std::vector<uint64_t> RelayDesk::Expired(absl::Time now) const {
  std::vector<uint64_t> ids;
  for (const auto& [id, tunnel] : by_id_) {
    if (!tunnel.established && tunnel.expires <= now) ids.push_back(id);
  }
  return ids;
}

std::vector<uint64_t> RelayDesk::Of(UserRef user) const {
  std::vector<uint64_t> ids;
  for (const auto& [id, tunnel] : by_id_) {
    if (tunnel.Has(user)) ids.push_back(id);
  }
  return ids;
}

}  // namespace chat
