#include "libchat/hub/talks.h"

#include <numeric>

namespace chat {

TalkTable::OpenResult TalkTable::Open(SessionId a, SessionId b, int64_t max_per_user,
                                      uint64_t random, TalkNumber* number) {
  *number = Find(a, b);
  if (*number != kNoTalk) return OpenResult::kThere;
  if (size_ == static_cast<size_t>(kMaxTalks)) return OpenResult::kFull;
  if (CountOf(a) >= max_per_user || CountOf(b) >= max_per_user) return OpenResult::kUserFull;
  *number = TakeNumber(random);
  by_user_[a][b] = *number;
  by_user_[b][a] = *number;
  ++size_;
  return OpenResult::kOpened;
}

TalkNumber TalkTable::Find(SessionId a, SessionId b) const {
  const auto user = by_user_.find(a);
  if (user == by_user_.end()) return kNoTalk;
  const auto talk = user->second.find(b);
  return talk == user->second.end() ? kNoTalk : talk->second;
}

void TalkTable::Close(SessionId a, SessionId b) {
  const TalkNumber number = Find(a, b);
  if (number == kNoTalk) return;
  Forget(a, b);
  if (!(a == b)) Forget(b, a);
  free_.push_back(number);
  --size_;
}

std::vector<TalkTable::Talk> TalkTable::TakeAllOf(SessionId user) {
  std::vector<Talk> taken;
  const auto it = by_user_.find(user);
  if (it == by_user_.end()) return taken;
  for (const auto& [peer, number] : it->second) taken.push_back({number, peer});
  for (const Talk& talk : taken) Close(user, talk.peer);
  return taken;
}

// A number that was just freed may come again: guessing one gains nothing, since a talk is its two
// users' alone.
TalkNumber TalkTable::TakeNumber(uint64_t random) {
  if (free_.empty()) {
    free_.resize(kMaxTalks);
    std::iota(free_.begin(), free_.end(), 0);
  }
  std::swap(free_[random % free_.size()], free_.back());
  const TalkNumber number = free_.back();
  free_.pop_back();
  return number;
}

int64_t TalkTable::CountOf(SessionId user) const {
  const auto it = by_user_.find(user);
  return it == by_user_.end() ? 0 : static_cast<int64_t>(it->second.size());
}

void TalkTable::Forget(SessionId user, SessionId peer) {
  const auto it = by_user_.find(user);
  it->second.erase(peer);
  if (it->second.empty()) by_user_.erase(it);
}

}  // namespace chat
