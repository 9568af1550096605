#include "tools/common/nearest.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace chat::tools {
namespace {

// No name is longer; what is longer was not meant to be one.
constexpr size_t kMaxTyped = 64;
constexpr size_t kLeastOfAName = 3;  // letters that a name cut short has left

std::string Plain(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

// How many letters have to be added, taken away, changed, or exchanged with the next one.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

absl::string_view Nearest(absl::string_view typed, const std::vector<std::string>& names) {
  if (typed.size() > kMaxTyped) return "";
  const std::string plain = Plain(typed);
  absl::string_view nearest;
  size_t least = std::max<size_t>(1, (plain.size() + 1) / 3) + 1;
  for (const std::string& name : names) {
    size_t distance = Distance(plain, Plain(name));
    if (plain.size() >= kLeastOfAName && absl::StartsWith(name, plain)) {
      distance = std::min<size_t>(distance, 1);
    }
    if (distance >= least) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

}  // namespace chat::tools
