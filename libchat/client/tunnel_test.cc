#include "libchat/client/tunnel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "asio/post.hpp"
#include "gtest/gtest.h"
#include "libchat/pump/pipe_pool.h"
#include "libchat/pump/pump.h"
#include "libchat/pump/testing.h"

namespace chat::client {
namespace {

using chat::testing::Fd;
using chat::testing::PipePair;
using chat::testing::RandomBytes;
using chat::testing::SocketPair;
using chat::testing::TcpPair;
using Ending = TunnelReport::Ending;

void WriteAll(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

// What is read until `size` bytes are there, the end, or an error; errno is 0 after an end.
std::string Read(int fd, size_t size) {
  std::string bytes(size, '\0');
  size_t got = 0;
  errno = 0;
  while (got < size) {
    const ssize_t n = read(fd, bytes.data() + got, size - got);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

std::string ReadToEnd(int fd) {
  std::string all;
  for (;;) {
    const std::string block = Read(fd, 64 * 1024);
    all += block;
    if (block.size() < 64 * 1024) return all;
  }
}

// A tunnel between two TCP connections, in a thread of its own. The test has the outer ends.
class TunnelTest : public ::testing::Test {
 protected:
  TunnelTest() { signal(SIGPIPE, SIG_IGN); }
  ~TunnelTest() override {
    if (thread_.joinable()) thread_.join();
  }

  void Start(std::string early = {}) {
    Start(TunnelSide(io_.get_executor(), local_.second.release()), std::move(early));
  }
  void Start(TunnelSide local, std::string early = {}) {
    tunnel_ = std::make_unique<Tunnel>(std::move(local),
                                       TunnelSide(io_.get_executor(), peer_.first.release()),
                                       std::move(early), pool_);
    asio::co_spawn(io_, tunnel_->Run(),
                   [this](std::exception_ptr, TunnelReport report) { report_ = report; });
    thread_ = std::thread([this] { io_.run(); });
  }
  const TunnelReport& Join() {
    thread_.join();
    return report_;
  }

  int local() const { return local_.first.get(); }
  int peer() const { return peer_.second.get(); }

  SocketPair local_ = TcpPair();
  SocketPair peer_ = TcpPair();
  PipePool pool_;
  asio::io_context io_;
  std::unique_ptr<Tunnel> tunnel_;
  TunnelReport report_;
  std::thread thread_;
};

TEST_F(TunnelTest, CarriesBothWaysUntilBothHaveEnded) {
  Start();
  WriteAll(local(), "question");
  EXPECT_EQ(Read(peer(), 8), "question");
  WriteAll(peer(), "answer");
  EXPECT_EQ(Read(local(), 6), "answer");
  local_.first.reset();
  EXPECT_EQ(ReadToEnd(peer()), "");
  peer_.second.reset();
  const TunnelReport& report = Join();
  EXPECT_EQ(report.Reason(), "done");
  EXPECT_EQ(report.sent, 8u);
  EXPECT_EQ(report.received, 6u);
  EXPECT_GT(report.lasted, absl::ZeroDuration());
}

TEST_F(TunnelTest, EarlyBytesComeFirst) {
  Start("early ");
  WriteAll(peer(), "late");
  EXPECT_EQ(Read(local(), 10), "early late");
  local_.first.reset();
  peer_.second.reset();
  EXPECT_EQ(Join().received, 10u);
}

TEST_F(TunnelTest, AHalfCloseOfTheLocalSideTravels) {
  Start();
  WriteAll(local(), "question");
  shutdown(local(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(peer()), "question");
  WriteAll(peer(), "long answer");
  EXPECT_EQ(Read(local(), 11), "long answer");
  peer_.second.reset();
  EXPECT_EQ(ReadToEnd(local()), "");
  EXPECT_EQ(Join().Reason(), "done");
}

TEST_F(TunnelTest, AHalfCloseOfThePeerTravels) {
  Start();
  shutdown(peer(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(local()), "");
  WriteAll(local(), "still there");
  EXPECT_EQ(Read(peer(), 11), "still there");
  local_.first.reset();
  EXPECT_EQ(Join().Reason(), "done");
}

TEST_F(TunnelTest, AResetOfThePeerTravels) {
  Start();
  WriteAll(peer(), "x");
  EXPECT_EQ(Read(local(), 1), "x");
  ResetOnClose(peer());
  peer_.second.reset();
  EXPECT_EQ(Read(local(), 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  const TunnelReport& report = Join();
  EXPECT_EQ(report.ending, Ending::kPeerError);
  EXPECT_EQ(report.Reason(), "reset by the peer");
}

TEST_F(TunnelTest, AResetOfTheLocalSideTravels) {
  Start();
  WriteAll(local(), "x");
  EXPECT_EQ(Read(peer(), 1), "x");
  ResetOnClose(local());
  local_.first.reset();
  EXPECT_EQ(Read(peer(), 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  const TunnelReport& report = Join();
  EXPECT_EQ(report.ending, Ending::kLocalError);
  EXPECT_EQ(report.Reason(), "reset by the local side");
}

// Nobody reads from a side that has ended, and nothing is on its way to it.
TEST_F(TunnelTest, AResetAfterAHalfCloseIsNoticedWhileIdle) {
  Start();
  shutdown(local(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(peer()), "");
  ResetOnClose(local());
  local_.first.reset();
  EXPECT_EQ(Join().ending, Ending::kLocalError);
}

TEST_F(TunnelTest, WhatASideSaidBeforeItLeftIsCarriedToItsEnd) {
  // The local side takes little at a time, so the answer is still under way when the peer's absence
  // is noticed.
  const int small = 4096;
  setsockopt(local(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  setsockopt(local_.second.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const std::string answer = RandomBytes(50'000, 5);
  WriteAll(peer(), answer);
  peer_.second.reset();
  const int ours = peer_.first.get();
  // The answer has arrived in full, with its end; then a word to the peer is answered with a reset.
  pollfd ended{.fd = ours, .events = POLLRDHUP, .revents = 0};
  poll(&ended, 1, -1);
  WriteAll(ours, "x");
  pollfd gone{.fd = ours, .events = 0, .revents = 0};
  poll(&gone, 1, -1);
  // The local side talks on and on, and is not heard.
  std::thread talker([this] {
    const std::string block(64 * 1024, 'x');
    while (send(local(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  Start();
  EXPECT_TRUE(ReadToEnd(local()) == answer);
  talker.join();
  const TunnelReport& report = Join();
  EXPECT_EQ(report.ending, Ending::kPeerError);
  EXPECT_EQ(report.Reason(), "closed by the peer");
}

// A server that refuses an upload answers, closes without reading on, and is met by a write.
TEST_F(TunnelTest, WhatASideSaidBeforeItsResetIsDeliveredAndThenTheReset) {
  const int ours = peer_.first.get();
  WriteAll(ours, "upload");  // never read, so that closing is a reset
  const std::string answer = RandomBytes(50'000, 6);
  WriteAll(peer(), answer);
  peer_.second.reset();
  pollfd gone{.fd = ours, .events = 0, .revents = 0};
  poll(&gone, 1, -1);
  // There is more to be sent before the tunnel begins, so a write meets the reset first.
  WriteAll(local(), "more of it");
  Start();
  EXPECT_EQ(Read(local(), answer.size()), answer);
  EXPECT_EQ(Read(local(), 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  const TunnelReport& report = Join();
  EXPECT_EQ(report.ending, Ending::kPeerError);
  EXPECT_EQ(report.Reason(), "reset by the peer");
  EXPECT_EQ(report.received, answer.size());
  EXPECT_EQ(report.peer_ended, absl::InfiniteFuture());
}

TEST_F(TunnelTest, WhatTheLocalSideSaidBeforeItsResetIsDeliveredToo) {
  const int ours = local_.second.get();
  WriteAll(ours, "download");
  const std::string last_words = RandomBytes(50'000, 7);
  WriteAll(local(), last_words);
  local_.first.reset();
  pollfd gone{.fd = ours, .events = 0, .revents = 0};
  poll(&gone, 1, -1);
  Start("more of it");
  EXPECT_EQ(Read(peer(), last_words.size()), last_words);
  EXPECT_EQ(Read(peer(), 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(Join().Reason(), "reset by the local side");
}

TEST_F(TunnelTest, TheEndIsAnnouncedOnceBeforeItComes) {
  int announced = 0;
  bool was_open = false;
  const int far = peer();
  tunnel_ =
      std::make_unique<Tunnel>(TunnelSide(io_.get_executor(), local_.second.release()),
                               TunnelSide(io_.get_executor(), peer_.first.release()), "", pool_);
  tunnel_->AnnounceEnd([&] {
    ++announced;
    pollfd end{.fd = far, .events = POLLRDHUP, .revents = 0};
    was_open = poll(&end, 1, 0) == 0;
  });
  asio::co_spawn(io_, tunnel_->Run(),
                 [this](std::exception_ptr, TunnelReport report) { report_ = report; });
  thread_ = std::thread([this] { io_.run(); });
  WriteAll(local(), "question");
  shutdown(local(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(peer()), "question");
  WriteAll(peer(), "answer");
  peer_.second.reset();
  EXPECT_EQ(ReadToEnd(local()), "answer");
  EXPECT_EQ(Join().Reason(), "done");
  EXPECT_EQ(announced, 1);
  EXPECT_TRUE(was_open);
  EXPECT_NE(report_.peer_ended, absl::InfiniteFuture());
}

TEST_F(TunnelTest, BeginsWithWhatWasSaidBefore) {
  tunnel_ = std::make_unique<Tunnel>(TunnelSide(io_.get_executor(), local_.second.release()),
                                     TunnelSide(io_.get_executor(), peer_.first.release()),
                                     TunnelStart{"early ", "unsent ", 5}, pool_);
  asio::co_spawn(io_, tunnel_->Run(),
                 [this](std::exception_ptr, TunnelReport report) { report_ = report; });
  thread_ = std::thread([this] { io_.run(); });
  WriteAll(local(), "there");
  EXPECT_EQ(Read(peer(), 12), "unsent there");
  WriteAll(peer(), "back");
  EXPECT_EQ(Read(local(), 10), "early back");
  local_.first.reset();
  peer_.second.reset();
  const TunnelReport& report = Join();
  EXPECT_EQ(report.sent, 5u + 12u);
  EXPECT_EQ(report.received, 10u);
}

// As stdin and stdout that other processes have, too.
TEST_F(TunnelTest, LeavesTheFlagsOfSharedDescriptorsAsTheyAre) {
  SocketPair in = chat::testing::UnixPair();
  SocketPair out = chat::testing::UnixPair();
  const Fd others_in(dup(in.second.get()));
  const Fd others_out(dup(out.first.get()));
  const auto shared = TunnelSide::Flags::kShared;
  Start(TunnelSide(io_.get_executor(), in.second.release(), out.first.release(), shared, shared));
  const std::string there = RandomBytes(3 << 20, 8);
  std::thread writer([&] {
    WriteAll(in.first.get(), there);
    shutdown(in.first.get(), SHUT_WR);
  });
  EXPECT_TRUE(ReadToEnd(peer()) == there);
  writer.join();
  EXPECT_EQ(fcntl(others_in.get(), F_GETFL) & O_NONBLOCK, 0);
  WriteAll(peer(), there);
  EXPECT_EQ(Read(out.second.get(), there.size()), there);
  EXPECT_EQ(fcntl(others_out.get(), F_GETFL) & O_NONBLOCK, 0);
  peer_.second.reset();
  EXPECT_EQ(ReadToEnd(out.second.get()), "");
  EXPECT_EQ(Join().Reason(), "done");
}

TEST_F(TunnelTest, TellsWhetherTheOtherEndIsGone) {
  const auto gone = [this](int fd) {
    auto side = std::make_unique<TunnelSide>(io_.get_executor(), fd);
    bool result = false;
    asio::co_spawn(io_, side->WaitUntilGone(),
                   [&](std::exception_ptr, bool is_gone) { result = is_gone; });
    io_.restart();
    io_.run();
    return result;
  };
  ResetOnClose(local());
  local_.first.reset();
  EXPECT_TRUE(gone(local_.second.release()));
  SocketPair closed = chat::testing::UnixPair();
  closed.first.reset();
  EXPECT_TRUE(gone(closed.second.release()));
  SocketPair with_words = chat::testing::UnixPair();
  WriteAll(with_words.first.get(), "do this");
  with_words.first.reset();
  EXPECT_FALSE(gone(with_words.second.release()));
}

TEST_F(TunnelTest, FinishSendingEndsOneDirectionAlone) {
  Start();
  WriteAll(local(), "question");
  EXPECT_EQ(Read(peer(), 8), "question");
  asio::post(io_, [this] { tunnel_->FinishSending(); });
  EXPECT_EQ(ReadToEnd(peer()), "");
  WriteAll(peer(), "answer");
  peer_.second.reset();
  EXPECT_EQ(ReadToEnd(local()), "answer");
  EXPECT_EQ(Join().Reason(), "done");
}

TEST_F(TunnelTest, ATunnelThatIsLostIsNoEnd) {
  { TunnelSide lost(io_.get_executor(), peer_.first.release()); }
  EXPECT_EQ(ReadToEnd(peer()), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(TunnelTest, CarriesMuchBothWaysAtOnce) {
  const std::string there = RandomBytes(64 << 20, 1);
  const std::string back = RandomBytes(64 << 20, 2);
  Start();
  std::string got_there;
  std::string got_back;
  const auto talk = [](int fd, const std::string& bytes) {
    WriteAll(fd, bytes);
    shutdown(fd, SHUT_WR);
  };
  std::thread a(talk, local(), std::cref(there));
  std::thread b(talk, peer(), std::cref(back));
  std::thread c([&] { got_there = ReadToEnd(peer()); });
  std::thread d([&] { got_back = ReadToEnd(local()); });
  for (std::thread* thread : {&a, &b, &c, &d}) thread->join();
  EXPECT_TRUE(got_there == there);
  EXPECT_TRUE(got_back == back);
  const TunnelReport& report = Join();
  EXPECT_EQ(report.Reason(), "done");
  EXPECT_EQ(report.sent, there.size());
  EXPECT_EQ(report.received, back.size());
  EXPECT_EQ(pool_.borrowed(), 0u);
}

TEST_F(TunnelTest, JoinsPipes) {
  SocketPair in = PipePair();
  SocketPair out = PipePair();
  Start(TunnelSide(io_.get_executor(), in.second.release(), out.first.release()));
  ASSERT_EQ(write(in.first.get(), "question", 8), 8);
  in.first.reset();
  EXPECT_EQ(ReadToEnd(peer()), "question");
  WriteAll(peer(), "answer");
  peer_.second.reset();
  EXPECT_EQ(ReadToEnd(out.second.get()), "answer");
  EXPECT_EQ(Join().Reason(), "done");
}

TEST_F(TunnelTest, AReaderOfOurOutputThatLeavesIsALocalError) {
  SocketPair in = PipePair();
  SocketPair out = PipePair();
  Start(TunnelSide(io_.get_executor(), in.second.release(), out.first.release()));
  out.second.reset();
  WriteAll(peer(), "answer");
  EXPECT_EQ(Read(peer(), 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  const TunnelReport& report = Join();
  EXPECT_EQ(report.ending, Ending::kLocalError);
  EXPECT_EQ(report.error, EPIPE);
  EXPECT_TRUE(report.failed_on_write);
}

TEST_F(TunnelTest, ReadsARegularFile) {
  const std::string bytes = RandomBytes(3'000'000, 9);
  char path[] = "/tmp/tunnel_testXXXXXX";
  Fd file(mkstemp(path));
  ASSERT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  lseek(file.get(), 0, SEEK_SET);
  unlink(path);
  SocketPair out = PipePair();
  Start(TunnelSide(io_.get_executor(), file.release(), out.first.release()));
  EXPECT_TRUE(ReadToEnd(peer()) == bytes);
  peer_.second.reset();
  EXPECT_EQ(ReadToEnd(out.second.get()), "");
  EXPECT_EQ(Join().sent, bytes.size());
}

}  // namespace
}  // namespace chat::client
