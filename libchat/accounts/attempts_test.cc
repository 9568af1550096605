#include "libchat/accounts/attempts.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat {
namespace {

using Admission = LoginAttempts::Admission;

class LoginAttemptsTest : public ::testing::Test {
 protected:
  Admission Begin(absl::string_view address) { return attempts_.Begin(address, bounds_, now_); }
  void End(absl::string_view address, bool failed) {
    attempts_.End(address, failed, bounds_, now_);
  }
  // One whole try.
  Admission Fail(absl::string_view address) {
    const Admission admission = Begin(address);
    if (admission == Admission::kGranted) End(address, true);
    return admission;
  }
  void FailTimes(absl::string_view address, int64_t times) {
    for (int64_t i = 0; i < times; ++i) EXPECT_EQ(Fail(address), Admission::kGranted) << i;
  }
  // Refused for exactly so long.
  void ExpectRefusedFor(absl::string_view address, absl::Duration refusal) {
    EXPECT_EQ(Begin(address), Admission::kRefused);
    now_ += refusal - absl::Milliseconds(1);
    EXPECT_EQ(Begin(address), Admission::kRefused);
    now_ += absl::Milliseconds(1);
  }

  LoginBounds bounds_;
  LoginAttempts attempts_;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
};

TEST_F(LoginAttemptsTest, RefusesForFiveSecondsAfterTenFailures) {
  FailTimes("10.0.0.1", 10);
  ExpectRefusedFor("10.0.0.1", absl::Seconds(5));
  EXPECT_EQ(Begin("10.0.0.1"), Admission::kGranted);
}

TEST_F(LoginAttemptsTest, RefusesNoOtherAddress) {
  FailTimes("10.0.0.1", 10);
  EXPECT_EQ(Fail("10.0.0.1"), Admission::kRefused);
  EXPECT_EQ(Fail("10.0.0.2"), Admission::kGranted);
}

TEST_F(LoginAttemptsTest, DoublesTheRefusalUpToTenMinutes) {
  FailTimes("a", 10);
  absl::Duration refusal = absl::Seconds(5);
  for (int i = 0; i < 9; ++i) {
    ExpectRefusedFor("a", refusal);
    EXPECT_EQ(Fail("a"), Admission::kGranted) << i;
    refusal = std::min(2 * refusal, absl::Minutes(10));
  }
  EXPECT_EQ(refusal, absl::Minutes(10));
  ExpectRefusedFor("a", refusal);
}

TEST_F(LoginAttemptsTest, ForgetsFailuresAfterTheWindow) {
  FailTimes("a", 9);
  now_ += absl::Minutes(5);
  FailTimes("a", 10);
  EXPECT_EQ(Fail("a"), Admission::kRefused);
}

TEST_F(LoginAttemptsTest, ForgetsARefusalAfterAQuietWindow) {
  FailTimes("a", 10);
  now_ += absl::Seconds(5) + absl::Minutes(5);
  FailTimes("a", 10);
  ExpectRefusedFor("a", absl::Seconds(5));
}

TEST_F(LoginAttemptsTest, RemembersARefusalUntilThen) {
  FailTimes("a", 10);
  now_ += absl::Seconds(5) + absl::Minutes(5) - absl::Milliseconds(1);
  EXPECT_EQ(Fail("a"), Admission::kGranted);
  ExpectRefusedFor("a", absl::Seconds(10));
}

TEST_F(LoginAttemptsTest, DoesNotCountWhatWasRight) {
  FailTimes("a", 9);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Begin("a"), Admission::kGranted);
    End("a", false);
  }
  FailTimes("a", 1);
  EXPECT_EQ(Fail("a"), Admission::kRefused);
}

// Who has an account here gets no more guesses at that of others.
TEST_F(LoginAttemptsTest, IsNotForgivingAfterWhatWasRight) {
  for (int i = 0; i < 10; ++i) {
    FailTimes("a", 1);
    if (i == 9) break;
    EXPECT_EQ(Begin("a"), Admission::kGranted);
    End("a", false);
  }
  EXPECT_EQ(Fail("a"), Admission::kRefused);
}

