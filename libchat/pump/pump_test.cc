#include "libchat/pump/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "libchat/pump/pipe_pool.h"
#include "libchat/pump/testing.h"

namespace chat {
namespace {

using testing::Fd;
using testing::PipePair;
using testing::RandomBytes;
using testing::SetNonBlocking;
using testing::SocketPair;
using testing::TcpPair;
using testing::UnixPair;
using Wait = Pump::Wait;

constexpr size_t kBudget = 1024 * 1024;

void WaitFor(int fd, short events) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  poll(&entry, 1, -1);
}

// Runs `pump` until it ends one way or the other.
Wait RunToEnd(Pump& pump, int from, int to) {
  for (;;) {
    const Wait wait = pump.Run(kBudget);
    if (wait == Wait::kDone || wait == Wait::kReset) return wait;
    if (wait == Wait::kReadable) WaitFor(from, POLLIN);
    if (wait == Wait::kWritable) WaitFor(to, POLLOUT);
  }
}

void WriteAll(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + sent, bytes.size() - sent);
    ASSERT_GT(n, 0) << strerror(errno);
    sent += static_cast<size_t>(n);
  }
}

std::string ReadToEnd(int fd) {
  std::string all;
  std::string block(256 * 1024, '\0');
  for (;;) {
    const ssize_t n = read(fd, block.data(), block.size());
    if (n <= 0) return all;
    all.append(block, 0, static_cast<size_t>(n));
  }
}

// Reads exactly `size` bytes, or less if the end comes first.
std::string ReadSome(int fd, size_t size) {
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, bytes.data() + got, size - got);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

// a <-> (ours, and a pump between the two) <-> b
class PumpTest : public ::testing::TestWithParam<SocketPair (*)()> {
 protected:
  PumpTest() : left_(GetParam()()), right_(GetParam()()) {
    signal(SIGPIPE, SIG_IGN);
    SetNonBlocking(from());
    SetNonBlocking(to());
  }

  int a() const { return left_.first.get(); }
  int from() const { return left_.second.get(); }
  int to() const { return right_.first.get(); }
  int b() const { return right_.second.get(); }

  SocketPair left_;
  SocketPair right_;
  PipePool pool_;
};

std::string KindName(const ::testing::TestParamInfo<SocketPair (*)()>& info) {
  if (info.param == &TcpPair) return "Tcp";
  return info.param == &UnixPair ? "Unix" : "Pipe";
}

INSTANTIATE_TEST_SUITE_P(Kinds, PumpTest, ::testing::Values(&TcpPair, &UnixPair, &PipePair),
                         KindName);

TEST_P(PumpTest, CarriesWhatIsThereAndThenWaits) {
  Pump pump(from(), to(), pool_);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  WriteAll(a(), "hello");
  WaitFor(from(), POLLIN);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  EXPECT_EQ(ReadSome(b(), 5), "hello");
  EXPECT_EQ(pump.bytes(), 5u);
  EXPECT_FALSE(pump.input_ended());
}

TEST_P(PumpTest, EarlyBytesGoFirst) {
  Pump pump(from(), to(), pool_, "early ");
  WriteAll(a(), "late");
  WaitFor(from(), POLLIN);
  EXPECT_EQ(pump.held(), 6u);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  EXPECT_EQ(ReadSome(b(), 10), "early late");
  EXPECT_EQ(pump.bytes(), 10u);
}

TEST_P(PumpTest, EarlyBytesGoWithoutAnyInput) {
  Pump pump(from(), to(), pool_, "early");
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  EXPECT_EQ(ReadSome(b(), 5), "early");
}

TEST_P(PumpTest, BorrowsAPipeOnlyWhileBytesAreInIt) {
  Pump pump(from(), to(), pool_);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  EXPECT_EQ(pool_.borrowed(), 0u);
  WriteAll(a(), "x");
  WaitFor(from(), POLLIN);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  EXPECT_EQ(pool_.borrowed(), 0u);
  EXPECT_EQ(pool_.idle(), 1u);
  EXPECT_EQ(pump.held(), 0u);
}

