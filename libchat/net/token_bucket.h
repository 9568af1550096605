// The rate of one client's messages.

#ifndef LIBCHAT_NET_TOKEN_BUCKET_H_
#define LIBCHAT_NET_TOKEN_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"

namespace chat::net {

// Holds up to `burst` tokens, refilled at `rate` a second. A charge may overdraw it: the work was
// done already; the client waits until it is out of debt. Thread safety: none.
class TokenBucket {
 public:
  TokenBucket(double rate, double burst, absl::Time now)
      : rate_(rate), burst_(burst), tokens_(burst), at_(now) {}

  void Charge() { tokens_ -= 1; }
  bool Exhausted(absl::Time now) {
    tokens_ = std::min(burst_, tokens_ + rate_ * absl::ToDoubleSeconds(now - at_));
    at_ = now;
    return tokens_ < 1;
  }
  // When it is not exhausted any more. Never too early by a rounding: who comes then would have to
  // come again, at the same time.
  absl::Time ReadyAt() const {
    if (tokens_ >= 1) return at_;
    return at_ + absl::Seconds((1 - tokens_) / rate_) + absl::Nanoseconds(1);
  }

 private:
  double rate_;
  double burst_;
  double tokens_;
  absl::Time at_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_TOKEN_BUCKET_H_
