#include "libchat/event/event.h"

#include <string>

#include "gtest/gtest.h"

namespace chat {
namespace {

OwnedText Owned(absl::string_view bytes) { return OwnedText(*Text::From(bytes)); }

TEST(TextTest, IsUtf8WithoutNul) {
  EXPECT_EQ(Text::From("")->bytes(), "");
  EXPECT_EQ(Text::From("héllo\n")->bytes(), "héllo\n");
  EXPECT_FALSE(Text::From(absl::string_view("a\0b", 3)).has_value());
  EXPECT_FALSE(Text::From("\xFF").has_value());
  EXPECT_FALSE(Text::From("\xC0\x80").has_value());  // an overlong NUL
}

TEST(OwnedTextTest, KeepsTheBytesWhenTheBufferGoes) {
  std::string buffer = "hello";
  const OwnedText text(*Text::From(buffer));
  buffer = "XXXXX";
  EXPECT_EQ(text.bytes(), "hello");
  EXPECT_EQ(text.text(), *Text::From("hello"));
}

TEST(EventTest, IsPrintedOnOneLine) {
  EXPECT_EQ(ToString(PrivateMessage{User("a"), User("b", 7), Owned("hi\nthere")}),
            "PrivateMessage a -> b@7: \"hi\\nthere\"");
  EXPECT_EQ(ToString(Request{RequestKind::kRelay, User("a"), User("b"), {}}),
            "Request relay a -> b");
  EXPECT_EQ(ToString(Request{RequestKind::kTalk, User("a"), User("b"), Owned("hey")}),
            "Request talk a -> b: \"hey\"");
  EXPECT_EQ(ToString(Answer{RequestKind::kRelay, User("a"), User("b"), Verdict::kAccepted, 42}),
            "Answer relay a -> b: accepted grant 42");
  EXPECT_EQ(ToString(Answer{RequestKind::kDirect, User("a"), User("b"), Verdict::kAbsent, 0}),
            "Answer direct a -> b: absent");
  EXPECT_EQ(ToString(RelayClosing{42, User("b")}), "RelayClosing 42 by b");
  EXPECT_EQ(ToString(RelayEstablished{}), "RelayEstablished");
}

TEST(EventTest, LongBodiesAreShortened) {
  EXPECT_EQ(ToString(PrivateMessage{User("a"), User("b"), Owned(std::string(1000, 'x'))}),
            "PrivateMessage a -> b: \"" + std::string(64, 'x') + "\"... (1000 bytes)");
}

TEST(EventTest, NothingPrintedDrivesATerminal) {
  const std::string line =
      ToString(PrivateMessage{User("a\x1B[2J"), User("b"), Owned("\x1B]0;x\x07 \xC2\x9B")});
  for (char c : line) EXPECT_TRUE(c >= ' ' && c < 0x7F) << line;
}

}  // namespace
}  // namespace chat
