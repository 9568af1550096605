#include "libchat/testing/hex.h"

#include <string>

#include "gtest/gtest.h"

namespace chat::testing {
namespace {

TEST(HexTest, ReadsDigitsStringsRepetitionsAndComments) {
  EXPECT_EQ(Hex(""), "");
  EXPECT_EQ(Hex("00 ff"), std::string("\x00\xff", 2));
  EXPECT_EQ(Hex("0a0B0c"), "\n\x0b\x0c");
  EXPECT_EQ(Hex(R"(03 "hi \"x\"\x01" 04)"), "\x03hi \"x\"\x01\x04");
  EXPECT_EQ(Hex("61*5 \"bc\"*2"), "aaaaabcbc");
  EXPECT_EQ(Hex("61*0"), "");
  EXPECT_EQ(Hex("61  // opcode\n62 // the end"), "ab");
}

TEST(HexTest, SaysWhatItDoesNotUnderstand) {
  for (const char* text : {"6", "6g", "\"open", "61*", "61*x", "xyz"}) {
    EXPECT_EQ(ParseHex(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(HexTest, TakesStringsFromTheFront) {
  absl::string_view text = "\"a b\" \"x\"*3 msg=\"c\"";
  std::string bytes;
  EXPECT_TRUE(TakeStrings(&text, &bytes));
  EXPECT_EQ(bytes, "a bxxx");
  EXPECT_EQ(text, " msg=\"c\"");
  EXPECT_FALSE(TakeStrings(&text, &bytes));
  EXPECT_EQ(bytes, "a bxxx");
  EXPECT_EQ(text, " msg=\"c\"");
}

TEST(HexTest, ReadsWhatItShows) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string("\0ab\0abc", 7),
                                   std::string("say \"hi\" \\o/"), all}) {
    EXPECT_EQ(Hex(ShowHex(bytes)), bytes) << ShowHex(bytes);
  }
  EXPECT_EQ(ShowHex(absl::string_view("\x03\0\0\0\x02hi\0\0\0\x05hello", 16)),
            "03 00 00 00 02 68 69 00 00 00 05 \"hello\"");
}

}  // namespace
}  // namespace chat::testing
