#include "tools/chat-listen/body_pattern.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::HasSubstr;

bool Matches(const std::string& pattern, absl::string_view body) {
  const absl::StatusOr<BodyPattern> compiled = BodyPattern::Compile(pattern);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() && compiled->Matches(body);
}

TEST(BodyPatternTest, IsFoundAnywhere) {
  EXPECT_TRUE(Matches("err(or)?", "an error"));
  EXPECT_TRUE(Matches("^(a|b)+$", "abba"));
  EXPECT_FALSE(Matches("^(a|b)+$", "abbc"));
  EXPECT_TRUE(Matches("^$", ""));
  EXPECT_TRUE(Matches("^$", absl::string_view()));
  EXPECT_FALSE(Matches("x", ""));
  EXPECT_FALSE(Matches("error", "an Error"));
}

TEST(BodyPatternTest, CharactersAreThoseOfUtf8) {
  EXPECT_TRUE(Matches("^gr.n$", "gr\xC3\xBCn"));
  EXPECT_TRUE(Matches("^gr[\xC3\xA4\xC3\xBC]n$", "gr\xC3\xBCn"));
  EXPECT_FALSE(Matches("^.$", "\xC3\xBC\xC3\xBC"));
}

TEST(BodyPatternTest, AnyBytesAreSearched) {
  EXPECT_TRUE(Matches("end$", absl::string_view("a\0b\nend", 7)));
  EXPECT_TRUE(Matches("ok", "\xff\xfe ok \xc3"));
  EXPECT_TRUE(Matches("a.b", "a\nb"));
  EXPECT_TRUE(Matches("a.b", absl::string_view("\377a\377b\0", 5)));
}

TEST(BodyPatternTest, WhatIsWrongIsSaidByTheEngine) {
  // The last two are right only with something around them.
  for (const char* pattern : {"(", "[a", "a{2,1}", "a\\", ")", "a)(b"}) {
    const absl::Status status = BodyPattern::Compile(pattern).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << pattern;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("\"", pattern, "\": ")));
  }
  EXPECT_THAT(std::string(BodyPattern::Compile("(").status().message()), HasSubstr("Unmatched"));
}

TEST(BodyPatternTest, WhatCouldTakeForEverIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(BodyPattern::Compile("(a*)*\\1").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BodyPattern::Compile("\\\\\\1").status()));
  EXPECT_TRUE(BodyPattern::Compile("\\\\1").ok());  // a backslash, and the digit
  EXPECT_TRUE(absl::IsInvalidArgument(BodyPattern::Compile("").status()));
  EXPECT_TRUE(BodyPattern::Compile(std::string(BodyPattern::kMaxPatternBytes, 'a')).ok());
  const absl::Status status =
      BodyPattern::Compile(std::string(BodyPattern::kMaxPatternBytes + 1, 'a')).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("1024"));
}

TEST(BodyPatternTest, LongBodiesOfEvilIntentAreDoneWith) {
  const std::string body(BodyPattern::kMaxSearchedBytes, 'a');
  EXPECT_FALSE(Matches("^(a|aa)+$", body.substr(1) + "b"));
  EXPECT_FALSE(Matches("(a+)+b", body));
  // And of what is beyond the bound nothing is seen.
  EXPECT_FALSE(Matches("z", body + "z"));
  EXPECT_TRUE(Matches("z", body.substr(1) + "z"));
}

}  // namespace
}  // namespace chat::tools
