#include "tools/chatd/flood_gate.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace chat::tools {
namespace {

// `line` with each number in it as one '#'.
std::string KindOf(absl::string_view line) {
  std::string kind;
  for (char c : line) {
    if (!absl::ascii_isdigit(c)) {
      kind += c;
    } else if (kind.empty() || kind.back() != '#') {
      kind += '#';
    }
  }
  return kind;
}

std::string WithCount(absl::string_view line, uint64_t others) {
  if (others == 0) return std::string(line);
  return absl::StrCat(line, " (and ", others, " more like it)");
}

}  // namespace

std::optional<std::string> FloodGate::Admit(absl::string_view line, absl::Time now) {
  std::string name = KindOf(line);
  if (kinds_.size() >= kMaxKinds && !kinds_.contains(name)) name.clear();
  Kind& kind = kinds_[name];
  if (now - kind.written < kInterval) {
    ++kind.left_out;
    kind.last = std::string(line);
    return std::nullopt;
  }
  kind.written = now;
  return WithCount(line, std::exchange(kind.left_out, 0));
}

std::vector<std::string> FloodGate::Flush(absl::Time now) {
  std::vector<std::string> lines;
  for (auto it = kinds_.begin(); it != kinds_.end();) {
    Kind& kind = it->second;
    if (now - kind.written < kInterval) {
      ++it;
    } else if (kind.left_out == 0) {
      kinds_.erase(it++);
    } else {
      lines.push_back(WithCount(kind.last, kind.left_out - 1));
      kind.left_out = 0;
      kind.written = now;
      ++it;
    }
  }
  return lines;
}

}  // namespace chat::tools
