#include "tools/chat-listen/line_style.h"

#include <stdlib.h>
#include <time.h>

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

Message Said(absl::string_view kind, absl::string_view from, absl::string_view body) {
  Message message;
  message.kind = kind;
  message.from = from;
  message.body = body;
  return message;
}

Message File(absl::string_view from, absl::string_view name) {
  Message message = Said("file", from, name);
  message.to = "bob";
  message.path = "inbox/photo.png";
  message.size = 51187;
  return message;
}

std::string Line(const Message& message, const LineStyle& style) {
  std::string line;
  AppendLine(message, style, "12:34:56", &line);
  return line;
}

LineStyle Terminal() {
  LineStyle style;
  style.terminal = true;
  return style;
}

TEST(LineStyleTest, IntoAPipe) {
  const LineStyle pipe;
  EXPECT_EQ(Line(Said("public", "alice", "hello"), pipe), "alice\thello\n");
  EXPECT_EQ(Line(Said("private", "alice", "hello"), pipe), "alice\thello\n");
  EXPECT_EQ(Line(File("alice", "photo.png"), pipe),
            "* alice sent the file \"photo.png\" (51187 bytes): inbox/photo.png\n");
}

TEST(LineStyleTest, OnATerminal) {
  EXPECT_EQ(Line(Said("public", "alice", "hello"), Terminal()), "12:34:56 alice: hello\n");
  EXPECT_EQ(Line(Said("private", "alice@7", "hello"), Terminal()),
            "12:34:56 alice@7 (private): hello\n");
  EXPECT_EQ(Line(File("alice", "photo.png"), Terminal()),
            "12:34:56 * alice sent the file \"photo.png\" (51187 bytes): inbox/photo.png\n");
}

TEST(LineStyleTest, ColoursEndBeforeTheText) {
  LineStyle style = Terminal();
  style.colour = true;
  EXPECT_EQ(Line(Said("public", "alice", "hello"), style),
            "\x1b[2m12:34:56\x1b[0m \x1b[1malice\x1b[0m: hello\n");
  EXPECT_EQ(Line(Said("private", "alice", "hello"), style),
            "\x1b[2m12:34:56\x1b[0m \x1b[1malice\x1b[0m\x1b[35m (private)\x1b[0m: hello\n");
}

// What others choose - their names, their messages - cannot make a line look like another one.
TEST(LineStyleTest, NothingIsForged) {
  const char kFile[] = "* alice sent the file \"photo.png\" (51187 bytes): inbox/photo.png";
  for (const bool terminal : {false, true}) {
    LineStyle style;
    style.terminal = terminal;
    const std::string clock = terminal ? "12:34:56 " : "";
    for (const std::string& forged :
         {Line(Said("public", "*", kFile), style), Line(Said("public", "x", kFile), style),
          Line(Said("public", "* alice sent", kFile), style),
          Line(Said("public", "x", std::string("\n") + kFile), style),
          Line(Said("public", "x", std::string("\r") + kFile), style)}) {
      EXPECT_FALSE(absl::StartsWith(forged, clock + "* ")) << forged;
      EXPECT_EQ(forged.find('\n'), forged.size() - 1) << forged;
    }
  }
  EXPECT_EQ(Line(Said("public", "alice (private)", "hello"), Terminal()),
            "12:34:56 alice\\x20(private): hello\n");
  EXPECT_EQ(Line(Said("public", "a\tb", "c\td"), LineStyle()), "a\\tb\tc\\td\n");
}

TEST(LineStyleTest, RawIsAsItCame) {
  LineStyle style;
  style.raw_bodies = true;
  style.end = std::string(1, '\0');
  EXPECT_EQ(Line(Said("public", "a\x1b", "c\td\n"), style), std::string("a\\x1b\tc\td\n\0", 11));
  style.raw_names = true;
  EXPECT_EQ(Line(Said("public", "a\x1b", "c\n"), style), std::string("a\x1b\tc\n\0", 6));
}

TEST(LineStyleTest, TheClockIsLocal) {
  EXPECT_EQ(ClockTime(absl::FromDateTime(2024, 2, 29, 3, 4, 5, absl::LocalTimeZone())), "03:04:05");
}

TEST(LineStyleTest, ColoursAreOnlyWhereTheyAreWanted) {
  EXPECT_TRUE(MayColour(nullptr, "xterm-256color"));
  EXPECT_TRUE(MayColour("", "xterm"));
  EXPECT_FALSE(MayColour("1", "xterm"));
  EXPECT_FALSE(MayColour(nullptr, "dumb"));
  EXPECT_FALSE(MayColour(nullptr, ""));
  EXPECT_FALSE(MayColour(nullptr, nullptr));
}

}  // namespace
}  // namespace chat::tools