TEST_P(PumpTest, StopsReadingWhileTheOtherSideDoesNotTake) {
  Pump pump(from(), to(), pool_);
  std::atomic<bool> enough = false;
  size_t written = 0;
  std::thread writer([&] {
    const std::string block(64 * 1024, 'x');
    for (; !enough; written += block.size()) WriteAll(a(), block);
  });
  Wait wait = pump.Run(kBudget);
  while (wait != Wait::kWritable) {
    if (wait == Wait::kReadable) WaitFor(from(), POLLIN);
    wait = pump.Run(kBudget);
  }
  // However often it is called, nothing more is read.
  const size_t held = pump.held();
  EXPECT_GT(held, 0u);
  EXPECT_LE(held, PipePool::kDefaultPipeBytes);
  EXPECT_EQ(pool_.borrowed(), 1u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pump.Run(kBudget), Wait::kWritable);
  EXPECT_EQ(pump.held(), held);
  enough = true;

  std::thread closer([&] {
    writer.join();
    left_.first.reset();
  });
  std::string got;
  std::thread reader([&] { got = ReadToEnd(b()); });
  EXPECT_EQ(RunToEnd(pump, from(), to()), Wait::kDone);
  right_.first.reset();
  closer.join();
  reader.join();
  EXPECT_EQ(got.size(), written);
}

TEST_P(PumpTest, EndOfInputEndsTheOtherSide) {
  Pump pump(from(), to(), pool_);
  WriteAll(a(), "last words");
  left_.first.reset();
  EXPECT_EQ(RunToEnd(pump, from(), to()), Wait::kDone);
  EXPECT_TRUE(pump.input_ended());
  EXPECT_EQ(pump.Run(kBudget), Wait::kDone);
  if (GetParam() == &PipePair) right_.first.reset();  // a pipe is the caller's to close
  EXPECT_EQ(ReadToEnd(b()), "last words");
}

TEST_P(PumpTest, EndsBeforeItsInputIfItIsTold) {
  Pump pump(from(), to(), pool_, "early");
  WriteAll(a(), "late");
  pump.EndInput();
  EXPECT_EQ(pump.Run(kBudget), Wait::kDone);
  right_.first.reset();
  EXPECT_EQ(ReadToEnd(b()), "early");
}

