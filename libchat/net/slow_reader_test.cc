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
constexpr size_t kWindow = 512;  // that are under way at once

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
  std::vector<std::atomic<size_t>> received(kReaders);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      while (received[i] < kMessages && readers[i].Receive(message.size()) == message) {
        ++received[i];
      }
    });
  }
  // The talker waits for those who read, also where the machine is slow.
  const auto all_have = [&](size_t wanted) {
    return std::all_of(received.begin(), received.end(),
                       [&](const auto& count) { return count >= wanted; });
  };
  std::string window;
  for (size_t i = 0; i < kWindow; ++i) window += message;
  uint64_t most_memory = 0;
  for (size_t sent = 0; sent < kMessages; sent += kWindow) {
    if (!Await([&] { return all_have(sent); }, "the others")) break;
    if (!talker.Send(window) || !talker.Expect(window)) break;
    most_memory = std::max(most_memory, server->memory_bytes());
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : received) EXPECT_EQ(count, kMessages);

  // One log for all: however many are stuck, it is kept for the worst of them alone, until the next
  // look at them.
  EXPECT_LE(most_memory, static_cast<uint64_t>(limits.lag) + (2 << 20));
  EXPECT_TRUE(server.AwaitCount(Counter::kCutLag, GetParam()));
  EXPECT_EQ(server.count(Counter::kCutLag), GetParam());
  for (TestClient& client : stuck) EXPECT_EQ(client.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(server->hub().user_count(), kReaders + 1);
}

}  // namespace
}  // namespace chat::net
