#include "tools/chat-send/invalid.h"

#include <string>

#include "gtest/gtest.h"

namespace chat::tools {
namespace {

#define REPLACED "\xEF\xBF\xBD"

TEST(Repaired, LeavesTextAlone) {
  EXPECT_EQ(Repaired("", false), "");
  EXPECT_EQ(Repaired("a\n\xC3\xA9\xF0\x9F\x98\x80", false), "a\n\xC3\xA9\xF0\x9F\x98\x80");
}

TEST(Repaired, ReplacesWhatIsNoText) {
  EXPECT_EQ(Repaired("a\xff"
                     "b\xfe\xfd",
                     false),
            "a" REPLACED "b" REPLACED REPLACED);
  EXPECT_EQ(Repaired(std::string("\0x", 2), false), REPLACED "x");
  EXPECT_EQ(Repaired("cut\xC3", false), "cut" REPLACED);
  EXPECT_EQ(Repaired("\xED\xA0\x80", false), REPLACED REPLACED REPLACED);  // a surrogate
}

TEST(Repaired, SaysWhatAsciiCanSay) {
  EXPECT_EQ(Repaired("gr\xC3\xBC\xC3\x9F"
                     "e\xff",
                     true),
            "gr??e?");
}

TEST(ParseInvalid, KnowsItsThreeWords) {
  EXPECT_EQ(*ParseInvalid("fail"), Invalid::kFail);
  EXPECT_EQ(*ParseInvalid("skip"), Invalid::kSkip);
  EXPECT_EQ(*ParseInvalid("replace"), Invalid::kReplace);
  EXPECT_FALSE(ParseInvalid("drop").ok());
}

}  // namespace
}  // namespace chat::tools
