#include "libchat/net/token_bucket.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chat::net {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(1000);

TEST(TokenBucketTest, LetsABurstThroughAtOnce) {
  TokenBucket bucket(/*rate=*/10, /*burst=*/3, kStart);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(bucket.Exhausted(kStart));
    bucket.Charge();
  }
  EXPECT_TRUE(bucket.Exhausted(kStart));
}

TEST(TokenBucketTest, RefillsAtItsRate) {
  TokenBucket bucket(/*rate=*/10, /*burst=*/2, kStart);
  bucket.Charge();
  bucket.Charge();
  EXPECT_TRUE(bucket.Exhausted(kStart + absl::Milliseconds(99)));
  EXPECT_FALSE(bucket.Exhausted(kStart + absl::Milliseconds(101)));
}

TEST(TokenBucketTest, HoldsNoMoreThanItsBurst) {
  TokenBucket bucket(/*rate=*/10, /*burst=*/2, kStart);
  const absl::Time later = kStart + absl::Hours(1);
  EXPECT_FALSE(bucket.Exhausted(later));
  bucket.Charge();
  bucket.Charge();
  EXPECT_TRUE(bucket.Exhausted(later));
}

TEST(TokenBucketTest, ADebtIsPaidBeforeMoreIsLetThrough) {
  TokenBucket bucket(/*rate=*/10, /*burst=*/1, kStart);
  for (int i = 0; i < 11; ++i) bucket.Charge();
  EXPECT_TRUE(bucket.Exhausted(kStart + absl::Milliseconds(1050)));
  EXPECT_FALSE(bucket.Exhausted(kStart + absl::Milliseconds(1101)));
}

TEST(TokenBucketTest, OneThatIsNotExhaustedIsReadyNow) {
  TokenBucket bucket(/*rate=*/10, /*burst=*/2, kStart);
  EXPECT_FALSE(bucket.Exhausted(kStart));
  EXPECT_EQ(bucket.ReadyAt(), kStart);
}

// Whoever waits until ReadyAt must not find that it was a rounding too early.
TEST(TokenBucketTest, IsReadyWhenItSaysSo) {
  for (const double rate : {1.0, 3.0, 7.0, 49.0, 50.0, 333.0, 1000.0, 99991.0}) {
    for (int used = 0; used < 200; ++used) {
      const absl::Time start = kStart + absl::Nanoseconds(used * 7919);
      TokenBucket bucket(rate, /*burst=*/1, start);
      for (int i = 0; i <= used; ++i) bucket.Charge();
      const absl::Time looked = start + absl::Nanoseconds(used * 13);
      ASSERT_TRUE(bucket.Exhausted(looked));
      const absl::Time ready = bucket.ReadyAt();
      ASSERT_GT(ready, looked);
      EXPECT_FALSE(bucket.Exhausted(ready)) << rate << " a second, " << used + 1 << " used";
    }
  }
}

}  // namespace
}  // namespace chat::net
