#include "tools/chatd/server_id.h"

#include <sys/stat.h>

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

TEST(ServerIdTest, IsDrawnOnceAndKept) {
  const testing::TempDir directory;
  const std::string path = directory.path() + "/id";
  const absl::StatusOr<int32_t> first = KeptServerId(path);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(*first, 0);
  struct stat file;
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);

  const absl::StatusOr<int32_t> second = KeptServerId(path);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(*second, *first);

  const absl::StatusOr<int32_t> other = KeptServerId(directory.path() + "/other");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(*other, *first);
}

TEST(ServerIdTest, TakesWhatAnOperatorHasWritten) {
  const testing::TempDir directory;
  EXPECT_EQ(KeptServerId(directory.Write("a", "7")).value_or(0), 7);
  EXPECT_EQ(KeptServerId(directory.Write("b", "2147483647\n")).value_or(0), 2147483647);
}

TEST(ServerIdTest, RefusesAFileThatHoldsNone) {
  const testing::TempDir directory;
  for (const char* text : {"", "0", "-1", "x", "7 8", "2147483648", "1\n\n\n\n\n\n\n\n\n\n\n\n8"}) {
    const std::string path = directory.Write("id", text);
    const absl::StatusOr<int32_t> id = KeptServerId(path);
    EXPECT_EQ(id.status().code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_TRUE(absl::StrContains(id.status().message(), path)) << id.status();
  }
}

TEST(ServerIdTest, NamesTheFileThatCannotBeWritten) {
  const absl::StatusOr<int32_t> id = KeptServerId("/nowhere/at/all/id");
  EXPECT_TRUE(absl::StrContains(id.status().message(), "/nowhere/at/all/id")) << id.status();
}

}  // namespace
}  // namespace chat::tools
