#include "libchat/hub/requests.h"

#include <algorithm>
#include <utility>

namespace chat {

RequestTable::AddResult RequestTable::Add(Entry entry, const Limits& limits) {
  const PairKey key = KeyOf(entry);
  const int64_t per_pair =
      entry.kind == RequestKind::kRelay ? limits.relay_requests_per_pair : limits.requests_per_pair;
  const auto size_of = [](const auto& container) { return static_cast<int64_t>(container.size()); };
  if (auto it = pairs_.find(key); it != pairs_.end() && size_of(it->second) >= per_pair) {
    return AddResult::kPairFull;
  }
  if (auto it = parties_.find(entry.asker);
      it != parties_.end() && size_of(it->second.sent) >= limits.requests_per_sender) {
    return AddResult::kSenderFull;
  }
  if (auto it = parties_.find(entry.target);
      it != parties_.end() && size_of(it->second.received) >= limits.requests_per_target) {
    return AddResult::kTargetFull;
  }
  const uint64_t id = ++last_id_;
  pairs_[key].push_back(id);
  parties_[entry.asker].sent.insert(id);
  parties_[entry.target].received.insert(id);
  all_.emplace(id, std::move(entry));
  return AddResult::kAdded;
}

std::optional<RequestTable::Entry> RequestTable::TakeOldest(RequestKind kind, SessionId asker,
                                                            SessionId target) {
  const auto it = pairs_.find(PairKey{kind, asker.value(), target.value()});
  if (it == pairs_.end()) return std::nullopt;
  return Take(it->second.front());
}

std::vector<RequestTable::Entry> RequestTable::TakeAllOf(SessionId session) {
  std::vector<Entry> taken;
  const auto it = parties_.find(session);
  if (it == parties_.end()) return taken;
  absl::btree_set<uint64_t> ids = it->second.sent;
  ids.insert(it->second.received.begin(), it->second.received.end());
  for (uint64_t id : ids) taken.push_back(Take(id));
  return taken;
}

std::vector<RequestTable::Entry> RequestTable::TakeExpired(absl::Time now) {
  std::vector<Entry> taken;
  while (!all_.empty() && all_.begin()->second.expires <= now) {
    taken.push_back(Take(all_.begin()->first));
  }
  return taken;
}

RequestTable::Entry RequestTable::Take(uint64_t id) {
  const auto it = all_.find(id);
  Entry entry = std::move(it->second);
  all_.erase(it);
  const auto pair = pairs_.find(KeyOf(entry));
  std::deque<uint64_t>& queue = pair->second;
  queue.erase(std::find(queue.begin(), queue.end(), id));
  if (queue.empty()) pairs_.erase(pair);
  Forget(entry.asker, id);
  Forget(entry.target, id);
  return entry;
}

void RequestTable::Forget(SessionId party, uint64_t id) {
  const auto it = parties_.find(party);
  if (it == parties_.end()) return;  // somebody who asked himself: both at once
  it->second.sent.erase(id);
  it->second.received.erase(id);
  if (it->second.sent.empty() && it->second.received.empty()) parties_.erase(it);
}

}  // namespace chat
