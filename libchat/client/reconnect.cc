#include "libchat/client/reconnect.h"

#include <algorithm>

#include "absl/random/distributions.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace chat::client {

absl::StatusOr<ReconnectPolicy> ParseReconnect(absl::string_view text) {
  if (text == "never") return ReconnectPolicy{0};
  if (text == "forever") return ReconnectPolicy{ReconnectPolicy::kForever};
  int64_t attempts = 0;
  if (!absl::SimpleAtoi(text, &attempts) || attempts < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"never\", \"forever\" or a positive number, not \"", text, "\""));
  }
  return ReconnectPolicy{attempts};
}

std::optional<absl::Duration> Backoff::Next() {
  if (policy_.attempts != ReconnectPolicy::kForever && failures_ >= policy_.attempts) {
    return std::nullopt;
  }
  // 2^10 * kFirst is beyond kLongest.
  const int64_t doublings = std::min<int64_t>(failures_++, 10);
  const absl::Duration longest = std::min(kFirst * (int64_t{1} << doublings), kLongest);
  return longest * absl::Uniform(absl::IntervalClosedClosed, random_, 0.5, 1.0);
}

}  // namespace chat::client
