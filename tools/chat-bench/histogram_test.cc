#include "tools/chat-bench/histogram.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace chat::bench {
namespace {

TEST(HistogramTest, IsZeroWhenEmpty) { EXPECT_EQ(Histogram().Percentile(0.5), 0); }

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.Add(i);
  EXPECT_EQ(histogram.Percentile(0), 1);
  EXPECT_EQ(histogram.Percentile(0.5), 50);
  EXPECT_EQ(histogram.Percentile(0.99), 99);
  EXPECT_EQ(histogram.Percentile(1), 100);
}

TEST(HistogramTest, CountsRepetitions) {
  Histogram histogram;
  histogram.Add(1, 98);
  histogram.Add(90, 2);
  EXPECT_EQ(histogram.count(), 100);
  EXPECT_EQ(histogram.Percentile(0.98), 1);
  EXPECT_EQ(histogram.Percentile(0.99), 90);
}

TEST(HistogramTest, LargeValuesAreRoundedUpALittle) {
  for (int64_t value : {int64_t{128}, int64_t{1000}, int64_t{123'456'789}, INT64_MAX}) {
    Histogram histogram;
    histogram.Add(value);
    EXPECT_GE(histogram.Percentile(0.5), value);
    EXPECT_LE(histogram.Percentile(0.5) - value, value / 64);
  }
}

}  // namespace
}  // namespace chat::bench
