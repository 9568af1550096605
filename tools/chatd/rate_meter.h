// How much a second, over the last seconds.

#ifndef TOOLS_CHATD_RATE_METER_H_
#define TOOLS_CHATD_RATE_METER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace chat::tools {

// Averages of kRates counters over the last kWindow.
// Thread safety: none.
class RateMeter {
 public:
  static constexpr size_t kRates = 4;
  static constexpr absl::Duration kWindow = absl::Seconds(10);
  using Values = std::array<uint64_t, kRates>;
  using Rates = std::array<double, kRates>;

  // What the counters stood at. Called about once a second, with a time that never goes back.
  void Sample(const Values& values, absl::Time now);

  // The rates, if the counters stand at `values` now. All 0 before the first sample.
  Rates Read(const Values& values, absl::Time now) const;

 private:
  struct Point {
    absl::Time time;
    Values values;
  };
  std::deque<Point> points_;  // the first is as old as the window, the others are younger
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_RATE_METER_H_
