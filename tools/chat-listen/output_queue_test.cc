#include "tools/chat-listen/output_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/io_context.hpp"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

// A pipe, or what a test opens instead.
class OutputQueueTest : public ::testing::Test {
 protected:
  OutputQueueTest() : changed_(io_.get_executor()) {
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0);
  }
  ~OutputQueueTest() override {
    for (int fd : ends_) {
      if (fd >= 0) ::close(fd);
    }
  }

  void CloseReader() { ::close(std::exchange(ends_[0], -1)); }
  // Runs what can run without waiting.
  void Settle() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }
  static void Add(OutputQueue& queue, absl::string_view batch) {
    absl::StrAppend(&queue.batch(), batch);
    queue.Commit();
  }
  // Reads until the queue is empty and everything has come out of the pipe.
  std::string ReadAll(OutputQueue& queue) {
    EXPECT_EQ(::fcntl(ends_[0], F_SETFL, O_NONBLOCK), 0);
    std::string read;
    std::vector<char> bytes(1 << 20);
    for (;;) {
      const bool was_empty = queue.empty();
      const ssize_t n = ::read(ends_[0], bytes.data(), bytes.size());
      if (n > 0) read.append(bytes.data(), n);
      if (n <= 0 && was_empty) return read;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(n > 0 ? 0 : 100));
    }
  }

  asio::io_context io_;
  client::Signal changed_;
  int ends_[2] = {-1, -1};
};

TEST_F(OutputQueueTest, WhatIsNotReadIsKeptUpToTheBoundAndComesInOrder) {
  constexpr size_t kMax = size_t{8} << 20;
  Output output(io_.get_executor(), ends_[1]);
  OutputQueue queue(io_.get_executor(), output, changed_, kMax);
  std::string all;
  for (int line = 0; queue.has_room(); ++line) {
    const std::string batch = absl::StrCat(line, std::string(line % 3000, 'x'), "\n");
    all += batch;
    Add(queue, batch);
    Settle();
  }
  EXPECT_GE(all.size(), kMax);
  EXPECT_LT(all.size(), kMax + (size_t{1} << 20));
  bool room = false;
  asio::co_spawn(io_, queue.WaitForRoom(),
                 [&room](std::exception_ptr, absl::Status status) { room = status.ok(); });
  Settle();
  EXPECT_FALSE(room);
  EXPECT_EQ(ReadAll(queue), all);
  Settle();
  EXPECT_TRUE(room);
  EXPECT_TRUE(queue.empty());
}

TEST_F(OutputQueueTest, ABatchIsOneWriteAndIsNotHeldBack) {
  int packets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, packets), 0);
  Output output(io_.get_executor(), packets[1]);
  OutputQueue queue(io_.get_executor(), output, changed_);
  for (const std::string& batch : {std::string("one\ntwo\n"), std::string(100000, 'x')}) {
    Add(queue, batch);
    EXPECT_EQ(queue.bytes(), batch.size());
    Settle();
    EXPECT_EQ(queue.bytes(), 0u);
    std::string packet(200000, '\0');
    const ssize_t n = ::recv(packets[0], packet.data(), packet.size(), 0);
    ASSERT_GT(n, 0);
    EXPECT_EQ(packet.substr(0, n), batch);
  }
  ::close(packets[0]);
  ::close(packets[1]);
}

TEST_F(OutputQueueTest, ABatchThatIsNotCommittedIsNotWritten) {
  Output output(io_.get_executor(), ends_[1]);
  OutputQueue queue(io_.get_executor(), output, changed_);
  queue.batch() = "whole\n";
  queue.Commit();
  queue.batch() += "ha";
  Settle();
  EXPECT_EQ(ReadAll(queue), "whole\n");
  queue.batch() += "lf\n";
  queue.Commit();
  EXPECT_EQ(ReadAll(queue), "half\n");
}

TEST_F(OutputQueueTest, SaysWhatHasBeenWritten) {
  Output output(io_.get_executor(), ends_[1]);
  OutputQueue queue(io_.get_executor(), output, changed_);
  Add(queue, std::string(300000, 'a'));
  bool written = false;
  asio::co_spawn(io_, queue.WaitUntilWritten(),
                 [&written](std::exception_ptr, absl::Status status) { written = status.ok(); });
  Settle();
  EXPECT_FALSE(written);
  // What comes later is not waited for.
  Add(queue, std::string(3000000, 'b'));
  std::string bytes(300000, '\0');
  for (size_t read = 0; read < bytes.size();) {
    const ssize_t n = ::read(ends_[0], bytes.data(), bytes.size() - read);
    ASSERT_GT(n, 0);
    read += n;
    Settle();
  }
  Settle();
  EXPECT_TRUE(written);
  EXPECT_FALSE(queue.empty());
  CloseReader();
  Settle();
}

TEST_F(OutputQueueTest, TellsWhoWaitsThatNobodyReadsAnyMore) {
  Output output(io_.get_executor(), ends_[1]);
  OutputQueue queue(io_.get_executor(), output, changed_, 1000);
  Add(queue, std::string(300000, 'a'));
  std::vector<absl::StatusCode> codes;
  const auto note = [&codes](std::exception_ptr, absl::Status status) {
    codes.push_back(status.code());
  };
  asio::co_spawn(io_, queue.WaitForRoom(), note);
  asio::co_spawn(io_, queue.WaitUntilWritten(), note);
  Settle();
  EXPECT_TRUE(codes.empty());
  CloseReader();
  while (codes.size() < 2) {
    io_.restart();
    ASSERT_GT(io_.run_one_for(std::chrono::minutes(1)), 0u);
  }
  EXPECT_EQ(codes[0], absl::StatusCode::kAborted);
  EXPECT_EQ(codes[1], absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::IsAborted(queue.status()));
}

TEST_F(OutputQueueTest, SaysWhyItCannotWrite) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  Output output(io_.get_executor(), full);
  OutputQueue queue(io_.get_executor(), output, changed_);
  Add(queue, "something");
  Settle();
  EXPECT_NE(std::string(queue.status().message()).find("No space left"), std::string::npos);
  ::close(full);
}

}  // namespace
}  // namespace chat::tools
