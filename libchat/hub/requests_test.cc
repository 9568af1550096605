#include "libchat/hub/requests.h"

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/session_id.h"

namespace chat {
namespace {

using AddResult = RequestTable::AddResult;
using Entry = RequestTable::Entry;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Time kNow = absl::UnixEpoch();

SessionId Id(uint32_t n) {
  SessionId id;
  id.generation = 1;
  id.slot = n;
  return id;
}

const SessionId kAlice = Id(1);
const SessionId kBob = Id(2);
const SessionId kCarol = Id(3);

// The asker's name tells the entries of a test apart.
Entry Make(absl::string_view tag, SessionId asker, SessionId target,
           RequestKind kind = RequestKind::kRelay, absl::Duration wait = absl::Seconds(60)) {
  return {kind, asker, target, User(std::string(tag)), User("target"), kNow + wait};
}

std::vector<std::string> Tags(const std::vector<Entry>& entries) {
  std::vector<std::string> tags;
  for (const Entry& entry : entries) tags.push_back(entry.asker_user.name);
  return tags;
}

class RequestTableTest : public ::testing::Test {
 protected:
  std::string TakeOldest(SessionId asker, SessionId target,
                         RequestKind kind = RequestKind::kRelay) {
    const std::optional<Entry> entry = table_.TakeOldest(kind, asker, target);
    return entry ? entry->asker_user.name : "none";
  }

