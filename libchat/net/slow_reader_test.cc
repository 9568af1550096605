// Clients that are connected and never read must cost the others nothing.

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

constexpr size_t kReaders = 8;
// Of 1 KiB, so several times limits.lag. The sanitizers make it many times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kMessages = 8 * 1024;
#else
constexpr size_t kMessages = 32 * 1024;
#endif
constexpr size_t kWindow = 256;  // that the talker has in flight

class SlowReaderTest : public ::testing::TestWithParam<size_t> {};

INSTANTIATE_TEST_SUITE_P(Stuck, SlowReaderTest, ::testing::Values(1, 100));

TEST_P(SlowReaderTest, StuckOnesAreCutAndTheOthersGoOn) {
  TestServer server;
  const Limits limits = TestLimits();
  TestClient talker = server.LoggedIn("talker");
  std::vector<TestClient> stuck;
  for (size_t i = 0; i < GetParam(); ++i) {
    stuck.push_back(server.LoggedIn(absl::StrCat("stuck", i), "127.0.0.1", 4096));
  }
  std::vector<TestClient> readers;
  for (size_t i = 0; i < kReaders; ++i) readers.push_back(server.LoggedIn(absl::StrCat("r", i)));

  const std::string message = Message("talker", std::string(1000, 'x'));
  std::vector<size_t> received(kReaders);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      while (received[i] < kMessages && readers[i].Receive(message.size()) == message) {
        ++received[i];
      }
    });
  }
  uint64_t most_memory = 0;
  size_t sent = 0;
  for (size_t echoed = 0; echoed < kMessages; ++echoed) {
    for (; sent < kMessages && sent < echoed + kWindow; ++sent) talker.Send(message);
    if (echoed % 64 == 0) most_memory = std::max(most_memory, server->memory_bytes());
    if (!talker.Expect(message)) break;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(received, std::vector<size_t>(kReaders, kMessages));

  // One log for all: however many are stuck, it is kept for the worst of them alone. (And for who
  // is a window behind.)
  EXPECT_LE(most_memory, static_cast<uint64_t>(limits.lag) + (2 << 20));
  EXPECT_TRUE(server.AwaitCount(Counter::kCutLag, GetParam()));
  EXPECT_EQ(server.count(Counter::kCutLag), GetParam());
  for (TestClient& client : stuck) EXPECT_EQ(client.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(server->hub().user_count(), kReaders + 1);
}

}  // namespace
}  // namespace chat::net
