#include "libchat/hub/file_windows.h"

#include <algorithm>

namespace chat {

int64_t FileWindows::bytes(SessionId receiver) const {
  const auto it = windows_.find(receiver);
  return it == windows_.end() ? 0 : it->second.bytes;
}

void FileWindows::GiveUp(SessionId sender) {
  for (auto& [receiver, window] : windows_) {
    if (window.waiting.erase(sender) != 0) window.given_up.insert(sender);
  }
}

bool FileWindows::HasGivenUp(SessionId receiver, SessionId sender) const {
  const auto it = windows_.find(receiver);
  return it != windows_.end() && it->second.given_up.contains(sender);
}

std::vector<SessionId> FileWindows::Release(SessionId receiver, int64_t bytes, int64_t room_below) {
  const auto it = windows_.find(receiver);
  if (it == windows_.end()) return {};
  Window& window = it->second;
  window.bytes -= bytes;
  if (window.bytes > room_below) return {};
  std::vector<SessionId> waiting(window.waiting.begin(), window.waiting.end());
  window.waiting.clear();
  window.given_up.clear();
  if (window.bytes <= 0) windows_.erase(it);
  return waiting;
}

std::vector<SessionId> FileWindows::Forget(SessionId receiver) {
  senders_.erase(receiver);
  const auto it = windows_.find(receiver);
  if (it == windows_.end()) return {};
  std::vector<SessionId> waiting(it->second.waiting.begin(), it->second.waiting.end());
  windows_.erase(it);
  return waiting;
}

void FileWindows::Remember(SessionId receiver, absl::string_view sender) {
  std::deque<std::string>& senders = senders_[receiver];
  // Nearly always the one of the piece before.
  if (!senders.empty() && senders.front() == sender) return;
  const auto known = std::find(senders.begin(), senders.end(), sender);
  if (known != senders.end()) {
    std::rotate(senders.begin(), known, known + 1);
    return;
  }
  senders.emplace_front(sender);
  if (senders.size() > kSendersRemembered) senders.pop_back();
}

bool FileWindows::TakeSender(SessionId receiver, absl::string_view sender) {
  const auto it = senders_.find(receiver);
  if (it == senders_.end()) return false;
  const auto known = std::find(it->second.begin(), it->second.end(), sender);
  if (known == it->second.end()) return false;
  it->second.erase(known);
  if (it->second.empty()) senders_.erase(it);
  return true;
}

}  // namespace chat
