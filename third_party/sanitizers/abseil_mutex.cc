// Tells ThreadSanitizer what Debian's Abseil locks.
//
// absl::Mutex is made of atomics and futexes inside libabsl_synchronization, which Debian builds
// without ThreadSanitizer: a program that uses it correctly looks as if it had no lock at all. In
// --config=tsan the linker sends our calls (--wrap=<symbol>: see abseil_mutex.bzl) to the functions
// below, which announce each one as an instrumented Abseil would. What Debian's other libraries do
// among themselves stays unseen.
//
// While a lock is awaited ThreadSanitizer ignores what the thread does, the evaluation of an
// absl::Condition included: a condition is only ever evaluated under its mutex.
//
// Left out: Barrier, ReaderLockWhen, and Await under a reader lock.

#include <sanitizer/tsan_interface.h>

#include "absl/base/options.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace {

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
static_assert(absl::string_view(TEXT(ABSL_OPTION_INLINE_NAMESPACE_NAME)) == "debian3",
              "--config=tsan knows the symbols of Debian 12's Abseil only: run it on Debian 12");

// Held while the thread is in a call that may block and that ends with the mutex locked.
class Locking {
 public:
  Locking(absl::Mutex* mu, unsigned flags) : mu_(mu), flags_(flags) {
    __tsan_mutex_pre_lock(mu_, flags_);
  }
  ~Locking() { __tsan_mutex_post_lock(mu_, flags_ | result_, 0); }
  bool Try(bool locked) {
    if (!locked) result_ = __tsan_mutex_try_lock_failed;
    return locked;
  }

 private:
  absl::Mutex* mu_;
  unsigned flags_;
  unsigned result_ = 0;
};

// Held while the thread is in a call that unlocks the mutex.
class Unlocking {
 public:
  Unlocking(absl::Mutex* mu, unsigned flags) : mu_(mu), flags_(flags) {
    __tsan_mutex_pre_unlock(mu_, flags_);
  }
  ~Unlocking() { __tsan_mutex_post_unlock(mu_, flags_); }

 private:
  absl::Mutex* mu_;
  unsigned flags_;
};

// Held while the thread is in a call that unlocks the mutex and locks it again.
class Waiting {
 public:
  explicit Waiting(absl::Mutex* mu) : locking_((Unlocking(mu, 0), mu), 0) {}

 private:
  Locking locking_;
};

// Where the header's inline HasBeenNotified() looks.
void* NotifiedFlag(const absl::Notification* notification) {
  auto* mutex = reinterpret_cast<absl::Mutex*>(const_cast<absl::Notification*>(notification));
  return mutex + 1;
}

bool AcquireIf(bool happened, void* where) {
  if (happened) __tsan_acquire(where);
  return happened;
}

}  // namespace

// Declares the function behind a wrapper and begins the wrapper's definition.
#define WRAP(result, symbol, ...)                 \
  extern "C" result __real_##symbol(__VA_ARGS__); \
  extern "C" result __wrap_##symbol(__VA_ARGS__)

WRAP(void, _ZN4absl7debian35MutexD1Ev, absl::Mutex* mu) {
  __tsan_mutex_destroy(mu, 0);
  __real__ZN4absl7debian35MutexD1Ev(mu);
}

WRAP(void, _ZN4absl7debian35Mutex4LockEv, absl::Mutex* mu) {
  Locking locking(mu, 0);
  __real__ZN4absl7debian35Mutex4LockEv(mu);
}

WRAP(bool, _ZN4absl7debian35Mutex7TryLockEv, absl::Mutex* mu) {
  Locking locking(mu, __tsan_mutex_try_lock);
  return locking.Try(__real__ZN4absl7debian35Mutex7TryLockEv(mu));
}

WRAP(void, _ZN4absl7debian35Mutex6UnlockEv, absl::Mutex* mu) {
  Unlocking unlocking(mu, 0);
  __real__ZN4absl7debian35Mutex6UnlockEv(mu);
}

WRAP(void, _ZN4absl7debian35Mutex10ReaderLockEv, absl::Mutex* mu) {
  Locking locking(mu, __tsan_mutex_read_lock);
  __real__ZN4absl7debian35Mutex10ReaderLockEv(mu);
}

