// Programs without a data race, whose locks ThreadSanitizer must see. (Without abseil_mutex.cc each
// of these fails in --config=tsan.)

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace {

constexpr int kRounds = 2000;

struct Shared {
  absl::Mutex mu;
  absl::CondVar cv;
  int value ABSL_GUARDED_BY(mu) = 0;
};

TEST(AbseilMutexTest, MutexLock) {
  Shared shared;
  auto add = [&shared] {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&shared.mu);
      ++shared.value;
    }
  };
  std::thread other(add);
  add();
  other.join();
  absl::MutexLock lock(&shared.mu);
  EXPECT_EQ(shared.value, 2 * kRounds);
}

TEST(AbseilMutexTest, TryLockAndReleasableLock) {
  Shared shared;
  auto add = [&shared] {
    for (int i = 0; i < kRounds; ++i) {
      if (shared.mu.TryLock()) {
        ++shared.value;
        shared.mu.Unlock();
      }
      absl::ReleasableMutexLock lock(&shared.mu);
      ++shared.value;
      lock.Release();
    }
  };
  std::thread other(add);
  add();
  other.join();
  absl::MutexLock lock(&shared.mu);
  EXPECT_GE(shared.value, 2 * kRounds);
}

TEST(AbseilMutexTest, Readers) {
  Shared shared;
  int seen = 0;
  std::thread reader([&] {
    for (int i = 0; i < kRounds; ++i) {
      absl::ReaderMutexLock lock(&shared.mu);
      seen = shared.value;
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    absl::WriterMutexLock lock(&shared.mu);
    ++shared.value;
  }
  reader.join();
  EXPECT_LE(seen, kRounds);
}

TEST(AbseilMutexTest, CondVarAndAwait) {
  Shared shared;
  std::thread other([&shared] {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&shared.mu);
      while (shared.value % 2 == 0) shared.cv.Wait(&shared.mu);
      ++shared.value;
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    absl::MutexLock lock(&shared.mu);
    ++shared.value;
    shared.cv.Signal();
    auto even = [](Shared* s) ABSL_NO_THREAD_SAFETY_ANALYSIS { return s->value % 2 == 0; };
    shared.mu.Await(absl::Condition(+even, &shared));
  }
  other.join();
  absl::MutexLock lock(&shared.mu);
  EXPECT_EQ(shared.value, 2 * kRounds);
}

TEST(AbseilMutexTest, Notification) {
  for (int i = 0; i < 100; ++i) {
    int value = 0;
    absl::Notification waited;
    absl::Notification polled;
    std::thread other([&] {
      value = i;
      waited.Notify();
      polled.Notify();
    });
    if (i % 2 == 0) {
      EXPECT_TRUE(waited.WaitForNotificationWithTimeout(absl::InfiniteDuration()));
    } else {
      while (!polled.HasBeenNotified()) std::this_thread::yield();
    }
    EXPECT_EQ(value, i);
    other.join();
  }
}

TEST(AbseilMutexTest, BlockingCounter) {
  for (int i = 0; i < 100; ++i) {
    int values[2] = {0, 0};
    absl::BlockingCounter done(2);
    auto work = [&](int self) {
      values[self] = 1;
      done.DecrementCount();
    };
    std::thread first(work, 0);
    std::thread second(work, 1);
    done.Wait();
    EXPECT_EQ(values[0] + values[1], 2);
    first.join();
    second.join();
  }
}

}  // namespace