  Limits limits_;
  RequestTable table_;
};

TEST_F(RequestTableTest, ThoseOfAPairAreTakenInOrder) {
  ASSERT_EQ(table_.Add(Make("1", kAlice, kBob), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("2", kAlice, kBob), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("other way", kBob, kAlice), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("other kind", kAlice, kBob, RequestKind::kTalk), limits_),
            AddResult::kAdded);
  EXPECT_EQ(table_.size(), 4u);
  EXPECT_EQ(TakeOldest(kAlice, kBob), "1");
  EXPECT_EQ(TakeOldest(kAlice, kBob), "2");
  EXPECT_EQ(TakeOldest(kAlice, kBob), "none");
  EXPECT_EQ(TakeOldest(kAlice, kBob, RequestKind::kTalk), "other kind");
  EXPECT_EQ(TakeOldest(kBob, kAlice), "other way");
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(RequestTableTest, TakenWhole) {
  ASSERT_EQ(table_.Add(Make("alice", kAlice, kBob, RequestKind::kDirect), limits_),
            AddResult::kAdded);
  const std::optional<Entry> entry = table_.TakeOldest(RequestKind::kDirect, kAlice, kBob);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, RequestKind::kDirect);
  EXPECT_EQ(entry->asker, kAlice);
  EXPECT_EQ(entry->target, kBob);
  EXPECT_EQ(entry->asker_user, User("alice"));
  EXPECT_EQ(entry->target_user, User("target"));
  EXPECT_EQ(entry->expires, kNow + absl::Seconds(60));
}

TEST_F(RequestTableTest, BoundAPair) {
  limits_.relay_requests_per_pair = 2;
  limits_.requests_per_pair = 1;
  EXPECT_EQ(table_.Add(Make("1", kAlice, kBob), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("2", kAlice, kBob), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("3", kAlice, kBob), limits_), AddResult::kPairFull);
  for (RequestKind kind : {RequestKind::kTalk, RequestKind::kDirect}) {
    EXPECT_EQ(table_.Add(Make("t", kAlice, kBob, kind), limits_), AddResult::kAdded);
    EXPECT_EQ(table_.Add(Make("t", kAlice, kBob, kind), limits_), AddResult::kPairFull);
  }
  // Another pair, and the same one once there is room.
  EXPECT_EQ(table_.Add(Make("b", kBob, kAlice), limits_), AddResult::kAdded);
  EXPECT_EQ(TakeOldest(kAlice, kBob), "1");
  EXPECT_EQ(table_.Add(Make("3", kAlice, kBob), limits_), AddResult::kAdded);
}

TEST_F(RequestTableTest, BoundASender) {
  limits_.requests_per_sender = 2;
  EXPECT_EQ(table_.Add(Make("1", kAlice, kBob), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("2", kAlice, kCarol), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("3", kAlice, Id(4)), limits_), AddResult::kSenderFull);
  // What one received does not count.
  EXPECT_EQ(table_.Add(Make("b1", kBob, kAlice), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("b2", kBob, kAlice), limits_), AddResult::kAdded);
  EXPECT_EQ(TakeOldest(kAlice, kCarol), "2");
  EXPECT_EQ(table_.Add(Make("3", kAlice, Id(4)), limits_), AddResult::kAdded);
}

TEST_F(RequestTableTest, BoundATarget) {
  limits_.requests_per_target = 2;
  EXPECT_EQ(table_.Add(Make("1", kAlice, kCarol), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("2", kBob, kCarol), limits_), AddResult::kAdded);
  EXPECT_EQ(table_.Add(Make("3", Id(4), kCarol), limits_), AddResult::kTargetFull);
  // What one sent does not count.
  EXPECT_EQ(table_.Add(Make("c1", kCarol, kAlice), limits_), AddResult::kAdded);
  EXPECT_EQ(TakeOldest(kBob, kCarol), "2");
  EXPECT_EQ(table_.Add(Make("3", Id(4), kCarol), limits_), AddResult::kAdded);
}

TEST_F(RequestTableTest, RefusedOneLeavesNothing) {
  limits_.requests_per_target = 1;
  EXPECT_EQ(table_.Add(Make("1", kAlice, kCarol), limits_), AddResult::kAdded);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(table_.Add(Make("2", kBob, kCarol), limits_), AddResult::kTargetFull);
  }
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_THAT(table_.TakeAllOf(kBob), IsEmpty());
}

TEST_F(RequestTableTest, AllOfOneSession) {
  for (const auto& [tag, asker, target] :
       {std::tuple("1", kAlice, kBob), std::tuple("2", kBob, kAlice), std::tuple("3", kBob, kCarol),
        std::tuple("4", kCarol, kAlice), std::tuple("5", kAlice, kBob)}) {
    ASSERT_EQ(table_.Add(Make(tag, asker, target), limits_), AddResult::kAdded);
  }
  EXPECT_THAT(Tags(table_.TakeAllOf(kAlice)), ElementsAre("1", "2", "4", "5"));
  EXPECT_THAT(table_.TakeAllOf(kAlice), IsEmpty());
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_THAT(Tags(table_.TakeAllOf(kCarol)), ElementsAre("3"));
}

TEST_F(RequestTableTest, OneWhoAsksHimself) {
  limits_.requests_per_pair = 4;
  ASSERT_EQ(table_.Add(Make("1", kAlice, kAlice), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("2", kAlice, kAlice), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("3", kAlice, kAlice), limits_), AddResult::kAdded);
  EXPECT_EQ(TakeOldest(kAlice, kAlice), "1");
  EXPECT_THAT(Tags(table_.TakeAllOf(kAlice)), ElementsAre("2", "3"));
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(RequestTableTest, ExpiredAreTakenInOrder) {
  ASSERT_EQ(table_.Add(Make("1", kAlice, kBob), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("2", kBob, kAlice), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("3", kAlice, kBob, RequestKind::kRelay, absl::Seconds(70)), limits_),
            AddResult::kAdded);
  EXPECT_THAT(table_.TakeExpired(kNow + absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(Tags(table_.TakeExpired(kNow + absl::Seconds(60))), ElementsAre("1", "2"));
  EXPECT_THAT(table_.TakeExpired(kNow + absl::Seconds(69)), IsEmpty());
  EXPECT_EQ(TakeOldest(kAlice, kBob), "3");
  EXPECT_THAT(table_.TakeExpired(absl::InfiniteFuture()), IsEmpty());
}

TEST_F(RequestTableTest, OneWithLessTimeWaitsForAnOlderOne) {
  ASSERT_EQ(table_.Add(Make("1", kAlice, kBob), limits_), AddResult::kAdded);
  ASSERT_EQ(table_.Add(Make("2", kAlice, kBob, RequestKind::kRelay, absl::Seconds(5)), limits_),
            AddResult::kAdded);
  EXPECT_THAT(table_.TakeExpired(kNow + absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(Tags(table_.TakeExpired(kNow + absl::Seconds(60))), ElementsAre("1", "2"));
}

}  // namespace
}  // namespace chat
