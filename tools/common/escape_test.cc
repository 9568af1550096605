#include "tools/common/escape.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

struct Case {
  absl::string_view bytes;
  const char* escaped;
};

TEST(Escape, ShowsWhatIsSafeAndEscapesTheRest) {
  const Case kCases[] = {
      {"", ""},
      {"plain ~text~ 'quoted' \"too\"", "plain ~text~ 'quoted' \"too\""},
      {"h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80", "h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80"},
      {"a\nb\tc\rd\\e", "a\\nb\\tc\\rd\\\\e"},
      {{"\0\x1b[2J\x07", 6}, "\\x00\\x1b[2J\\x07"},
      {"\x7F", "\\x7f"},
      {"\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0", "\\u0080\\u009b\\u009f\xC2\xA0"},
      {"\xD8\x9C", "\\u061c"},
      {"\xE2\x80\x8E\xE2\x80\x8F", "\\u200e\\u200f"},
      {"\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xE2\x80\xAE\xE2\x80\xAF",
       "\\u2028\\u2029\\u202a\\u202e\xE2\x80\xAF"},
      {"\xE2\x81\xA5\xE2\x81\xA6\xE2\x81\xA9\xE2\x81\xAA",
       "\xE2\x81\xA5\\u2066\\u2069\xE2\x81\xAA"},
      {"\xFF\xC3", "\\xff\\xc3"},
      {"\xC0\x8A", "\\xc0\\x8a"},           // an overlong newline
      {"\xED\xA0\x80", "\\xed\\xa0\\x80"},  // a surrogate
      {"a\xE2\x82", "a\\xe2\\x82"},
  };
  for (const Case& c : kCases) EXPECT_EQ(Escape(c.bytes), c.escaped);
}

TEST(Escape, LosesNothing) {
  EXPECT_NE(Escape("\n"), Escape("\\n"));
  EXPECT_NE(Escape("\xC2\x85"), Escape("\\u0085"));
  EXPECT_NE(Escape("\x85"), Escape("\xC2\x85"));
}

TEST(Escape, Appends) {
  std::string out = "<";
  AppendEscaped("\n", &out);
  AppendEscaped("x", &out);
  EXPECT_EQ(out, "<\\nx");
}

}  // namespace
}  // namespace chat::tools
