#include "tools/chatd/lock_file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

std::string FreshPath() {
  std::string directory = ::testing::TempDir() + "/lock.XXXXXX";
  return absl::StrCat(mkdtemp(directory.data()), "/lock");
}

TEST(LockFile, IsHeldByOneAtATime) {
  const std::string path = FreshPath();
  absl::StatusOr<LockFile> first = LockFile::Take(path);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<LockFile> second = LockFile::Take(path);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(second.status().message(), absl::StrCat(path, " is locked by process ", getpid()));

  std::optional<LockFile> moved(std::move(*first));
  EXPECT_FALSE(LockFile::Take(path).ok()) << "moving does not let go";
  moved.reset();
  EXPECT_TRUE(LockFile::Take(path).ok());
}

TEST(LockFile, IsForThisUserAlone) {
  const std::string path = FreshPath();
  ASSERT_TRUE(LockFile::Take(path).ok());
  struct stat found;
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST(LockFile, IsNoLinkAndNoDevice) {
  const std::string path = FreshPath();
  ASSERT_EQ(symlink("/dev/null", path.c_str()), 0);
  EXPECT_FALSE(LockFile::Take(path).ok());
  EXPECT_EQ(LockFile::Take("/dev/null").status().message(), "/dev/null is not a file of this user");
}

TEST(LockFile, NamesTheFileThatCannotBeMade) {
  EXPECT_EQ(LockFile::Take("/nowhere/lock").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace chat::tools
