#include "libchat/accounts/attempts.h"

#include <algorithm>

namespace chat {

LoginAttempts::Admission LoginAttempts::Begin(absl::string_view address, const LoginBounds& bounds,
                                              absl::Time now) {
  Entry& entry = addresses_.Use(address, static_cast<size_t>(bounds.addresses));
  if (now < entry.since) return Admission::kRefused;
  if (now - entry.since >= bounds.window) entry = {now, 0, entry.under_way, absl::ZeroDuration()};
  const int64_t left = std::max<int64_t>(1, bounds.failures - entry.failures);
  if (entry.under_way >= left) return Admission::kBusy;
  ++entry.under_way;
  return Admission::kGranted;
}

void LoginAttempts::End(absl::string_view address, bool failed, const LoginBounds& bounds,
                        absl::Time now) {
  Entry& entry = addresses_.Use(address, static_cast<size_t>(bounds.addresses));
  // It may have been forgotten meanwhile.
  entry.under_way = std::max<int64_t>(0, entry.under_way - 1);
  if (!failed) return;
  if (entry.since == absl::InfinitePast()) entry.since = now;
  if (++entry.failures < bounds.failures) return;
  entry.refusal = entry.refusal == absl::ZeroDuration()
                      ? bounds.first_refusal
                      : std::min(2 * entry.refusal, bounds.longest_refusal);
  entry.since = now + entry.refusal;
}

bool RegistrationAttempts::Admit(absl::string_view address, const RegistrationBounds& bounds,
                                 absl::Time now) {
  in_all_.Renew(bounds.window, now);
  if (in_all_.tries >= bounds.in_all) return false;
  if (!address.empty()) {
    Count& count = addresses_.Use(address, static_cast<size_t>(bounds.addresses));
    count.Renew(bounds.window, now);
    if (count.tries >= bounds.per_address) return false;
    ++count.tries;
  }
  ++in_all_.tries;
  return true;
}

}  // namespace chat
