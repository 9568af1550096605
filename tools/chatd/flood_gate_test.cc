#include "tools/chatd/flood_gate.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kStart = absl::UnixEpoch();

TEST(FloodGate, LetsOneLineASecondOfAKindThrough) {
  FloodGate gate;
  EXPECT_EQ(gate.Admit("cut 10.0.0.1:7", kStart), "cut 10.0.0.1:7");
  EXPECT_EQ(gate.Admit("cut 10.0.0.2:81", kStart), std::nullopt);
  EXPECT_EQ(gate.Admit("refused", kStart), "refused") << "another kind";
  EXPECT_EQ(gate.Admit("cut 9", kStart), "cut 9") << "another kind";
  EXPECT_EQ(gate.Admit("cut 10.0.0.3:9", kStart + absl::Milliseconds(999)), std::nullopt);
  EXPECT_EQ(gate.Admit("cut 10.0.0.4:9", kStart + absl::Seconds(1)),
            "cut 10.0.0.4:9 (and 2 more like it)");
  EXPECT_EQ(gate.Admit("cut 10.0.0.5:9", kStart + absl::Seconds(2)), "cut 10.0.0.5:9");
}

TEST(FloodGate, SaysHowManyWereLeftOutThoughNoMoreCome) {
  FloodGate gate;
  gate.Admit("line 1", kStart);
  gate.Admit("line 2", kStart);
  gate.Admit("line 3", kStart);
  EXPECT_THAT(gate.Flush(kStart + absl::Milliseconds(999)), IsEmpty());
  EXPECT_THAT(gate.Flush(kStart + absl::Seconds(1)), ElementsAre("line 3 (and 1 more like it)"));
  EXPECT_THAT(gate.Flush(kStart + absl::Seconds(2)), IsEmpty());
}

TEST(FloodGate, CountsWhatItFlushesAsWritten) {
  FloodGate gate;
  gate.Admit("line 1", kStart);
  gate.Admit("line 2", kStart);
  EXPECT_THAT(gate.Flush(kStart + absl::Seconds(1)), SizeIs(1));
  EXPECT_EQ(gate.Admit("line 3", kStart + absl::Seconds(1)), std::nullopt);
}

TEST(FloodGate, HasRoomForSoManyKinds) {
  FloodGate gate;
  std::string line;
  for (size_t i = 0; i < FloodGate::kMaxKinds; ++i) {
    line += 'x';
    EXPECT_NE(gate.Admit(line, kStart), std::nullopt);
  }
  EXPECT_EQ(gate.Admit("beyond", kStart), "beyond");
  EXPECT_EQ(gate.Admit("beyond too", kStart), std::nullopt);
  gate.Flush(kStart + absl::Seconds(1));
  EXPECT_EQ(gate.Admit("room again", kStart + absl::Seconds(1)), "room again");
  EXPECT_EQ(gate.Admit("for many", kStart + absl::Seconds(1)), "for many");
}

}  // namespace
}  // namespace chat::tools