WRAP(bool, _ZN4absl7debian35Mutex13ReaderTryLockEv, absl::Mutex* mu) {
  Locking locking(mu, __tsan_mutex_read_lock | __tsan_mutex_try_lock);
  return locking.Try(__real__ZN4absl7debian35Mutex13ReaderTryLockEv(mu));
}

WRAP(void, _ZN4absl7debian35Mutex12ReaderUnlockEv, absl::Mutex* mu) {
  Unlocking unlocking(mu, __tsan_mutex_read_lock);
  __real__ZN4absl7debian35Mutex12ReaderUnlockEv(mu);
}

WRAP(void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE, absl::Mutex* mu,
     const absl::Condition& cond) {
  Waiting waiting(mu);
  __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mu, cond);
}

WRAP(bool, _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
     absl::Mutex* mu, const absl::Condition& cond, absl::Duration timeout) {
  Waiting waiting(mu);
  return __real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(mu, cond,
                                                                                         timeout);
}

WRAP(bool, _ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE, absl::Mutex* mu,
     const absl::Condition& cond, absl::Time deadline) {
  Waiting waiting(mu);
  return __real__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE(mu, cond,
                                                                                      deadline);
}

WRAP(void, _ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE, absl::Mutex* mu,
     const absl::Condition& cond) {
  Locking locking(mu, 0);
  __real__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE(mu, cond);
}

WRAP(bool, _ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE,
     absl::Mutex* mu, const absl::Condition& cond, absl::Duration timeout) {
  Locking locking(mu, 0);
  return __real__ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE(
      mu, cond, timeout);
}

WRAP(bool, _ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE,
     absl::Mutex* mu, const absl::Condition& cond, absl::Time deadline) {
  Locking locking(mu, 0);
  return __real__ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE(mu, cond,
                                                                                         deadline);
}

WRAP(void, _ZN4absl7debian319ReleasableMutexLock7ReleaseEv, absl::ReleasableMutexLock* lock) {
  // A lock object is its mutex pointer and nothing else.
  static_assert(sizeof(*lock) == sizeof(absl::Mutex*));
  Unlocking unlocking(*reinterpret_cast<absl::Mutex**>(lock), 0);
  __real__ZN4absl7debian319ReleasableMutexLock7ReleaseEv(lock);
}

WRAP(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, absl::CondVar* cv, absl::Mutex* mu) {
  Waiting waiting(mu);
  __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(cv, mu);
}

WRAP(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE, absl::CondVar* cv,
     absl::Mutex* mu, absl::Duration timeout) {
  Waiting waiting(mu);
  return __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(cv, mu,
                                                                                     timeout);
}

WRAP(bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE, absl::CondVar* cv,
     absl::Mutex* mu, absl::Time deadline) {
  Waiting waiting(mu);
  return __real__ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE(cv, mu, deadline);
}

WRAP(void, _ZN4absl7debian312Notification6NotifyEv, absl::Notification* notification) {
  __tsan_release(NotifiedFlag(notification));
  __real__ZN4absl7debian312Notification6NotifyEv(notification);
}

WRAP(void, _ZNK4absl7debian312Notification19WaitForNotificationEv,
     const absl::Notification* notification) {
  __real__ZNK4absl7debian312Notification19WaitForNotificationEv(notification);
  __tsan_acquire(NotifiedFlag(notification));
}

WRAP(bool, _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE,
     const absl::Notification* notification, absl::Duration timeout) {
  return AcquireIf(
      __real__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
          notification, timeout),
      NotifiedFlag(notification));
}

WRAP(bool, _ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE,
     const absl::Notification* notification, absl::Time deadline) {
  return AcquireIf(
      __real__ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE(
          notification, deadline),
      NotifiedFlag(notification));
}

WRAP(bool, _ZN4absl7debian315BlockingCounter14DecrementCountEv, absl::BlockingCounter* counter) {
  __tsan_release(counter);
  // The one that waits may have destroyed the counter when this returns.
  return __real__ZN4absl7debian315BlockingCounter14DecrementCountEv(counter);
}

WRAP(void, _ZN4absl7debian315BlockingCounter4WaitEv, absl::BlockingCounter* counter) {
  __real__ZN4absl7debian315BlockingCounter4WaitEv(counter);
  __tsan_acquire(counter);
}
