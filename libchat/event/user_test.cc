#include "libchat/event/user.h"

#include <string>

#include "gtest/gtest.h"

namespace chat {
namespace {

TEST(IsNameTest, TakesOneToThirtyBytes) {
  EXPECT_FALSE(IsName(""));
  EXPECT_TRUE(IsName("a"));
  EXPECT_TRUE(IsName(std::string(30, 'a')));
  EXPECT_FALSE(IsName(std::string(31, 'a')));
  // 15 letters of two bytes are 30 bytes.
  std::string fifteen;
  for (int i = 0; i < 15; ++i) fifteen += "é";
  EXPECT_TRUE(IsName(fifteen));
  EXPECT_FALSE(IsName(fifteen + "x"));
}

TEST(IsNameTest, TakesLettersMarksDigitsAndSymbolsOfAllScripts) {
  for (const char* name : {"alice", "A.b-c_d", "zoë", "Ωμέγα", "Дмитрий", "山田", "नमस्ते", "🦊",
                           "~!?#$%", "\u00A1\u00AE", "\u0606", "\u2010", "\u2070", "\uFF20"}) {
    EXPECT_TRUE(IsName(name)) << name;
  }
}

TEST(IsNameTest, RefusesWhatSeparatesHidesOrControls) {
  for (const char* part :
       {" ",          "\t",         "\n",         "\r",         "\x1B",       "\x7F",
        "@",          "\u0080",     "\u0085",     "\u009B",     "\u00A0",     "\u00AD",
        "\u0600",     "\u061C",     "\u06DD",     "\u070F",     "\u0890",     "\u08E2",
        "\u1680",     "\u180E",     "\u2000",     "\u200B",     "\u200D",     "\u200F",
        "\u2028",     "\u2029",     "\u202E",     "\u202F",     "\u205F",     "\u2060",
        "\u2066",     "\u2069",     "\u3000",     "\uFEFF",     "\uFFF9",     "\U000110BD",
        "\U000110CD", "\U00013430", "\U0001BCA0", "\U0001D173", "\U000E0001", "\U000E0041"}) {
    EXPECT_FALSE(IsName(part)) << part;
    EXPECT_FALSE(IsName(std::string("a") + part + "b")) << part;
  }
  EXPECT_FALSE(IsName(absl::string_view("a\0b", 3)));
}

TEST(IsNameTest, RefusesWhatIsNotUtf8) {
  EXPECT_FALSE(IsName("\xFF"));
  EXPECT_FALSE(IsName("a\xC3"));             // cut short
  EXPECT_FALSE(IsName("\xC1\x81"));          // an overlong 'A'
  EXPECT_FALSE(IsName("\xED\xA0\x80"));      // a surrogate
  EXPECT_FALSE(IsName("\xF4\x90\x80\x80"));  // beyond U+10FFFF
}

TEST(DisplayTest, NamesTheServerOfAUserElsewhere) {
  EXPECT_EQ(Display({"bob", 0}), "bob");
  EXPECT_EQ(Display({"bob", 7}), "bob@7");
  EXPECT_EQ(Display({"bob", 2147483647}), "bob@2147483647");
}

TEST(ParseUserTest, IsTheInverseOfDisplay) {
  for (UserRef user : {UserRef{"bob", 0}, UserRef{"bob", 7}, UserRef{"b", 2147483647}}) {
    const std::string shown = Display(user);
    EXPECT_EQ(ParseUser(shown), user) << shown;
  }
}

TEST(ParseUserTest, TakesAnythingElseWhole) {
  for (const char* shown : {"", "@", "bob@", "bob@x", "bob@0", "bob@-1", "bob@+1", "bob@07",
                            "bob@ 7", "bob@7 ", "bob@2147483648", "bob@99999999999999999999"}) {
    EXPECT_EQ(ParseUser(shown), (UserRef{shown, 0})) << shown;
  }
}

TEST(UserTest, OwnsWhatAUserRefViews) {
  std::string name = "bob";
  const User user(UserRef{name, 7});
  name = "eve";
  EXPECT_EQ(user, User("bob", 7));
  EXPECT_EQ(UserRef(user), (UserRef{"bob", 7}));
  EXPECT_FALSE(user == User("bob", 8));
}

TEST(ToAscii, OneQuestionMarkForEachCharacter) {
  EXPECT_EQ(ToAscii(""), "");
  EXPECT_EQ(ToAscii("a b\n\x7f"), "a b\n\x7f");
  EXPECT_EQ(ToAscii("h\u00e9llo \u5c71 \U0001F98A!"), "h?llo ? ?!");
}

}  // namespace
}  // namespace chat
