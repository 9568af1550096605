// Which messages of a client have been delivered, by the ids that it gave them.

#ifndef LIBCHAT_CHATOS_SEEN_IDS_H_
#define LIBCHAT_CHATOS_SEEN_IDS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace chat::chatos {

// A set of ids that forgets nothing above a moving window: its size does not depend on what a
// client sends. Any int64_t is an id.
//
// Thread safety: none; it belongs to one session.
//
// Invariant: bit i of below_ stands for the one id of [highest - kWindow, highest - 1] that is i
// modulo kWindow; where that interval leaves the int64_t, its bit is clear.
class SeenIds {
 public:
  // So many ids below the highest one are told apart; all that are lower count as seen.
  static constexpr uint64_t kWindow = 1024;

  bool Contains(int64_t id) const {
    if (!highest_ || id > *highest_) return false;
    const uint64_t below = Distance(id, *highest_);
    return below == 0 || below > kWindow || below_[Slot(id)];
  }

  void Add(int64_t id) {
    if (!highest_) {
      highest_ = id;
    } else if (id > *highest_) {
      Raise(id);
    } else if (const uint64_t below = Distance(id, *highest_); below != 0 && below <= kWindow) {
      below_.set(Slot(id));
    }
  }

 private:
  static uint64_t Distance(int64_t low, int64_t high) {
    return static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  }
  static size_t Slot(int64_t id) { return static_cast<uint64_t>(id) % kWindow; }

  void Raise(int64_t id) {
    const uint64_t steps = Distance(*highest_, id);
    if (steps > kWindow) {
      below_.reset();
    } else {
      for (int64_t between = *highest_ + 1; between < id; ++between) below_.reset(Slot(between));
      below_.set(Slot(*highest_));
    }
    highest_ = id;
  }

  std::optional<int64_t> highest_;
  std::bitset<kWindow> below_;
};

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_SEEN_IDS_H_
