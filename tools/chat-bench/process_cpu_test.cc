#include "tools/chat-bench/process_cpu.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace chat::bench {
namespace {

constexpr int64_t kBurnNanos = 100'000'000;

// Uses so much CPU time on the calling thread.
void Burn() {
  timespec used;
  do {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  } while (used.tv_sec == 0 && used.tv_nsec < kBurnNanos);
}

TEST(ProcessCpuTest, CountsAllThreads) {
  const auto before = ProcessCpuNanos(getpid());
  ASSERT_TRUE(before.ok()) << before.status();
  absl::Notification burnt;
  absl::Notification measured;
  std::thread other([&] {
    Burn();
    burnt.Notify();
    measured.WaitForNotification();
  });
  burnt.WaitForNotification();
  const auto after = ProcessCpuNanos(getpid());
  measured.Notify();
  other.join();
  ASSERT_TRUE(after.ok()) << after.status();
  // What a running thread has used since the last tick may be missing.
  EXPECT_GE(*after - *before, kBurnNanos - 20'000'000);
}

TEST(ProcessCpuTest, SaysWhichProcessIsMissing) {
  const auto none = ProcessCpuNanos(INT_MAX);
  EXPECT_EQ(none.status().message(), "there is no process 2147483647");
}

}  // namespace
}  // namespace chat::bench