TEST_F(LoginAttemptsTest, HasteGivesNoMoreGuesses) {
  FailTimes("a", 7);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Begin("a"), Admission::kGranted) << i;
  EXPECT_EQ(Begin("a"), Admission::kBusy);
  End("a", false);
  EXPECT_EQ(Begin("a"), Admission::kGranted);
  for (int i = 0; i < 3; ++i) End("a", true);
  EXPECT_EQ(Begin("a"), Admission::kRefused);
  // Afterwards one at a time.
  now_ += absl::Seconds(5);
  EXPECT_EQ(Begin("a"), Admission::kGranted);
  EXPECT_EQ(Begin("a"), Admission::kBusy);
}

TEST_F(LoginAttemptsTest, ForgetsTheAddressThatWasUsedLeastRecently) {
  bounds_.addresses = 3;
  for (const char* address : {"a", "b", "c"}) FailTimes(address, 10);
  EXPECT_EQ(Fail("a"), Admission::kRefused);  // uses it
  EXPECT_EQ(Fail("d"), Admission::kGranted);  // in the place of b
  EXPECT_EQ(Fail("a"), Admission::kRefused);
  EXPECT_EQ(Fail("c"), Admission::kRefused);
  EXPECT_EQ(Fail("b"), Admission::kGranted);
}

TEST_F(LoginAttemptsTest, BearsWithTheEndOfATryThatItHasForgotten) {
  bounds_.addresses = 1;
  EXPECT_EQ(Begin("a"), Admission::kGranted);
  EXPECT_EQ(Begin("b"), Admission::kGranted);
  End("a", true);
  FailTimes("a", 9);
  EXPECT_EQ(Fail("a"), Admission::kRefused);
}

TEST(AddressTableTest, HoldsNoMoreThanItMay) {
  AddressTable<int> table;
  for (int i = 0; i < 100'000; ++i) table.Use(absl::StrCat(i), 65536) = i;
  EXPECT_EQ(table.size(), 65536u);
  EXPECT_EQ(table.Use("99999", 65536), 99999);
  EXPECT_EQ(table.Use("34464", 65536), 34464);
  EXPECT_EQ(table.Use("34463", 65536), 0);  // forgotten
  table.Use("x", 10);                       // the bound was lowered
  EXPECT_EQ(table.size(), 10u);
}

class RegistrationAttemptsTest : public ::testing::Test {
 protected:
  bool Admit(absl::string_view address) { return attempts_.Admit(address, bounds_, now_); }

  RegistrationBounds bounds_;
  RegistrationAttempts attempts_;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
};

TEST_F(RegistrationAttemptsTest, AdmitsTenOfAnAddressInTenMinutes) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Admit("a")) << i;
  EXPECT_FALSE(Admit("a"));
  now_ += absl::Minutes(10) - absl::Milliseconds(1);
  EXPECT_FALSE(Admit("a"));
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(Admit("a"));
}

TEST_F(RegistrationAttemptsTest, AdmitsThirtyInAllInTenMinutes) {
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(Admit(absl::StrCat(i))) << i;
  EXPECT_FALSE(Admit("another"));
  EXPECT_FALSE(Admit(""));
  now_ += absl::Minutes(10);
  EXPECT_TRUE(Admit("another"));
}

TEST_F(RegistrationAttemptsTest, CountsAnExemptAddressInAllAlone) {
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(Admit("")) << i;
  EXPECT_FALSE(Admit(""));
}

// One address cannot use up what there is for all by trying on.
TEST_F(RegistrationAttemptsTest, DoesNotCountWhatItRefuses) {
  for (int i = 0; i < 100; ++i) Admit("greedy");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Admit(absl::StrCat(i))) << i;
  EXPECT_FALSE(Admit("another"));
}

}  // namespace
}  // namespace chat
