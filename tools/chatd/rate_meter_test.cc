#include "tools/chatd/rate_meter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;

const absl::Time kStart = absl::UnixEpoch();

TEST(RateMeter, IsZeroBeforeTimeHasPassed) {
  RateMeter meter;
  EXPECT_THAT(meter.Read({1, 2, 3, 4}, kStart), ElementsAre(0, 0, 0, 0));
  meter.Sample({1, 2, 3, 4}, kStart);
  EXPECT_THAT(meter.Read({9, 9, 9, 9}, kStart), ElementsAre(0, 0, 0, 0));
}

TEST(RateMeter, IsTheAverageSinceTheStart) {
  RateMeter meter;
  meter.Sample({0, 10, 0, 0}, kStart);
  EXPECT_THAT(meter.Read({1, 10, 100, 5}, kStart + absl::Milliseconds(500)),
              ElementsAre(2, 0, 200, 10));
}

TEST(RateMeter, ForgetsWhatIsOlderThanItsWindow) {
  RateMeter meter;
  meter.Sample({0, 0, 0, 0}, kStart);
  meter.Sample({1000, 0, 0, 0}, kStart + absl::Seconds(1));
  for (int second = 2; second <= 11; ++second) {
    meter.Sample({1000, 0, 0, 0}, kStart + absl::Seconds(second));
  }
  EXPECT_THAT(meter.Read({1010, 0, 0, 0}, kStart + absl::Seconds(11)), ElementsAre(1, 0, 0, 0));
}

}  // namespace
}  // namespace chat::tools
