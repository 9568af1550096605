#include "tools/common/reconnector.h"

#include <optional>
#include <random>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/reconnect.h"
#include "tools/common/diagnostics.h"

namespace chat::tools {
namespace {

using client::ReconnectPolicy;
using ::testing::HasSubstr;

const absl::Status kBroken = absl::UnavailableError("the connection broke");
const absl::Status kTaken = absl::AlreadyExistsError("the name is taken");
const absl::Time kStart = absl::UnixEpoch();

class ReconnectorTest : public ::testing::Test {
 protected:
  Reconnector With(int64_t attempts) {
    return Reconnector(ReconnectPolicy{attempts}, random_, diagnostics_);
  }

  std::mt19937_64 random_;
  std::ostringstream err_;
  Diagnostics diagnostics_{"chat-test", err_};
};

TEST_F(ReconnectorTest, NothingIsTriedAgainByDefault) {
  Reconnector reconnector = With(0);
  EXPECT_EQ(reconnector.OnFailed(kBroken, kStart), std::nullopt);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ReconnectorTest, SaysWhatFailedAndWhenItTriesAgain) {
  Reconnector reconnector = With(ReconnectPolicy::kForever);
  EXPECT_TRUE(reconnector.OnFailed(kBroken, kStart).has_value());
  EXPECT_THAT(err_.str(), HasSubstr("chat-test: the connection broke; trying again in "));
}

TEST_F(ReconnectorTest, SaysHowLongTheConnectionWasAway) {
  Reconnector reconnector = With(ReconnectPolicy::kForever);
  EXPECT_EQ(reconnector.OnLoggedIn(kStart), std::nullopt);
  EXPECT_EQ(err_.str(), "");
  reconnector.OnFailed(kBroken, kStart + absl::Seconds(10));
  reconnector.OnFailed(kBroken, kStart + absl::Seconds(11));
  EXPECT_EQ(reconnector.OnLoggedIn(kStart + absl::Milliseconds(13430)), absl::Milliseconds(3430));
  EXPECT_THAT(err_.str(),
              HasSubstr("connected again after 3.4s; what was said meanwhile is not here"));
}

TEST_F(ReconnectorTest, ATakenNameIsOurOwnGhostOnlyAfterALogin) {
  Reconnector reconnector = With(ReconnectPolicy::kForever);
  EXPECT_EQ(reconnector.OnFailed(kTaken, kStart), std::nullopt);
  reconnector.OnLoggedIn(kStart);
  EXPECT_TRUE(reconnector.OnFailed(kTaken, kStart).has_value());
}

TEST_F(ReconnectorTest, ARefusedLoginIsFinal) {
  Reconnector reconnector = With(ReconnectPolicy::kForever);
  reconnector.OnLoggedIn(kStart);
  EXPECT_EQ(reconnector.OnFailed(absl::PermissionDeniedError("wrong password"), kStart),
            std::nullopt);
}

TEST_F(ReconnectorTest, LoginsWithoutProgressUseUpTheAttempts) {
  Reconnector reconnector = With(2);
  for (int attempt = 0; attempt < 2; ++attempt) {
    reconnector.OnLoggedIn(kStart);
    EXPECT_TRUE(reconnector.OnFailed(kBroken, kStart).has_value()) << attempt;
  }
  reconnector.OnLoggedIn(kStart);
  EXPECT_EQ(reconnector.OnFailed(kBroken, kStart), std::nullopt);
}

TEST_F(ReconnectorTest, ProgressStartsTheBackOffOver) {
  Reconnector reconnector = With(1);
  for (int attempt = 0; attempt < 5; ++attempt) {
    reconnector.OnLoggedIn(kStart);
    reconnector.OnProgress();
    const std::optional<absl::Duration> wait = reconnector.OnFailed(kBroken, kStart);
    ASSERT_TRUE(wait.has_value()) << attempt;
    EXPECT_LE(*wait, client::Backoff::kFirst);
  }
}

TEST(ShortDurationTest, ShowsWhatAPersonWantsToKnow) {
  EXPECT_EQ(ShortDuration(absl::ZeroDuration()), "0s");
  EXPECT_EQ(ShortDuration(absl::Microseconds(300)), "0s");
  EXPECT_EQ(ShortDuration(absl::Microseconds(79300)), "79ms");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(3430)), "3.4s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(725800)), "12m5s");
}

}  // namespace
}  // namespace chat::tools
