#include "libchat/testing/segments.h"

#include <string>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

TEST(SegmentsTest, EveryWayKeepsTheBytes) {
  const std::string bytes = "hello, world";
  const std::vector<Segments> ways = EveryWay(bytes, 10);
  EXPECT_EQ(ways.size(), 2 + (bytes.size() - 1) + 10);
  for (const Segments& way : ways) EXPECT_EQ(absl::StrJoin(way, ""), bytes);
  EXPECT_EQ(ways[0], Segments{bytes});
  EXPECT_EQ(ways[1].size(), bytes.size());
  EXPECT_EQ(ways[2], (Segments{"h", "ello, world"}));
  EXPECT_EQ(Whole(""), Segments{});
}

TEST(FeederTest, GivesAgainWhatWasNotConsumed) {
  std::vector<std::string> given;
  Step step;
  Feeder feeder([&](absl::string_view in) {
    given.emplace_back(in);
    return step;
  });
  EXPECT_EQ(feeder.Feed("ab"), Next::kMore);
  step = {3, Next::kMore};
  feeder.Feed("cd");
  step = {1, Next::kRelay};
  EXPECT_EQ(feeder.Feed("ef"), Next::kRelay);
  EXPECT_EQ(feeder.Feed("gh"), Next::kRelay);
  EXPECT_EQ(given, (std::vector<std::string>{"ab", "abcd", "def"}));
  EXPECT_EQ(feeder.rest(), "efgh");
}

}  // namespace
}  // namespace chat::testing
