#include "tools/chatd/log.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using net::LogLevel;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// What a log of this level writes to stderr.
std::string Written(LogLevel level, const std::function<void(Log&)>& use) {
  ::testing::internal::CaptureStderr();
  {
    Log log(level);
    use(log);
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, WritesLinesWithTimeAndLevel) {
  EXPECT_THAT(Written(LogLevel::kInfo, [](Log& log) { log.Say(LogLevel::kInfo, "{} hello"); }),
              MatchesRegex("....-..-..T..:..:......Z info \\{\\} hello\n"));
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  const std::string written = Written(LogLevel::kWarning, [](Log& log) {
    log.Say(LogLevel::kInfo, "one");
    log.Say(LogLevel::kWarning, "two");
    log.SetLevel(LogLevel::kDebug);
    log.Say(LogLevel::kDebug, "three");
    log.SetLevel(LogLevel::kError);
    log.SayOften(LogLevel::kWarning, "four");
  });
  EXPECT_THAT(written, AllOf(Not(HasSubstr("one")), HasSubstr("two"), HasSubstr("three"),
                             Not(HasSubstr("four"))));
}

TEST(Log, EscapesWhatClientsSay) {
  EXPECT_THAT(
      Written(LogLevel::kInfo, [](Log& log) { log.SayOften(LogLevel::kInfo, "a\x1b[2J\nforged"); }),
      HasSubstr(" a\\x1b[2J\\nforged\n"));
}

TEST(Log, LetsAFloodThroughOnceASecond) {
  const std::string written = Written(LogLevel::kInfo, [](Log& log) {
    for (int i = 0; i < 100; ++i) log.SayOften(LogLevel::kInfo, absl::StrCat("client ", i));
    log.SayOften(LogLevel::kWarning, "client 5");
  });
  EXPECT_THAT(written, AllOf(HasSubstr("info client 0\n"), Not(HasSubstr("client 1\n")),
                             HasSubstr("warning client 5\n")));
}

TEST(Log, LetsAllThroughThatHappensRarely) {
  const std::string written = Written(LogLevel::kInfo, [](Log& log) {
    log.Say(LogLevel::kInfo, "listening on 1");
    log.Say(LogLevel::kInfo, "listening on 2");
  });
  EXPECT_THAT(written, AllOf(HasSubstr("listening on 1"), HasSubstr("listening on 2")));
}

}  // namespace
}  // namespace chat::tools
