#include "tools/chatd/rate_meter.h"

namespace chat::tools {

void RateMeter::Sample(const Values& values, absl::Time now) {
  points_.push_back({now, values});
  while (points_.size() > 1 && now - points_[1].time >= kWindow) points_.pop_front();
}

RateMeter::Rates RateMeter::Read(const Values& values, absl::Time now) const {
  Rates rates = {};
  if (points_.empty() || now <= points_.front().time) return rates;
  const double seconds = absl::ToDoubleSeconds(now - points_.front().time);
  for (size_t i = 0; i < kRates; ++i) {
    rates[i] = static_cast<double>(values[i] - points_.front().values[i]) / seconds;
  }
  return rates;
}

}  // namespace chat::tools
