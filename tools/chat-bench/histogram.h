// Latencies in constant memory: buckets whose width grows with the value.

#ifndef TOOLS_CHAT_BENCH_HISTOGRAM_H_
#define TOOLS_CHAT_BENCH_HISTOGRAM_H_

#include <array>
#include <cstdint>

namespace chat::bench {

// Counts values >= 0; a percentile is exact below 128 and else at most 1/64 too high.
// Thread safety: none.
class Histogram {
 public:
  // Counts `value` `times` times.
  void Add(int64_t value, int64_t times = 1);

  int64_t count() const { return count_; }

  // The smallest value that at least `fraction` (0 to 1) of all values do not exceed, rounded up
  // to the end of its bucket. 0 if nothing was added.
  int64_t Percentile(double fraction) const;

 private:
  // Buckets 0 to 127 hold one value each; each further power of two has 64.
  std::array<int64_t, 64 * 58> buckets_ = {};
  int64_t count_ = 0;
};

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_HISTOGRAM_H_
