#include "libchat/chatos/ascii.h"

#include <string>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

const char* const kTexts[] = {"",       "plain", "h\u00E9ros",  "\u00E9",         "\u5C71\u5C71",
                              "a\nb\r", "\x7f",  "\U0001F98A!", "e\u0301 \u202E", "\u00E9tat "};

TEST(AsciiTest, IsWhatHasNoEighthBit) {
  EXPECT_TRUE(IsAscii(""));
  EXPECT_TRUE(IsAscii(absl::string_view("\0 ~\x7f", 4)));
  EXPECT_FALSE(IsAscii("\x80"));
  EXPECT_FALSE(IsAscii("caf\u00E9"));
  EXPECT_FALSE(IsAscii("\xff tail"));
}

// It looks at several bytes at a time: one that is not ASCII may be any of them.
TEST(AsciiTest, ThePrefixEndsAtTheFirstOther) {
  for (size_t size = 0; size <= 40; ++size) {
    std::string text(size, 'x');
    EXPECT_EQ(AsciiPrefix(text), size);
    for (size_t other = 0; other < size; ++other) {
      text[other] = '\x80';
      EXPECT_EQ(AsciiPrefix(text), other);
      text[other] = '\x7f';
    }
  }
}

TEST(AsciiTest, IsWrittenAsToAsciiHasIt) {
  for (const char* text : kTexts) {
    char buffer[64];
    wire::Writer fixed(absl::MakeSpan(buffer));
    WriteAscii(text, fixed);
    EXPECT_EQ(std::string(fixed.written()), ToAscii(text)) << text;
    EXPECT_TRUE(IsAscii(fixed.written())) << text;
    EXPECT_LE(fixed.size(), absl::string_view(text).size()) << text;
  }
}

TEST(AsciiTest, OverflowsWhereThereIsNoRoom) {
  char buffer[3];
  wire::Writer out(absl::MakeSpan(buffer));
  WriteAscii("\u00E9\u00E9\u00E9", out);
  EXPECT_FALSE(out.overflowed());
  WriteAscii("\u00E9", out);
  EXPECT_TRUE(out.overflowed());
}

}  // namespace
}  // namespace chat::chatos
