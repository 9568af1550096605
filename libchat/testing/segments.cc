#include "libchat/testing/segments.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chat::testing {
namespace {

constexpr uint32_t kSeed = 20210401;

}  // namespace

Segments Whole(absl::string_view bytes) {
  if (bytes.empty()) return {};
  return {std::string(bytes)};
}

Segments ByteByByte(absl::string_view bytes) {
  Segments segments;
  for (char byte : bytes) segments.emplace_back(1, byte);
  return segments;
}

Segments CutAt(absl::string_view bytes, size_t at) {
  return {std::string(bytes.substr(0, at)), std::string(bytes.substr(at))};
}

Segments Random(absl::string_view bytes, std::mt19937& random) {
  Segments segments;
  while (!bytes.empty()) {
    const size_t most = size_t{1} << random() % 8;
    const size_t size = std::min<size_t>(1 + random() % most, bytes.size());
    segments.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return segments;
}

std::vector<Segments> EveryWay(absl::string_view bytes, int random_cuts) {
  std::vector<Segments> ways = {Whole(bytes), ByteByByte(bytes)};
  for (size_t at = 1; at < bytes.size(); ++at) ways.push_back(CutAt(bytes, at));
  std::mt19937 random(kSeed);
  for (int i = 0; i < random_cuts; ++i) ways.push_back(Random(bytes, random));
  return ways;
}

Next Feeder::Feed(absl::string_view segment) {
  absl::StrAppend(&rest_, segment);
  if (next_ != Next::kMore) return next_;
  const auto exact = std::make_unique<char[]>(rest_.size());
  std::copy(rest_.begin(), rest_.end(), exact.get());
  const Step step = on_bytes_({exact.get(), rest_.size()});
  rest_.erase(0, step.consumed);
  next_ = step.next;
  return next_;
}

Next Feeder::Resume() {
  if (next_ != Next::kPause) return next_;
  next_ = Next::kMore;
  return Feed("");
}

}  // namespace chat::testing
