#include "tools/common/framing.h"

#include <algorithm>

namespace chat::tools {

void Splitter::Append(absl::string_view bytes) {
  bytes_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  bytes_.append(bytes.data(), bytes.size());
}

std::optional<absl::string_view> Splitter::Next() {
  const absl::string_view bytes(bytes_);
  if (!delimiter_.empty()) {
    const size_t end = bytes.find(delimiter_, scanned_);
    if (end != bytes.npos) {
      const absl::string_view message = bytes.substr(begin_, end - begin_);
      begin_ = scanned_ = end + delimiter_.size();
      return message;
    }
    const size_t overlap = delimiter_.size() - 1;
    scanned_ = std::max(scanned_, bytes.size() - std::min(bytes.size(), overlap));
  }
  if (!ended_ || done_) return std::nullopt;
  done_ = true;
  if (!delimiter_.empty() && begin_ == bytes.size()) return std::nullopt;
  const absl::string_view message = bytes.substr(begin_);
  begin_ = bytes.size();
  return message;
}

}  // namespace chat::tools
