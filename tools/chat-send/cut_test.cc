#include "tools/chat-send/cut.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::HasSubstr;
using Parts = std::vector<absl::string_view>;

TEST(Cut, LeavesWhatFits) {
  for (Overlong overlong : {Overlong::kError, Overlong::kSplit, Overlong::kTruncate}) {
    EXPECT_EQ(*Cut("", 4, overlong), Parts{""});
    EXPECT_EQ(*Cut("1234", 4, overlong), Parts{"1234"});
    EXPECT_EQ(*Cut("12345", 0, overlong), Parts{"12345"});
  }
}

TEST(Cut, Splits) {
  EXPECT_EQ(*Cut("12345", 4, Overlong::kSplit), (Parts{"1234", "5"}));
  EXPECT_EQ(*Cut("12345678", 4, Overlong::kSplit), (Parts{"1234", "5678"}));
  EXPECT_EQ(*Cut("123\xC3\xA9"
                 "45",
                 4, Overlong::kSplit),
            (Parts{"123",
                   "\xC3\xA9"
                   "45"}));
  EXPECT_EQ(*Cut("\xF0\x9F\x98\x80\xF0\x9F\x98\x80", 5, Overlong::kSplit),
            (Parts{"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"}));
}

TEST(Cut, Truncates) { EXPECT_EQ(*Cut("123\xC3\xA9", 4, Overlong::kTruncate), Parts{"123"}); }

TEST(Cut, NamesTheLimit) {
  const auto parts = Cut("12345", 4, Overlong::kError);
  EXPECT_THAT(std::string(parts.status().message()), HasSubstr("5 bytes"));
  EXPECT_THAT(std::string(parts.status().message()), HasSubstr("takes 4"));
}

TEST(ParseOverlong, KnowsItsThreeWords) {
  EXPECT_EQ(*ParseOverlong("error"), Overlong::kError);
  EXPECT_EQ(*ParseOverlong("split"), Overlong::kSplit);
  EXPECT_EQ(*ParseOverlong("truncate"), Overlong::kTruncate);
  EXPECT_FALSE(ParseOverlong("drop").ok());
}

}  // namespace
}  // namespace chat::tools
