#include "libchat/hub/rate_window.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chat {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

TEST(RateWindowTest, CountsByKey) {
  RateWindow window(absl::Seconds(10));
  EXPECT_EQ(window.count("a", kStart), 0);
  window.Add("a", kStart);
  window.Add("a", kStart + absl::Seconds(9));
  window.Add("b", kStart);
  EXPECT_EQ(window.count("a", kStart + absl::Seconds(9)), 2);
  EXPECT_EQ(window.count("b", kStart + absl::Seconds(9)), 1);
  EXPECT_EQ(window.count("", kStart), 0);
}

TEST(RateWindowTest, ForgetsWhenTheWindowIsOver) {
  RateWindow window(absl::Seconds(10));
  window.Add("a", kStart);
  window.Add("a", kStart);
  const absl::Time over = kStart + absl::Seconds(10);
  EXPECT_EQ(window.count("a", over - absl::Nanoseconds(1)), 2);
  EXPECT_EQ(window.count("a", over), 0);
  window.Add("a", over);
  EXPECT_EQ(window.count("a", over), 1);
  EXPECT_EQ(window.count("a", over + absl::Seconds(9)), 1);
}

TEST(RateWindowTest, TakesAnEventBackFromItsOwnWindowOnly) {
  RateWindow window(absl::Seconds(10));
  window.TakeBack("a", kStart);  // nobody has heard of it
  window.Add("a", kStart);
  window.Add("a", kStart + absl::Seconds(1));
  window.TakeBack("a", kStart);
  EXPECT_EQ(window.count("a", kStart + absl::Seconds(1)), 1);

  const absl::Time next = kStart + absl::Seconds(11);
  window.Add("a", next);
  window.TakeBack("a", kStart + absl::Seconds(1));
  EXPECT_EQ(window.count("a", next), 1);
  window.TakeBack("a", next);
  window.TakeBack("a", next);
  EXPECT_EQ(window.count("a", next), 0);
}

void Fill(RateWindow& window, size_t keys, absl::Time now) {
  for (size_t i = 0; i < keys; ++i) window.Add(absl::StrCat("key", i), now);
}

TEST(RateWindowTest, WhenFullForgetsThoseWhoseWindowIsOver) {
  RateWindow window(absl::Seconds(10));
  const absl::Time later = kStart + absl::Seconds(5);
  Fill(window, RateWindow::kMaxKeys - 1, kStart);
  window.Add("late", later);
  window.Add("one too many", kStart + absl::Seconds(12));
  EXPECT_EQ(window.count("late", later), 1);
  EXPECT_EQ(window.count("one too many", kStart + absl::Seconds(12)), 1);
  // Asked about the past, it shows that it has let go of them.
  EXPECT_EQ(window.count("key0", kStart), 0);
}

TEST(RateWindowTest, WhenFullOfPresentOnesForgetsAll) {
  RateWindow window(absl::Seconds(10));
  Fill(window, RateWindow::kMaxKeys, kStart);
  window.Add("key0", kStart);  // is there: nothing is forgotten
  EXPECT_EQ(window.count("key0", kStart), 2);
  window.Add("one too many", kStart);
  EXPECT_EQ(window.count("one too many", kStart), 1);
  EXPECT_EQ(window.count("key0", kStart), 0);
}

}  // namespace
}  // namespace chat
