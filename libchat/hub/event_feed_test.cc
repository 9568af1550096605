#include "libchat/hub/event_feed.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chat {
namespace {

constexpr size_t kAll = EventFeed::kCapacity + 1;
// Long enough to be no more than a guard.
constexpr absl::Duration kLong = absl::Minutes(1);

ServerEvent Login(absl::string_view user) {
  ServerEvent event;
  event.kind = ServerEvent::Kind::kLogin;
  event.user = std::string(user);
  return event;
}

void EmitMany(EventFeed& feed, size_t n) {
  for (size_t i = 0; i < n; ++i) feed.Emit(Login("many"));
}

TEST(EventFeedTest, NumbersAndDatesEvents) {
  EventFeed feed;
  const uint64_t start = feed.next();
  const absl::Time before = absl::Now();
  feed.Emit(Login("alice"));
  feed.Emit(Login("bob"));
  const std::vector<ServerEvent> read = feed.Read(start, kAll, kLong);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].user, "alice");
  EXPECT_EQ(read[0].sequence, start);
  EXPECT_GE(read[0].time, before);
  EXPECT_EQ(read[1].user, "bob");
  EXPECT_EQ(read[1].sequence, start + 1);
  EXPECT_EQ(feed.next(), start + 2);
}

TEST(EventFeedTest, ReadsFromWhereTheWatcherStands) {
  EventFeed feed;
  feed.Emit(Login("before"));
  const uint64_t start = feed.next();
  for (const char* user : {"a", "b", "c"}) feed.Emit(Login(user));
  std::vector<ServerEvent> read = feed.Read(start, 2, kLong);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].user, "a");
  EXPECT_EQ(read[1].user, "b");
  read = feed.Read(read.back().sequence + 1, 2, kLong);
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].user, "c");
}

TEST(EventFeedTest, ReturnsWithNothingWhenTheTimeIsOver) {
  EventFeed feed;
  EXPECT_TRUE(feed.Read(feed.next(), kAll, absl::ZeroDuration()).empty());
  feed.Emit(Login("alice"));
  EXPECT_TRUE(feed.Read(feed.next(), kAll, absl::Milliseconds(1)).empty());
}

TEST(EventFeedTest, KeepsTheLastOnesAndSaysHowManyWereLost) {
  EventFeed feed;
  const uint64_t start = feed.next();
  feed.Emit(Login("first"));
  feed.Emit(Login("second"));
  EmitMany(feed, EventFeed::kCapacity - 1);
  // One is lost.
  std::vector<ServerEvent> read = feed.Read(start, kAll, kLong);
  ASSERT_EQ(read.size(), EventFeed::kCapacity + 1);
  EXPECT_EQ(read[0].kind, ServerEvent::Kind::kGap);
  EXPECT_EQ(read[0].number, 1u);
  EXPECT_EQ(read[0].sequence, start);
  EXPECT_EQ(read[1].user, "second");
  EXPECT_EQ(read[1].sequence, start + 1);
  // One that stands behind the loss does not hear of it.
  read = feed.Read(start + 1, 1, kLong);
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].user, "second");

  EmitMany(feed, 10 * EventFeed::kCapacity);
  read = feed.Read(start + 2, kAll, kLong);
  ASSERT_EQ(read.size(), EventFeed::kCapacity + 1);
  EXPECT_EQ(read[0].number, 10 * EventFeed::kCapacity - 1);
  EXPECT_EQ(read[0].sequence + 1, read[1].sequence);
}

TEST(EventFeedTest, GapComesInFrontOfAShortRead) {
  EventFeed feed;
  const uint64_t start = feed.next();
  EmitMany(feed, EventFeed::kCapacity + 5);
  const std::vector<ServerEvent> read = feed.Read(start, 1, kLong);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].kind, ServerEvent::Kind::kGap);
  EXPECT_EQ(read[0].number, 5u);
  EXPECT_EQ(read[1].sequence, start + 5);
}

// However the threads run, a watcher accounts for every event, in order.
TEST(EventFeedTest, WatchersWhileEventsHappen) {
  constexpr uint64_t kEvents = 20000;
  EventFeed feed;
  const uint64_t start = feed.next();
  auto watch = [&](size_t max, std::string* error) {
    uint64_t from = start;
    while (from < start + kEvents) {
      const std::vector<ServerEvent> read = feed.Read(from, max, kLong);
      if (read.empty()) *error = "waited in vain";
      for (const ServerEvent& event : read) {
        from += event.kind == ServerEvent::Kind::kGap ? event.number : 1;
        if (event.sequence + 1 != from) {
          *error = absl::StrCat("got ", event.sequence, " instead of ", from - 1);
        }
      }
      if (!error->empty()) return;
    }
  };
  auto emit = [&] { EmitMany(feed, kEvents / 2); };
  std::string errors[2];
  std::thread threads[] = {std::thread(watch, kAll, &errors[0]), std::thread(watch, 3, &errors[1]),
                           std::thread(emit), std::thread(emit)};
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors[0], "");
  EXPECT_EQ(errors[1], "");
}

}  // namespace
}  // namespace chat
