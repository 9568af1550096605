#include "tools/chat-bench/histogram.h"

#include <bit>
#include <cmath>
#include <cstddef>

namespace chat::bench {
namespace {

// How many low bits of `value` its bucket forgets.
int Shift(uint64_t value) { return value < 64 ? 0 : std::bit_width(value) - 7; }

size_t Bucket(uint64_t value) {
  const int shift = Shift(value);
  // From 64 on, value >> shift is 64 to 127.
  return static_cast<size_t>(64 * shift) + (value >> shift);
}

// The highest value of a bucket.
int64_t Last(size_t bucket) {
  if (bucket < 128) return static_cast<int64_t>(bucket);
  const size_t shift = bucket / 64 - 1;
  const uint64_t top = 64 + bucket % 64;
  return static_cast<int64_t>(((top + 1) << shift) - 1);
}

}  // namespace

void Histogram::Add(int64_t value, int64_t times) {
  buckets_[Bucket(value < 0 ? 0 : static_cast<uint64_t>(value))] += times;
  count_ += times;
}

int64_t Histogram::Percentile(double fraction) const {
  const auto wanted = static_cast<int64_t>(std::ceil(fraction * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen > 0 && seen >= wanted) return Last(i);
  }
  return 0;
}

}  // namespace chat::bench
