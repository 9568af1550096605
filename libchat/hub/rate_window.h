// How often something happened lately, by key.

#ifndef LIBCHAT_HUB_RATE_WINDOW_H_
#define LIBCHAT_HUB_RATE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat {

// Counts events of each key in windows of fixed length. Keys come from outside (addresses), so the
// table is bounded: at kMaxKeys it forgets those whose window is over, and if there are none,
// everything.
// Thread safety: none.
class RateWindow {
 public:
  static constexpr size_t kMaxKeys = 65536;

  explicit RateWindow(absl::Duration length) : length_(length) {}

  // Events of `key` in its present window.
  int64_t count(absl::string_view key, absl::Time now) const {
    const auto it = entries_.find(key);
    return it == entries_.end() || now - it->second.begin >= length_ ? 0 : it->second.count;
  }

  void Add(absl::string_view key, absl::Time now) {
    if (entries_.size() >= kMaxKeys && !entries_.contains(key)) Forget(now);
    Entry& entry = entries_[key];
    if (now - entry.begin >= length_) entry = {now, 0};
    ++entry.count;
  }

  // The event of `key` that was added at `added` does not count any more.
  void TakeBack(absl::string_view key, absl::Time added) {
    const auto it = entries_.find(key);
    if (it == entries_.end() || added < it->second.begin || it->second.count == 0) return;
    --it->second.count;
  }

 private:
  struct Entry {
    absl::Time begin = absl::InfinitePast();
    int64_t count = 0;
  };

  void Forget(absl::Time now) {
    absl::erase_if(entries_,
                   [&](const auto& entry) { return now - entry.second.begin >= length_; });
    if (entries_.size() >= kMaxKeys) entries_.clear();
  }

  const absl::Duration length_;
  absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_RATE_WINDOW_H_
