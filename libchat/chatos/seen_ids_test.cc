#include "libchat/chatos/seen_ids.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <set>

#include "gtest/gtest.h"

namespace chat::chatos {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(SeenIdsTest, AreNoneAtFirst) {
  const SeenIds seen;
  for (int64_t id : {kMin, int64_t{-1}, int64_t{0}, int64_t{1}, kMax}) {
    EXPECT_FALSE(seen.Contains(id)) << id;
  }
}

TEST(SeenIdsTest, AreToldApartInTheWindow) {
  SeenIds seen;
  seen.Add(5000);
  EXPECT_TRUE(seen.Contains(5000));
  EXPECT_FALSE(seen.Contains(5001));
  EXPECT_FALSE(seen.Contains(4999));
  EXPECT_FALSE(seen.Contains(5000 - 1024));
  EXPECT_TRUE(seen.Contains(5000 - 1025));
  seen.Add(5000 - 1024);
  EXPECT_TRUE(seen.Contains(5000 - 1024));
  EXPECT_FALSE(seen.Contains(5000 - 1023));
  seen.Add(1);  // below the window: seen before and after
  EXPECT_TRUE(seen.Contains(1));
}

TEST(SeenIdsTest, StaySeenWhileTheHighestRises) {
  SeenIds seen;
  seen.Add(10);
  seen.Add(1034);  // 1,024 above
  EXPECT_TRUE(seen.Contains(10));
  EXPECT_FALSE(seen.Contains(11));
  EXPECT_FALSE(seen.Contains(1033));
  seen.Add(1035);
  EXPECT_TRUE(seen.Contains(10));
  EXPECT_TRUE(seen.Contains(1034));
  EXPECT_FALSE(seen.Contains(11));
  seen.Add(1'000'000);
  EXPECT_FALSE(seen.Contains(999'999));
  EXPECT_TRUE(seen.Contains(1035));
}

TEST(SeenIdsTest, MayBeWild) {
  SeenIds seen;
  seen.Add(kMin);
  EXPECT_TRUE(seen.Contains(kMin));
  EXPECT_FALSE(seen.Contains(kMin + 1));
  seen.Add(kMax);
  EXPECT_TRUE(seen.Contains(kMax));
  EXPECT_TRUE(seen.Contains(kMin));
  EXPECT_TRUE(seen.Contains(0));
  EXPECT_FALSE(seen.Contains(kMax - 1));
  seen.Add(kMax - 1);
  EXPECT_TRUE(seen.Contains(kMax - 1));
  EXPECT_FALSE(seen.Contains(kMax - 1024));
}

// A set that forgets nothing, and the rule about what is below the window.
class Reference {
 public:
  bool Contains(int64_t id) const {
    if (ids_.empty()) return false;
    return id < *ids_.rbegin() - 1024 || ids_.contains(id);
  }
  void Add(int64_t id) { ids_.insert(id); }

 private:
  std::set<int64_t> ids_;
};

TEST(SeenIdsTest, AreThoseOfASetThatForgetsNothing) {
  std::mt19937_64 random(1);
  for (int64_t spread : {4, 100, 1500, 5000}) {
    SeenIds seen;
    Reference reference;
    int64_t around = -3000;
    for (int i = 0; i < 20000; ++i) {
      around += static_cast<int64_t>(random() % 4);
      const int64_t id = around + static_cast<int64_t>(random() % (2 * spread)) - spread;
      ASSERT_EQ(seen.Contains(id), reference.Contains(id)) << id << " after " << i;
      if (random() % 2 == 0 || reference.Contains(id)) continue;
      seen.Add(id);
      reference.Add(id);
    }
  }
}

}  // namespace
}  // namespace chat::chatos
