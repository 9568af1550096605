#include "tools/chat-send/progress.h"

#include <sstream>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

TEST(ProgressLine, SaysHowFarAndHowFast) {
  EXPECT_EQ(ProgressLine("photo.png", 1024 * 1024, 4 * 1024 * 1024, absl::Seconds(2)),
            "photo.png: 25%, 1.0 MiB of 4.0 MiB, 512.0 KiB/s");
  EXPECT_EQ(ProgressLine("stdin", 1000, std::nullopt, absl::Seconds(1)), "stdin: 1000 B, 1000 B/s");
  EXPECT_EQ(ProgressLine("empty", 0, 0, absl::ZeroDuration()), "empty: 100%, 0 B of 0 B");
}

TEST(ProgressLine, ANameNeitherDrivesATerminalNorFillsIt) {
  EXPECT_EQ(ProgressLine("a\x1b[2J", 1, 2, absl::ZeroDuration()), "a\\x1b[2J: 50%, 1 B of 2 B");
  EXPECT_EQ(ProgressLine(std::string(200, 'x'), 1, 2, absl::ZeroDuration()),
            std::string(30, 'x') + "...: 50%, 1 B of 2 B");
}

TEST(Progress, ClearsItsLine) {
  std::ostringstream err;
  {
    Progress progress(&err, "file", 10);
    progress.Show(5);
    progress.Show(6);  // at once after the other: not worth a line
  }
  const std::string clear = "\r\x1b[K";
  EXPECT_EQ(err.str().substr(0, clear.size() + 9), clear + "file: 50%");
  EXPECT_EQ(err.str().substr(err.str().size() - clear.size()), clear);
  EXPECT_EQ(err.str().find("60%"), std::string::npos);
}

TEST(Progress, MaySayNothing) {
  Progress progress(nullptr, "file", 10);
  progress.Show(5);
}

}  // namespace
}  // namespace chat::tools
