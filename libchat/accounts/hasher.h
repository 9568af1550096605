// Hashes passwords: Argon2id, on a bounded pool of threads of its own, since one hash takes 64 MiB
// and tens of milliseconds.

#ifndef LIBCHAT_ACCOUNTS_HASHER_H_
#define LIBCHAT_ACCOUNTS_HASHER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "libchat/accounts/password.h"

namespace chat {

// libsodium's INTERACTIVE limits, throughout.
//
// Thread safety: all methods may be called from any thread.
class Hasher {
 public:
  // `threads` that hash, with a lower priority than all others of the process, and as many tasks as
  // `queue` that may wait for them. Throws std::system_error if there are no threads to be had.
  // sodium_init must have been called.
  Hasher(size_t threads, int64_t queue);
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  // Waits for the tasks that run; those that wait are dropped.
  ~Hasher();

  // Runs `task` on the pool. False, and `task` is gone, if the queue is full (or the pool
  // ends).
  bool Submit(absl::AnyInvocable<void()> task) ABSL_LOCKS_EXCLUDED(mu_);

  // For tasks that come from now on.
  void SetQueue(int64_t queue) ABSL_LOCKS_EXCLUDED(mu_);

  // Both hash on the calling thread.

  // A salted hash in text form, which says how it was made. Nothing if memory is refused.
  std::optional<std::string> Hash(const Password& password);

  // One that costs as much to verify and was made of nothing, with nothing computed.
  static std::string NobodysHash();

  enum class Match : uint8_t {
    kYes,
    kNo,
    kFailed,  // memory is refused, or `hash` is none: nothing is known
  };
  // Whether `hash` was made of `password`; compared in constant time.
  Match Verify(const std::string& hash, const Password& password);

  // How often Argon2id was computed.
  uint64_t computations() const { return computations_; }

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  std::atomic<uint64_t> computations_ = 0;
  std::vector<std::thread> threads_;

  absl::Mutex mu_;
  int64_t queue_ ABSL_GUARDED_BY(mu_);
  std::deque<absl::AnyInvocable<void()>> waiting_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace chat

#endif  // LIBCHAT_ACCOUNTS_HASHER_H_
