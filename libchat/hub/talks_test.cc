#include "libchat/hub/talks.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat {
namespace {

constexpr int64_t kMany = 1'000'000;

SessionId Id(uint32_t slot) {
  SessionId id;
  id.generation = 1;
  id.slot = slot;
  return id;
}

TEST(TalkTable, FindsATalkFromBothSides) {
  TalkTable talks;
  TalkNumber number = kNoTalk;
  EXPECT_EQ(talks.Open(Id(1), Id(2), kMany, 7, &number), TalkTable::OpenResult::kOpened);
  EXPECT_EQ(talks.Find(Id(1), Id(2)), number);
  EXPECT_EQ(talks.Find(Id(2), Id(1)), number);
  EXPECT_EQ(talks.Find(Id(1), Id(1)), kNoTalk);
  EXPECT_EQ(talks.Find(Id(1), Id(3)), kNoTalk);
  TalkNumber again = kNoTalk;
  EXPECT_EQ(talks.Open(Id(2), Id(1), kMany, 8, &again), TalkTable::OpenResult::kThere);
  EXPECT_EQ(again, number);
  EXPECT_EQ(talks.size(), 1u);
  talks.Close(Id(2), Id(1));
  EXPECT_EQ(talks.Find(Id(1), Id(2)), kNoTalk);
  talks.Close(Id(2), Id(1));  // nothing to close
  EXPECT_EQ(talks.size(), 0u);
}

TEST(TalkTable, TakesAllOfOne) {
  TalkTable talks;
  TalkNumber number = kNoTalk;
  talks.Open(Id(1), Id(1), kMany, 1, &number);
  talks.Open(Id(1), Id(2), kMany, 2, &number);
  talks.Open(Id(3), Id(1), kMany, 3, &number);
  talks.Open(Id(2), Id(3), kMany, 4, &number);
  EXPECT_EQ(talks.TakeAllOf(Id(1)).size(), 3u);
  EXPECT_TRUE(talks.TakeAllOf(Id(1)).empty());
  EXPECT_EQ(talks.size(), 1u);
  EXPECT_EQ(talks.Find(Id(3), Id(2)), number);
}

TEST(TalkTable, EveryNumberIsGivenOnceAndThenNoMore) {
  TalkTable talks;
  std::set<TalkNumber> numbers;
  TalkNumber number = kNoTalk;
  for (uint32_t i = 0; i < static_cast<uint32_t>(kMaxTalks); ++i) {
    const uint64_t random = i * uint64_t{0x9E3779B97F4A7C15};
    ASSERT_EQ(talks.Open(Id(0), Id(i + 1), kMany, random, &number), TalkTable::OpenResult::kOpened);
    ASSERT_GE(number, 0);
    ASSERT_LT(number, kMaxTalks);
    ASSERT_TRUE(numbers.insert(number).second) << number;
  }
  EXPECT_EQ(talks.Open(Id(0), Id(0), kMany, 0, &number), TalkTable::OpenResult::kFull);
  EXPECT_EQ(number, kNoTalk);
  const TalkNumber freed = talks.Find(Id(0), Id(77));
  talks.Close(Id(77), Id(0));
  EXPECT_EQ(talks.Open(Id(5), Id(6), kMany, 0, &number), TalkTable::OpenResult::kOpened);
  EXPECT_EQ(number, freed);
  talks.TakeAllOf(Id(0));
  talks.TakeAllOf(Id(5));
  EXPECT_EQ(talks.size(), 0u);
}

TEST(TalkTable, AUserHasSoManyAtMost) {
  TalkTable talks;
  TalkNumber number = kNoTalk;
  EXPECT_EQ(talks.Open(Id(1), Id(2), 1, 0, &number), TalkTable::OpenResult::kOpened);
  EXPECT_EQ(talks.Open(Id(3), Id(2), 1, 0, &number), TalkTable::OpenResult::kUserFull);
  EXPECT_EQ(talks.Open(Id(2), Id(3), 1, 0, &number), TalkTable::OpenResult::kUserFull);
  EXPECT_EQ(number, kNoTalk);
}

}  // namespace
}  // namespace chat
