// When to try again: --reconnect never|N|forever.

#ifndef LIBCHAT_CLIENT_RECONNECT_H_
#define LIBCHAT_CLIENT_RECONNECT_H_

#include <cstdint>
#include <optional>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat::client {

struct ReconnectPolicy {
  static constexpr int64_t kForever = -1;

  // Attempts after a failure, until one succeeds.
  int64_t attempts = 0;
};

// "never", "forever" or a positive number of attempts.
absl::StatusOr<ReconnectPolicy> ParseReconnect(absl::string_view text);

// Exponential back-off with jitter: the n-th wait is between half of and a whole kFirst * 2^(n-1),
// at most kLongest, so that clients which lost their server together do not come back together.
//
// Thread safety: none.
class Backoff {
 public:
  static constexpr absl::Duration kFirst = absl::Milliseconds(500);
  static constexpr absl::Duration kLongest = absl::Seconds(30);

  // `random` outlives this.
  Backoff(ReconnectPolicy policy, absl::BitGenRef random) : policy_(policy), random_(random) {}

  // How long to wait before the next attempt; nothing if there shall be none.
  std::optional<absl::Duration> Next();

  // An attempt succeeded: start over.
  void Reset() { failures_ = 0; }

 private:
  const ReconnectPolicy policy_;
  absl::BitGenRef random_;
  int64_t failures_ = 0;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_RECONNECT_H_