TEST_P(PumpTest, KeepsToItsBudget) {
  Pump pump(from(), to(), pool_);
  WriteAll(a(), std::string(30'000, 'x'));
  WaitFor(from(), POLLIN);
  EXPECT_EQ(pump.Run(10'000), Wait::kAgain);
  EXPECT_EQ(pump.bytes(), 10'000u);
  EXPECT_EQ(pool_.borrowed(), 0u);
  EXPECT_EQ(ReadSome(b(), 10'000).size(), 10'000u);
}

TEST_P(PumpTest, AWriteToWhoHasGoneIsAReset) {
  Pump pump(from(), to(), pool_);
  right_.second.reset();
  WriteAll(a(), "x");
  // TCP answers the first write with the reset that the second one meets.
  EXPECT_EQ(pump.Run(kBudget), GetParam() == &TcpPair ? Wait::kReadable : Wait::kReset);
  if (GetParam() == &TcpPair) {
    WaitFor(to(), POLLERR);
    WriteAll(a(), "x");
    WaitFor(from(), POLLIN);
    EXPECT_EQ(pump.Run(kBudget), Wait::kReset);
  }
  EXPECT_TRUE(pump.failed_on_write());
  EXPECT_EQ(pump.error(), EPIPE);
  EXPECT_EQ(pool_.borrowed(), 0u);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReset);
}

TEST_P(PumpTest, CopiesWhenNoPipeIsLeft) {
  PipePool none(0);
  Pump pump(from(), to(), none, "early ");
  WriteAll(a(), "late");
  left_.first.reset();
  EXPECT_EQ(RunToEnd(pump, from(), to()), Wait::kDone);
  right_.first.reset();
  EXPECT_EQ(ReadToEnd(b()), "early late");
}

// 64 MiB through a pump, with a writer and a reader at their own pace.
void CarryMuch(const SocketPair& left, SocketPair& right, PipePool& pool, size_t budget) {
  const std::string sent = RandomBytes(64 * 1024 * 1024, 7);
  std::thread writer([&] {
    WriteAll(left.first.get(), sent);
    shutdown(left.first.get(), SHUT_WR);
  });
  std::string got;
  std::thread reader([&] { got = ReadToEnd(right.second.get()); });
  const int from = left.second.get();
  const int to = right.first.get();
  Pump pump(from, to, pool);
  Wait wait;
  do {
    wait = pump.Run(budget);
    if (wait == Wait::kReadable) WaitFor(from, POLLIN);
    if (wait == Wait::kWritable) WaitFor(to, POLLOUT);
  } while (wait != Wait::kDone && wait != Wait::kReset);
  EXPECT_EQ(wait, Wait::kDone);
  right.first.reset();
  writer.join();
  reader.join();
  EXPECT_EQ(got.size(), sent.size());
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(pump.bytes(), sent.size());
  EXPECT_EQ(pool.borrowed(), 0u);
}

class PumpOverTcp : public ::testing::Test {
 protected:
  PumpOverTcp() {
    signal(SIGPIPE, SIG_IGN);
    SetNonBlocking(left_.second.get());
    SetNonBlocking(right_.first.get());
  }

  int a() const { return left_.first.get(); }
  int ours_a() const { return left_.second.get(); }
  int ours_b() const { return right_.first.get(); }
  int b() const { return right_.second.get(); }

  SocketPair left_ = TcpPair();
  SocketPair right_ = TcpPair();
  PipePool pool_;
};

TEST_F(PumpOverTcp, CarriesMuchBySplice) { CarryMuch(left_, right_, pool_, kBudget); }

TEST_F(PumpOverTcp, CarriesMuchInSmallTurns) { CarryMuch(left_, right_, pool_, 5'000); }

TEST_F(PumpOverTcp, CarriesMuchByCopy) {
  PipePool none(0);
  CarryMuch(left_, right_, none, kBudget);
}

TEST_F(PumpOverTcp, CarriesMuchThroughASmallPipe) {
  PipePool small(1, 4096);
  CarryMuch(left_, right_, small, kBudget);
}

TEST_F(PumpOverTcp, AHalfCloseLeavesTheOtherDirectionOpen) {
  for (const bool a_first : {true, false}) {
    left_ = TcpPair();
    right_ = TcpPair();
    SetNonBlocking(ours_a());
    SetNonBlocking(ours_b());
    Pump there(ours_a(), ours_b(), pool_);
    Pump back(ours_b(), ours_a(), pool_);
    Pump& first = a_first ? there : back;
    Pump& second = a_first ? back : there;
    const int asking = a_first ? a() : b();
    const int answering = a_first ? b() : a();
    const int near = a_first ? ours_a() : ours_b();
    const int far = a_first ? ours_b() : ours_a();

    WriteAll(asking, "question");
    shutdown(asking, SHUT_WR);
    EXPECT_EQ(RunToEnd(first, near, far), Wait::kDone);
    EXPECT_EQ(ReadToEnd(answering), "question");
    EXPECT_EQ(second.Run(kBudget), Wait::kReadable);
    WriteAll(answering, "answer");
    shutdown(answering, SHUT_WR);
    EXPECT_EQ(RunToEnd(second, far, near), Wait::kDone);
    EXPECT_EQ(ReadToEnd(asking), "answer");
  }
}

TEST_F(PumpOverTcp, AResetIsNoEnd) {
  Pump pump(ours_a(), ours_b(), pool_);
  WriteAll(a(), "x");
  WaitFor(ours_a(), POLLIN);
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  ResetOnClose(ours_b());
  ResetOnClose(a());
  left_.first.reset();
  EXPECT_EQ(RunToEnd(pump, ours_a(), ours_b()), Wait::kReset);
  EXPECT_EQ(pump.error(), ECONNRESET);
  EXPECT_FALSE(pump.failed_on_write());
  EXPECT_FALSE(pump.input_ended());

  // What came before it has arrived; then the reset travels on.
  EXPECT_EQ(ReadSome(b(), 1), "x");
  right_.first.reset();
  char byte;
  EXPECT_EQ(read(b(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(PumpOverTcp, AResetOnCloseCanBeUndone) {
  ResetOnClose(a());
  ResetOnClose(a(), /*on=*/false);
  left_.first.reset();
  EXPECT_EQ(ReadToEnd(ours_a()), "");
}

TEST_F(PumpOverTcp, AResetBetweenTheLastByteAndTheEndIsNoEnd) {
  Pump pump(ours_a(), ours_b(), pool_);
  WriteAll(a(), "x");
  left_.first.reset();
  ResetOnClose(b());
  right_.second.reset();
  WaitFor(ours_b(), POLLERR);
  EXPECT_EQ(RunToEnd(pump, ours_a(), ours_b()), Wait::kReset);
  EXPECT_TRUE(pump.failed_on_write());
  EXPECT_EQ(pump.error(), ECONNRESET);
}

TEST_F(PumpOverTcp, ShutdownAfterAResetIsAReset) {
  Pump pump(ours_a(), ours_b(), pool_);
  left_.first.reset();
  ResetOnClose(b());
  right_.second.reset();
  WaitFor(ours_b(), POLLERR);
  EXPECT_EQ(RunToEnd(pump, ours_a(), ours_b()), Wait::kReset);
  EXPECT_TRUE(pump.failed_on_write());
  EXPECT_EQ(pump.error(), ECONNRESET);
}

TEST_F(PumpOverTcp, CopiesIntoAFileThatOnlyAppends) {
  std::string path = ::testing::TempDir() + "/appendXXXXXX";
  const Fd temporary(mkstemp(path.data()));
  const Fd file(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  ASSERT_GE(file.get(), 0);
  Pump pump(ours_a(), file.get(), pool_);
  const std::string sent = RandomBytes(300'000, 3);
  std::thread writer([&] {
    WriteAll(a(), sent);
    left_.first.reset();
  });
  EXPECT_EQ(RunToEnd(pump, ours_a(), file.get()), Wait::kDone);
  writer.join();
  EXPECT_TRUE(ReadToEnd(temporary.get()) == sent);
  unlink(path.c_str());
}

// Descriptors whose flags belong to others, too: they stay blocking, and yet nothing blocks.
TEST(PumpOverShared, NeitherBlocksNorChangesFlags) {
  signal(SIGPIPE, SIG_IGN);
  for (const auto& pair : {&UnixPair, &TcpPair}) {
    SocketPair left = pair();
    SocketPair right = pair();
    const int from = left.second.get();
    const int to = right.first.get();
    PipePool pool;
    Pump pump(from, to, pool);
    pump.LeaveFlags();
    EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
    WriteAll(left.first.get(), "words");
    EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
    char bytes[5];
    EXPECT_EQ(read(right.second.get(), bytes, sizeof bytes), 5);
    // Until neither side has room.
    std::thread writer([&] {
      WriteAll(left.first.get(), RandomBytes(16 << 20, 3));
      left.first.reset();
    });
    std::string got;
    Wait wait;
    while ((wait = pump.Run(kBudget)) != Wait::kDone && wait != Wait::kReset) {
      if (wait == Wait::kReadable) WaitFor(from, POLLIN);
      if (wait != Wait::kWritable) continue;
      std::string block(1 << 20, '\0');
      const ssize_t n = read(right.second.get(), block.data(), block.size());
      ASSERT_GT(n, 0);
      got += block.substr(0, static_cast<size_t>(n));
    }
    writer.join();
    right.first.reset();
    got += ReadToEnd(right.second.get());
    EXPECT_EQ(wait, Wait::kDone);
    EXPECT_TRUE(got == RandomBytes(16 << 20, 3));
    EXPECT_EQ(fcntl(from, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(pool.borrowed(), 0u);
  }
}

TEST(PumpOverShared, WaitsForPipes) {
  signal(SIGPIPE, SIG_IGN);
  SocketPair left = PipePair();
  SocketPair right = PipePair();
  PipePool pool;
  Pump pump(left.second.get(), right.first.get(), pool);
  pump.LeaveFlags();
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  WriteAll(left.first.get(), "words");
  EXPECT_EQ(pump.Run(kBudget), Wait::kReadable);
  left.first.reset();
  EXPECT_EQ(pump.Run(kBudget), Wait::kDone);
  right.first.reset();
  EXPECT_EQ(ReadToEnd(right.second.get()), "words");
}

TEST_F(PumpOverTcp, ReportsADiskThatIsFull) {
  const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_GE(full.get(), 0);
  Pump pump(ours_a(), full.get(), pool_, "x");
  EXPECT_EQ(pump.Run(kBudget), Wait::kReset);
  EXPECT_EQ(pump.error(), ENOSPC);
  EXPECT_TRUE(pump.failed_on_write());
}

TEST_F(PumpOverTcp, ADeadPumpGivesItsPipeBackClosed) {
  {
    Pump pump(ours_a(), ours_b(), pool_);
    std::thread writer([fd = a()] {
      const std::string block(1024 * 1024, 'x');
      while (send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
      }
    });
    Wait wait = pump.Run(kBudget);
    while (wait != Wait::kWritable) {
      if (wait == Wait::kReadable) WaitFor(ours_a(), POLLIN);
      wait = pump.Run(kBudget);
    }
    EXPECT_EQ(pool_.borrowed(), 1u);
    left_.second.reset();
    writer.join();
  }
  EXPECT_EQ(pool_.borrowed(), 0u);
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST(PipePoolTest, LendsNoMoreThanItsBound) {
  PipePool pool(2);
  std::optional<Pipe> first = pool.Borrow();
  std::optional<Pipe> second = pool.Borrow();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(pool.Borrow());
  pool.Return(*std::move(first), /*empty=*/true);
  EXPECT_EQ(pool.idle(), 1u);
  EXPECT_TRUE(pool.Borrow());
}

TEST(PipePoolTest, LendsPipesOfTheSizeThatWasAskedFor) {
  PipePool pool(1, 128 * 1024);
  const std::optional<Pipe> pipe = pool.Borrow();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->capacity(), 128u * 1024);
}

TEST(PipePoolTest, LendsNoneIfNoDescriptorIsLeft) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  PipePool pool;
  EXPECT_FALSE(pool.Borrow());
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(pool.Borrow());
}

TEST(PipePoolTest, LendsTheSamePipeAgainOnlyIfItIsEmpty) {
  PipePool pool(1);
  std::optional<Pipe> pipe = pool.Borrow();
  ASSERT_TRUE(pipe);
  const int end = pipe->read_end();
  pool.Return(*std::move(pipe), /*empty=*/true);
  pipe = pool.Borrow();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->read_end(), end);
  ASSERT_EQ(write(pipe->write_end(), "x", 1), 1);
  pool.Return(*std::move(pipe), /*empty=*/false);
  EXPECT_EQ(pool.idle(), 0u);
  EXPECT_EQ(fcntl(end, F_GETFD), -1);
}

}  // namespace
}  // namespace chat
