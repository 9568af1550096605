#include "libchat/client/file_sender.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "asio/io_context.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/post.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/scripted_server.h"
#include "libchat/client/temp_dir.h"
#include "libchat/pump/testing.h"

namespace chat::client {
namespace {

using ::chat::testing::PipePair;
using ::chat::testing::RandomBytes;
using ::chat::testing::SocketPair;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileSenderTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<FileSender>> Open(const std::string& path,
                                                   FileSenderOptions options = {}) {
    return FileSender::Open(io_.get_executor(), path, options);
  }

  // The sizes of all pieces. Appends what is in them to content_.
  absl::StatusOr<std::vector<size_t>> Pieces(FileSender& file, size_t piece_bytes) {
    std::vector<size_t> sizes;
    for (bool last = false; !last;) {
      const absl::StatusOr<FilePiece> piece = Await(io_, file.Next(piece_bytes));
      if (!piece.ok()) return piece.status();
      content_.append(piece->content.data(), piece->content.size());
      sizes.push_back(piece->content.size());
      last = piece->last;
    }
    return sizes;
  }

  TempDir dir_;
  asio::io_context io_;
  std::string content_;
};

TEST_F(FileSenderTest, OnlyTheLastPieceIsShort) {
  const std::pair<size_t, std::vector<size_t>> cases[] = {
      {0, {0}}, {1, {1}}, {9, {9}}, {10, {10, 0}}, {11, {10, 1}}, {20, {10, 10, 0}},
  };
  for (const auto& [size, pieces] : cases) {
    const std::string content = RandomBytes(size, size);
    dir_.Write("a", content);
    auto file = Open(dir_ / "a");
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->size(), size);
    content_.clear();
    const auto sent = Pieces(**file, 10);
    ASSERT_TRUE(sent.ok()) << sent.status();
    EXPECT_EQ(*sent, pieces);
    EXPECT_TRUE(content_ == content);
    EXPECT_EQ((*file)->bytes(), size);
  }
}

TEST_F(FileSenderTest, ManyReadsGiveTheSameBytes) {
  const std::string content = RandomBytes(1'000'003, 7);
  dir_.Write("a", content);
  for (const size_t piece_bytes : {1000, 1024, 100'000, 2'000'000}) {
    auto file = Open(dir_ / "a");
    ASSERT_TRUE(file.ok()) << file.status();
    content_.clear();
    ASSERT_TRUE(Pieces(**file, piece_bytes).ok());
    EXPECT_TRUE(content_ == content);
  }
}

TEST_F(FileSenderTest, ItsNameIsThePlainOne) {
  std::filesystem::create_directory(dir_ / "sub");
  dir_.Write("sub/photo.png", "x");
  auto file = Open(dir_ / "sub/photo.png");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->name(), "photo.png");
}

TEST_F(FileSenderTest, SaysWhatItDoesNotSend) {
  dir_.Write(".hidden", "x");
  dir_.Write("large", std::string(101, 'x'));
  dir_.Write("fits", std::string(100, 'x'));
  const FileSenderOptions options{.max_file_bytes = 100};
  EXPECT_EQ(Open(dir_ / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Open(dir_.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open(dir_.path() + "/").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open(dir_ / ".hidden").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open(dir_ / "fits", options).status(), absl::OkStatus());
  const absl::Status status = Open(dir_ / "large", options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("100 bytes"));
}

TEST_F(FileSenderTest, AFileThatMustNotBeReadIsSaidToBeThat) {
  dir_.Write("secret", "x");
  std::filesystem::permissions(dir_ / "secret", std::filesystem::perms::none);
  const WithoutPrivileges nobody;
  EXPECT_EQ(Open(dir_ / "secret").status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(FileSenderTest, SendsAsMuchAsItSaidEvenIfTheFileGrows) {
  dir_.Write("log", "first");
  auto file = Open(dir_ / "log");
  ASSERT_TRUE(file.ok()) << file.status();
  dir_.Write("log", "first and second");
  EXPECT_THAT(*Pieces(**file, 10), ElementsAre(5));
  EXPECT_EQ(content_, "first");
}

TEST_F(FileSenderTest, SaysThatAFileHasBecomeShorter) {
  dir_.Write("log", std::string(100'000, 'x'));
  auto file = Open(dir_ / "log");
  ASSERT_TRUE(file.ok()) << file.status();
  std::filesystem::resize_file(dir_ / "log", 70'000);
  EXPECT_EQ(Pieces(**file, 1024).status().code(), absl::StatusCode::kDataLoss);
}

// It says that its size is 0.
TEST_F(FileSenderTest, AFileOfTheKernelsHasAnUnknownSize) {
  auto file = Open("/proc/self/status");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->size(), std::nullopt);
  ASSERT_TRUE(Pieces(**file, 1024).ok());
  EXPECT_THAT(content_, HasSubstr("Name:"));
}

TEST_F(FileSenderTest, APipeIsSentAsItComes) {
  SocketPair pipe = PipePair();
  auto file = Open("/dev/fd/" + std::to_string(pipe.second.get()));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->size(), std::nullopt);
  pipe.second.reset();
  const std::string content = RandomBytes(300'000, 3);  // more than a pipe holds
  std::thread writer([&] {
    size_t sent = 0;
    while (sent < content.size()) {
      sent += ::write(pipe.first.get(), content.data() + sent, content.size() - sent);
    }
    pipe.first.reset();
  });
  const auto pieces = Pieces(**file, 1024);
  writer.join();
  ASSERT_TRUE(pieces.ok()) << pieces.status();
  EXPECT_EQ(pieces->size(), 300'000u / 1024 + 1);
  EXPECT_TRUE(content_ == content);
}

TEST_F(FileSenderTest, ANamedPipeWaitsForWhoWritesToIt) {
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  auto file = Open(dir_ / "fifo");  // nobody has opened it for writing
  ASSERT_TRUE(file.ok()) << file.status();
  std::thread writer([this] { dir_.Write("fifo", "at last"); });
  const auto pieces = Pieces(**file, 1024);
  writer.join();
  ASSERT_TRUE(pieces.ok()) << pieces.status();
  EXPECT_EQ(content_, "at last");
}

TEST_F(FileSenderTest, APipeEndsAtTheLimit) {
  SocketPair pipe = PipePair();
  auto file = Open("/dev/fd/" + std::to_string(pipe.second.get()), {.max_file_bytes = 1000});
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string content(1001, 'x');
  ASSERT_EQ(::write(pipe.first.get(), content.data(), content.size()), 1001);
  pipe.first.reset();
  EXPECT_EQ(Pieces(**file, 100).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LE(content_.size(), 1000u);
}

// The loop goes on while a pipe has nothing: here it carries the bytes that end the wait.
TEST_F(FileSenderTest, WaitingForAPipeHoldsNobodyUp) {
  SocketPair pipe = PipePair();
  auto file = Open("/dev/fd/" + std::to_string(pipe.second.get()));
  ASSERT_TRUE(file.ok()) << file.status();
  asio::posix::stream_descriptor writer(io_, pipe.first.release());
  asio::post(io_, [&] {
    EXPECT_EQ(::write(writer.native_handle(), "x", 1), 1);
    writer.close();
  });
  EXPECT_THAT(*Pieces(**file, 10), ElementsAre(1));
}

}  // namespace
}  // namespace chat::client
