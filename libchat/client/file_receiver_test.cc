#include "libchat/client/file_receiver.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/temp_dir.h"

namespace chat::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileReceiverTest : public ::testing::Test {
 protected:
  std::unique_ptr<FileReceiver> Receiver(FileReceiverOptions options = {}) {
    auto receiver = FileReceiver::Open(dir_.path(), options);
    EXPECT_TRUE(receiver.ok()) << receiver.status();
    return *std::move(receiver);
  }
  static std::unique_ptr<IncomingFile> Begin(FileReceiver& receiver, absl::string_view name) {
    auto file = receiver.Begin(name);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  static unsigned ModeOf(const std::string& path) {
    struct stat found;
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }

  TempDir dir_;
};

TEST_F(FileReceiverTest, AFileHasItsNameOnceItIsWhole) {
  const auto receiver = Receiver();
  const auto file = Begin(*receiver, "photo.png");
  EXPECT_EQ(file->name(), "photo.png");
  EXPECT_EQ(file->Append("one, "), absl::OkStatus());
  EXPECT_EQ(file->Append(""), absl::OkStatus());
  EXPECT_EQ(file->Append("two"), absl::OkStatus());
  EXPECT_EQ(file->bytes(), 8u);
  EXPECT_EQ(dir_.Names().count("photo.png"), 0u);
  EXPECT_EQ(file->Finish(), absl::OkStatus());
  EXPECT_THAT(dir_.Names(), ElementsAre("photo.png"));
  EXPECT_EQ(dir_.Read("photo.png"), "one, two");
}

TEST_F(FileReceiverTest, AFileMayBeEmpty) {
  const auto receiver = Receiver();
  EXPECT_EQ(Begin(*receiver, "empty")->Finish(), absl::OkStatus());
  EXPECT_THAT(dir_.Names(), ElementsAre("empty"));
  EXPECT_EQ(dir_.Read("empty"), "");
}

TEST_F(FileReceiverTest, AFileThatIsGivenUpLeavesNothing) {
  const auto receiver = Receiver();
  auto file = Begin(*receiver, "a");
  EXPECT_EQ(file->Append("half of"), absl::OkStatus());
  EXPECT_EQ(dir_.Names().size(), 1u);  // under its temporary name
  file.reset();
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

TEST_F(FileReceiverTest, BadNamesAreRefusedBeforeAnythingIsWritten) {
  const auto receiver = Receiver();
  for (const absl::string_view name : {"", ".", "..", "../x", "/tmp/x", "a/b", "-x", "a\nb"}) {
    EXPECT_EQ(receiver->Begin(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

TEST_F(FileReceiverTest, WhatExistsIsRefusedAtTheFirstPieceAndNotTouched) {
  dir_.Write("a", "old");
  std::filesystem::create_directory(dir_ / "d");
  std::filesystem::create_symlink("a", dir_ / "link");
  std::filesystem::create_symlink("/nowhere/at/all", dir_ / "dangling");
  const auto receiver = Receiver();
  for (const char* name : {"a", "d", "link", "dangling"}) {
    const absl::Status status = receiver->Begin(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("File exists"));
  }
  EXPECT_THAT(dir_.Names(), ElementsAre("a", "d", "dangling", "link"));
  EXPECT_EQ(dir_.Read("a"), "old");
}

TEST_F(FileReceiverTest, WhatComesToExistMeanwhileIsNotTouchedEither) {
  TempDir elsewhere;
  const auto receiver = Receiver();
  const auto file = Begin(*receiver, "a");
  const auto link = Begin(*receiver, "link");
  EXPECT_EQ(file->Append("new"), absl::OkStatus());
  EXPECT_EQ(link->Append("new"), absl::OkStatus());
  dir_.Write("a", "old");
  std::filesystem::create_symlink(elsewhere / "target", dir_ / "link");
  EXPECT_EQ(file->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(link->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(dir_.Names(), ElementsAre("a", "link"));
  EXPECT_EQ(dir_.Read("a"), "old");
  EXPECT_THAT(elsewhere.Names(), IsEmpty());
}

TEST_F(FileReceiverTest, OfTwoOfOneNameTheFirstToFinishHasIt) {
  const auto receiver = Receiver();
  const auto first = Begin(*receiver, "a");
  const auto second = Begin(*receiver, "a");
  EXPECT_EQ(first->Append("first"), absl::OkStatus());
  EXPECT_EQ(second->Append("second"), absl::OkStatus());
  EXPECT_EQ(second->Finish(), absl::OkStatus());
  EXPECT_EQ(first->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(dir_.Names(), ElementsAre("a"));
  EXPECT_EQ(dir_.Read("a"), "second");
}

TEST_F(FileReceiverTest, TheLimitIsCheckedBeforeEachWrite) {
  const auto receiver = Receiver({.max_file_bytes = 10});
  const auto fits = Begin(*receiver, "fits");
  EXPECT_EQ(fits->Append("01234"), absl::OkStatus());
  EXPECT_EQ(fits->Append("56789"), absl::OkStatus());
  EXPECT_EQ(fits->Finish(), absl::OkStatus());

  const auto large = Begin(*receiver, "large");
  EXPECT_EQ(large->Append("01234"), absl::OkStatus());
  const absl::Status status = large->Append("567890");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10 bytes"));
  EXPECT_EQ(large->bytes(), 5u);
  EXPECT_THAT(dir_.Names(), ElementsAre("fits"));
  // It stays so.
  EXPECT_EQ(large->Append(""), status);
  EXPECT_EQ(large->Finish(), status);
  EXPECT_THAT(dir_.Names(), ElementsAre("fits"));
}

TEST_F(FileReceiverTest, TheModeIsWhatTheUmaskLeavesButOnlyInTheEnd) {
  const auto receiver = Receiver();
  const mode_t before = ::umask(027);
  const auto file = Begin(*receiver, "a");
  ::umask(before);
  const std::string temporary = *dir_.Names().begin();
  EXPECT_EQ(temporary[0], '.');
  EXPECT_EQ(ModeOf(dir_ / temporary), 0600u);
  EXPECT_EQ(file->Finish(), absl::OkStatus());
  EXPECT_EQ(ModeOf(dir_ / "a"), 0640u);
}

TEST_F(FileReceiverTest, StaysInItsDirectoryWhateverBecomesOfThePath) {
  TempDir elsewhere;
  std::filesystem::create_directory(dir_ / "inbox");
  auto receiver = FileReceiver::Open(dir_ / "inbox");
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  const auto file = Begin(**receiver, "a");
  std::filesystem::rename(dir_ / "inbox", dir_ / "moved");
  std::filesystem::create_symlink(elsewhere.path(), dir_ / "inbox");
  EXPECT_EQ(file->Append("x"), absl::OkStatus());
  EXPECT_EQ(file->Finish(), absl::OkStatus());
  EXPECT_EQ(Begin(**receiver, "b")->Finish(), absl::OkStatus());
  EXPECT_EQ(dir_.Read("moved/a"), "x");
  EXPECT_EQ(dir_.Read("moved/b"), "");
  EXPECT_THAT(elsewhere.Names(), IsEmpty());
}

TEST_F(FileReceiverTest, SaysWhatIsWrongWithTheDirectory) {
  dir_.Write("file", "");
  EXPECT_EQ(FileReceiver::Open(dir_ / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FileReceiver::Open(dir_ / "file").status().code(), absl::StatusCode::kInvalidArgument);
  const auto gone = FileReceiver::Open(dir_.path());
  ASSERT_TRUE(gone.ok());
  std::filesystem::remove_all(dir_.path());
  EXPECT_EQ((*gone)->Begin("a").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileReceiverTest, ADirectoryThatIsReadOnlyIsSaidToBeThat) {
  const auto receiver = Receiver();
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0555));
  {
    const WithoutPrivileges nobody;
    EXPECT_EQ(FileReceiver::Open(dir_.path()).status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(receiver->Begin("a").status().code(), absl::StatusCode::kPermissionDenied);
  }
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0700));
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

// The kernel ends a file at this size: a disk that is full, after a part of a piece was written.
TEST_F(FileReceiverTest, ADiskThatIsFullIsSaidAndNothingStays) {
  std::signal(SIGXFSZ, SIG_IGN);
  const auto receiver = Receiver();
  const auto file = Begin(*receiver, "a");
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{10'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = file->Append(std::string(20'000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(file->bytes(), 10'000u);
  EXPECT_EQ(file->Finish(), status);
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

}  // namespace
}  // namespace chat::client
