// The accounts: names that take a password. One base for all dialects.

#ifndef LIBCHAT_ACCOUNTS_ACCOUNTS_H_
#define LIBCHAT_ACCOUNTS_ACCOUNTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libchat/accounts/attempts.h"
#include "libchat/accounts/database.h"
#include "libchat/accounts/hasher.h"
#include "libchat/accounts/password.h"

namespace chat {

// What can change while it runs.
struct AccountBounds {
  // Passwords that may wait to be hashed.
  int64_t hashing_queue = 64;
  // Accounts in all.
  int64_t accounts = 100'000;
  LoginBounds logins;
  RegistrationBounds registrations;
};

struct AccountOptions {
  std::string path;  // of the database; made if it is missing
  size_t hashing_threads = 2;
  AccountBounds bounds;
  // Is told of what fails on the disk or for want of memory. Called from any thread; must not
  // block. No password is ever in `what`.
  std::function<void(absl::string_view what)> on_error = [](absl::string_view) {};
  // Steady; replaced in tests.
  std::function<absl::Time()> now = [] {
    return absl::FromUnixNanos(std::chrono::steady_clock::now().time_since_epoch().count());
  };
};

// How Verify ended.
enum class CheckResult : uint8_t {
  kRight,
  kNoAccount,
  kWrongPassword,
  kTooManyFailures,  // of this address: nothing was looked at
  kBusy,             // too much waits to be hashed, or memory is refused: nothing is known
  kStorageError,     // the database cannot be read: nothing is known
};

// How Register ended.
enum class RegisterResult : uint8_t {
  kRegistered,    // it is on the disk
  kExists,        // or is being registered by somebody else
  kNotAllowed,    // no name (IsName), or no password (Password)
  kTooMany,       // of this address, or in all (RegistrationBounds)
  kFull,          // AccountBounds::accounts
  kBusy,          // as above
  kStorageError,  // the database cannot be written; the account is not there
};

struct AccountInfo {
  std::string name;
  absl::Time created;  // wall clock, in seconds
};

// Accounts that are on the disk, with a salted Argon2id hash of the password: never the password.
//
// An address is what the bounds count by; an empty one is exempt from those that do.
//
// Thread safety: all methods may be called from any thread.
// Lock order: operators_mu_, then one of the others, then nothing.
//
// Invariants:
//  - Has denies no name that is in the database.
//  - Whatever name is given, and whatever password of up to Password::kMaxBytes, Verify computes
//    Argon2id once, with the same costs, unless it answers at once.
class Accounts {
 public:
  // Errors say what is wrong with the file (see Database), or that there are no threads.
  static absl::StatusOr<std::unique_ptr<Accounts>> Open(AccountOptions options);

  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;
  // Waits for what is being hashed. What waits is dropped: its callback is never called.
  ~Accounts();

  void SetBounds(const AccountBounds& bounds) ABSL_LOCKS_EXCLUDED(attempts_mu_, names_mu_);

  // True if the name has an account, or is just being registered. Needs no disk.
  bool Has(absl::string_view name) const ABSL_LOCKS_EXCLUDED(names_mu_);

  // Both never block. `done` is called once, on a thread of the pool, or on this one before the
  // call returns.
  using CheckCallback = absl::AnyInvocable<void(CheckResult)>;
  void Verify(absl::string_view name, absl::string_view password, absl::string_view address,
              CheckCallback done) ABSL_LOCKS_EXCLUDED(attempts_mu_);
  using RegisterCallback = absl::AnyInvocable<void(RegisterResult)>;
  void Register(absl::string_view name, absl::string_view password, absl::string_view address,
                RegisterCallback done) ABSL_LOCKS_EXCLUDED(attempts_mu_, names_mu_);

  // ---- Operators. These block: one hashes, all wait for the disk. ----

  // InvalidArgument if it is no name or no password, AlreadyExists, ResourceExhausted if there are
  // as many accounts as there may be; and Database's errors, as all the others.
  absl::Status Add(absl::string_view name, absl::string_view password)
      ABSL_LOCKS_EXCLUDED(operators_mu_, names_mu_);
  // NotFound if there is no such account, here and below.
  absl::Status SetPassword(absl::string_view name, absl::string_view password)
      ABSL_LOCKS_EXCLUDED(operators_mu_);
  // When it returns, Has denies the name, and nobody logs in with it any more; who is logged in
  // already is the caller's to end.
  absl::Status Remove(absl::string_view name) ABSL_LOCKS_EXCLUDED(names_mu_);
  // Up to `max` accounts with names above `after`, in the order of names.
  absl::StatusOr<std::vector<AccountInfo>> List(absl::string_view after, size_t max);

  size_t count() const ABSL_LOCKS_EXCLUDED(names_mu_);
  // How often Argon2id was computed.
  uint64_t computations() const { return hasher_.computations(); }

 private:
  Accounts(AccountOptions options, Database database);

  absl::Status Load() ABSL_LOCKS_EXCLUDED(names_mu_);
  CheckResult Check(const std::string& name, const Password& password)
      ABSL_LOCKS_EXCLUDED(database_mu_);
  // Nothing if there is no such account.
  absl::StatusOr<std::optional<std::string>> FindHash(absl::string_view name)
      ABSL_LOCKS_EXCLUDED(database_mu_);
  // Takes the name, that is: adds it to names_.
  RegisterResult Reserve(absl::string_view name) ABSL_LOCKS_EXCLUDED(names_mu_);
  void GiveBack(absl::string_view name) ABSL_LOCKS_EXCLUDED(names_mu_);
  // Writes the account of a reserved name; gives the name back if that fails.
  absl::Status Insert(absl::string_view name, const Password& password)
      ABSL_LOCKS_EXCLUDED(database_mu_, names_mu_);
  absl::StatusOr<std::string> HashOf(const Password& password);
  void EndAttempt(const std::string& address, CheckResult result) ABSL_LOCKS_EXCLUDED(attempts_mu_);
  CheckResult BeginAttempt(const std::string& address) ABSL_LOCKS_EXCLUDED(attempts_mu_);

  const AccountOptions options_;
  const std::string nobodys_hash_;  // is verified in the place of one that is not there

  absl::Mutex operators_mu_;  // one operator hashes at a time

  absl::Mutex database_mu_;
  Database database_ ABSL_GUARDED_BY(database_mu_);

  mutable absl::Mutex names_mu_;
  int64_t most_names_ ABSL_GUARDED_BY(names_mu_);
  absl::flat_hash_set<std::string> names_ ABSL_GUARDED_BY(names_mu_);

  absl::Mutex attempts_mu_;
  LoginBounds login_bounds_ ABSL_GUARDED_BY(attempts_mu_);
  RegistrationBounds registration_bounds_ ABSL_GUARDED_BY(attempts_mu_);
  LoginAttempts logins_ ABSL_GUARDED_BY(attempts_mu_);
  RegistrationAttempts registrations_ ABSL_GUARDED_BY(attempts_mu_);

  Hasher hasher_;  // last: its tasks use all the others until it is gone
};

// "right", "no account", ... and "registered", "exists", ...
absl::string_view ToString(CheckResult result);
absl::string_view ToString(RegisterResult result);

}  // namespace chat

#endif  // LIBCHAT_ACCOUNTS_ACCOUNTS_H_
