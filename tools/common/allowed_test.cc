#include "tools/common/allowed.h"

#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

TEST(Allowed, AllowsNobodyUntilItIsTold) {
  Allowed allowed;
  EXPECT_TRUE(allowed.empty());
  EXPECT_FALSE(allowed(User("ann")));
  ASSERT_TRUE(allowed.Add("ann,bob").ok());
  ASSERT_TRUE(allowed.Add("carol@7").ok());
  EXPECT_FALSE(allowed.empty());
  EXPECT_TRUE(allowed(User("ann")));
  EXPECT_TRUE(allowed(User("bob")));
  EXPECT_TRUE(allowed(User("carol", 7)));
  EXPECT_FALSE(allowed(User("carol")));
  EXPECT_FALSE(allowed(User("ann", 7)));
  EXPECT_FALSE(allowed(User("an")));
  EXPECT_FALSE(allowed(User("*")));
}

TEST(Allowed, EverybodyHasToBeSaid) {
  Allowed allowed;
  ASSERT_TRUE(allowed.Add("*").ok());
  EXPECT_FALSE(allowed.empty());
  EXPECT_TRUE(allowed(User("ann", 7)));
}

TEST(Allowed, APatternMatchesNamesOfItsServer) {
  Allowed allowed;
  ASSERT_TRUE(allowed.Add("ann*,*-bot,a*b*c,dave*@7").ok());
  for (const char* name : {"ann", "ann2", "anna", "x-bot", "-bot", "abc", "axxbyyc", "abbc"}) {
    EXPECT_TRUE(allowed(User(name))) << name;
  }
  for (const char* name : {"an", "bann", "bot", "ac", "ab", "acb", "dave"}) {
    EXPECT_FALSE(allowed(User(name))) << name;
  }
  EXPECT_TRUE(allowed(User("dave2", 7)));
  // Another server's users may call themselves what they like.
  EXPECT_FALSE(allowed(User("ann", 7)));
  EXPECT_FALSE(allowed(User("dave2", 8)));
}

TEST(Allowed, KnowsWhetherItIsOneUser) {
  const auto one = [](absl::string_view text) {
    Allowed allowed;
    EXPECT_TRUE(allowed.Add(text).ok());
    return allowed.is_one_user();
  };
  EXPECT_TRUE(one("ann"));
  EXPECT_TRUE(one("ann,ann"));
  EXPECT_FALSE(one("ann,bob"));
  EXPECT_FALSE(one("ann*"));
  EXPECT_FALSE(one("*"));
}

TEST(Allowed, RefusesWhatNobodyIsCalled) {
  for (const char* text : {"", "ann,", ",ann", "two words", "a@b"}) {
    Allowed allowed;
    EXPECT_EQ(allowed.Add(text).code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseUserNames, TakesAListWithoutEmptyNames) {
  EXPECT_EQ(*ParseUserNames("ann"), std::vector<User>{User("ann")});
  EXPECT_EQ(*ParseUserNames("ann,bob@7"), (std::vector<User>{User("ann"), User("bob", 7)}));
  for (const char* text : {"", ",", "ann,", ",ann", "ann,,bob", "two words"}) {
    EXPECT_EQ(ParseUserNames(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace chat::tools
