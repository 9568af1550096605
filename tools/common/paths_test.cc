#include "tools/common/paths.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

std::string FreshDirectory() {
  std::string path = ::testing::TempDir() + "/paths.XXXXXX";
  return mkdtemp(path.data());
}

TEST(DefaultAdminSocket, PrefersTheRuntimeDirectory) {
  setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  EXPECT_EQ(DefaultAdminSocket(), "/run/user/7/chatd/admin.sock");
}

TEST(DefaultAdminSocket, ElseIsOfThisUser) {
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_EQ(DefaultAdminSocket(), absl::StrCat("/tmp/chatd-", getuid(), "/admin.sock"));
  setenv("XDG_RUNTIME_DIR", "relative", 1);
  EXPECT_EQ(DefaultAdminSocket(), absl::StrCat("/tmp/chatd-", getuid(), "/admin.sock"));
}

TEST(AdminSocketPath, IsWhatFollowsUnix) {
  EXPECT_EQ(AdminSocketPath("unix:/run/a.sock").value(), "/run/a.sock");
  EXPECT_EQ(AdminSocketPath("unix:///run/a.sock").value(), "/run/a.sock");
  EXPECT_EQ(AdminSocketPath("unix:a.sock").value(), "a.sock");
}

TEST(AdminSocketPath, RefusesTcpAndWhatASocketCannotBeNamed) {
  EXPECT_EQ(AdminSocketPath("127.0.0.1:7790").status().message(),
            "\"127.0.0.1:7790\" is no admin address: only unix:PATH is served; "
            "TCP is refused, since anybody could connect");
  EXPECT_EQ(AdminSocketPath("unix:").status().message(), "unix: needs a path behind it");
  EXPECT_TRUE(AdminSocketPath("unix:" + std::string(107, 'x')).ok());
  EXPECT_EQ(AdminSocketPath("unix:" + std::string(108, 'x')).status().message(),
            "the path of a socket has at most 107 bytes, not the 108 of " + std::string(108, 'x'));
}

TEST(DefaultDataDirectory, PrefersTheStateDirectory) {
  setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(DefaultDataDirectory(), "/state/chatd");
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/home/ann", 1);
  EXPECT_EQ(DefaultDataDirectory(), "/home/ann/.local/state/chatd");
}

TEST(DirectoryOf, CutsTheLastName) {
  EXPECT_EQ(DirectoryOf("/a/b/c"), "/a/b");
  EXPECT_EQ(DirectoryOf("/c"), "/");
  EXPECT_EQ(DirectoryOf("c"), ".");
}

TEST(MakeDirectories, MakesThemForThisUserAlone) {
  const std::string root = FreshDirectory();
  ASSERT_TRUE(MakeDirectories(root + "/a/b").ok());
  EXPECT_TRUE(CheckPrivateDirectory(root + "/a").ok());
  EXPECT_TRUE(CheckPrivateDirectory(root + "/a/b").ok());
  EXPECT_TRUE(MakeDirectories(root + "/a/b").ok()) << "again";
}

TEST(MakeDirectories, NamesWhatIsInTheWay) {
  const absl::Status status = MakeDirectories("/dev/null/chatd");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.message(), "/dev/null is not a directory");
}

TEST(CheckPrivateDirectory, RefusesWhatOthersCanEnter) {
  const std::string root = FreshDirectory();
  ASSERT_TRUE(CheckPrivateDirectory(root).ok());
  ASSERT_EQ(chmod(root.c_str(), 0710), 0);
  EXPECT_EQ(CheckPrivateDirectory(root).message(), root + " is open to other users: chmod 700 it");
}

TEST(CheckPrivateDirectory, RefusesSymbolicLinksAndFiles) {
  const std::string root = FreshDirectory();
  ASSERT_EQ(symlink(root.c_str(), (root + "/link").c_str()), 0);
  EXPECT_EQ(CheckPrivateDirectory(root + "/link").message(), root + "/link is a symbolic link");
  EXPECT_EQ(CheckPrivateDirectory("/dev/null").message(), "/dev/null is not a directory");
}

TEST(CheckPrivateDirectory, SaysWhenItIsMissing) {
  EXPECT_EQ(CheckPrivateDirectory("/nowhere").code(), absl::StatusCode::kNotFound);
}

TEST(CheckSafeDirectory, AllowsStickyAndRefusesOpenOnes) {
  EXPECT_TRUE(CheckSafeDirectory("/tmp").ok());
  EXPECT_TRUE(CheckSafeDirectory("/").ok());
  const std::string root = FreshDirectory();
  ASSERT_EQ(chmod(root.c_str(), 0755), 0);
  EXPECT_TRUE(CheckSafeDirectory(root).ok());
  ASSERT_EQ(chmod(root.c_str(), 0777), 0);
  EXPECT_EQ(CheckSafeDirectory(root).message(),
            root + " can be written by other users: chmod go-w it");
}

}  // namespace
}  // namespace chat::tools
