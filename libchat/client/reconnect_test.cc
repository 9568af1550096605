#include "libchat/client/reconnect.h"

#include <random>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace chat::client {
namespace {

TEST(ParseReconnect, KnowsItsThreeForms) {
  EXPECT_EQ(ParseReconnect("never")->attempts, 0);
  EXPECT_EQ(ParseReconnect("7")->attempts, 7);
  EXPECT_EQ(ParseReconnect("forever")->attempts, ReconnectPolicy::kForever);
  for (absl::string_view bad : {"", "0", "-1", "always", "7x"}) {
    EXPECT_EQ(ParseReconnect(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Backoff, NeverMeansNever) {
  std::mt19937 random(1);
  Backoff backoff(ReconnectPolicy{0}, random);
  EXPECT_EQ(backoff.Next(), std::nullopt);
}

TEST(Backoff, CountsAttemptsUntilOneSucceeds) {
  std::mt19937 random(1);
  Backoff backoff(ReconnectPolicy{2}, random);
  EXPECT_TRUE(backoff.Next().has_value());
  backoff.Reset();
  EXPECT_TRUE(backoff.Next().has_value());
  EXPECT_TRUE(backoff.Next().has_value());
  EXPECT_EQ(backoff.Next(), std::nullopt);
}

TEST(Backoff, DoublesUpToItsLongestWithJitter) {
  std::mt19937 random(1);
  Backoff backoff(ReconnectPolicy{ReconnectPolicy::kForever}, random);
  absl::Duration whole = Backoff::kFirst;
  bool jitter = false;
  for (int i = 0; i < 100; ++i) {
    const absl::Duration wait = backoff.Next().value();
    EXPECT_GE(wait, whole / 2) << i;
    EXPECT_LE(wait, whole) << i;
    jitter |= wait != whole && wait != whole / 2;
    whole = std::min(whole * 2, Backoff::kLongest);
  }
  EXPECT_EQ(whole, Backoff::kLongest);
  EXPECT_TRUE(jitter);
}

}  // namespace
}  // namespace chat::client
