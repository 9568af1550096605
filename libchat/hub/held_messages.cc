#include "libchat/hub/held_messages.h"

namespace chat {

HeldMessages::AddResult HeldMessages::Add(SessionId from, SessionId to, Text body,
                                          const Limits& limits) {
  const auto size = static_cast<int64_t>(body.bytes().size());
  if (bytes_ + size > limits.held_bytes_in_all) return AddResult::kFull;
  if (const auto it = pairs_.find({from, to}); it != pairs_.end()) {
    const Queue& queue = it->second;
    if (static_cast<int64_t>(queue.bodies.size()) >= limits.held_messages ||
        queue.bytes + size > limits.held_bytes) {
      return AddResult::kPairFull;
    }
  }
  const auto [it, first] = pairs_.try_emplace({from, to});
  if (first) ++senders_[from];
  Queue& queue = it->second;
  queue.bodies.emplace_back(body);
  queue.bytes += size;
  bytes_ += size;
  return AddResult::kAdded;
}

std::vector<OwnedText> HeldMessages::Take(SessionId from, SessionId to) {
  const auto it = pairs_.find({from, to});
  if (it == pairs_.end()) return {};
  Queue queue = std::move(it->second);
  pairs_.erase(it);
  if (--senders_[from] == 0) senders_.erase(from);
  bytes_ -= queue.bytes;
  return std::move(queue.bodies);
}

}  // namespace chat
