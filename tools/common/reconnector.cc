#include "tools/common/reconnector.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chat::tools {

std::string ShortDuration(absl::Duration duration) {
  // Of what takes minutes nobody wants the tenths.
  const absl::Duration unit = duration < absl::Seconds(1)   ? absl::Milliseconds(1)
                              : duration < absl::Minutes(1) ? absl::Milliseconds(100)
                                                            : absl::Seconds(1);
  const absl::Duration shown = absl::Trunc(duration, unit);
  return shown == absl::ZeroDuration() ? "0s" : absl::FormatDuration(shown);
}

std::optional<absl::Duration> Reconnector::OnLoggedIn(absl::Time now) {
  const bool again = std::exchange(was_logged_in_, true);
  const absl::Time lost = std::exchange(lost_, absl::InfiniteFuture());
  if (!again) return std::nullopt;
  const absl::Duration away = std::max(now - lost, absl::ZeroDuration());
  diagnostics_.Notice(absl::StrCat("connected again after ", ShortDuration(away),
                                   "; what was said meanwhile is not here"));
  return away;
}

bool Reconnector::MayPass(const absl::Status& status) const {
  const bool own_ghost = was_logged_in_ && absl::IsAlreadyExists(status);
  return own_ghost || absl::IsUnavailable(status) || absl::IsOutOfRange(status) ||
         absl::IsDeadlineExceeded(status);
}

std::optional<absl::Duration> Reconnector::OnFailed(const absl::Status& status, absl::Time now) {
  lost_ = std::min(lost_, now);
  const std::optional<absl::Duration> wait =
      MayPass(status) ? backoff_.Next() : std::optional<absl::Duration>();
  if (wait.has_value()) {
    diagnostics_.Notice(absl::StrCat(status.message(), "; trying again in ", ShortDuration(*wait)));
  }
  return wait;
}

}  // namespace chat::tools
