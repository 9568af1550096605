#include "libchat/accounts/accounts.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libchat/event/user.h"
#include "sodium.h"

namespace chat {
namespace {

// Steps are only ever added at the end: databases of all versions are out there.
constexpr const char* kSchema[] = {
    // `created` is in seconds since 1970.
    "CREATE TABLE accounts ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  hash TEXT NOT NULL,"
    "  created INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
};

absl::Status NoSuchAccount(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("no such account: ", name));
}

// Says nothing of what is in it.
absl::Status NoPassword() {
  return absl::InvalidArgumentError(
      absl::StrCat("a password has 1 to ", Password::kMaxBytes, " bytes"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Accounts>> Accounts::Open(AccountOptions options) {
  if (sodium_init() < 0) return absl::InternalError("libsodium finds no source of randomness");
  absl::StatusOr<Database> database = Database::Open(options.path, kSchema);
  if (!database.ok()) return database.status();
  try {
    std::unique_ptr<Accounts> accounts(new Accounts(std::move(options), *std::move(database)));
    if (absl::Status status = accounts->Load(); !status.ok()) return status;
    return accounts;
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no threads for hashing passwords: ", error.what()));
  }
}

Accounts::Accounts(AccountOptions options, Database database)
    : options_(std::move(options)),
      nobodys_hash_(Hasher::NobodysHash()),
      database_(std::move(database)),
      most_names_(options_.bounds.accounts),
      login_bounds_(options_.bounds.logins),
      registration_bounds_(options_.bounds.registrations),
      hasher_(options_.hashing_threads, options_.bounds.hashing_queue) {}

Accounts::~Accounts() = default;

absl::Status Accounts::Load() {
  absl::flat_hash_set<std::string> names;
  const auto add = [&](const Database::Row& row) { names.emplace(row.Text(0)); };
  {
    absl::MutexLock lock(&database_mu_);
    const absl::Status status = database_.Run("SELECT name FROM accounts", {}, add);
    if (!status.ok()) return status;
  }
  absl::MutexLock lock(&names_mu_);
  names_ = std::move(names);
  return absl::OkStatus();
}

void Accounts::SetBounds(const AccountBounds& bounds) {
  hasher_.SetQueue(bounds.hashing_queue);
  {
    absl::MutexLock lock(&names_mu_);
    most_names_ = bounds.accounts;
  }
  absl::MutexLock lock(&attempts_mu_);
  login_bounds_ = bounds.logins;
  registration_bounds_ = bounds.registrations;
}

bool Accounts::Has(absl::string_view name) const {
  absl::ReaderMutexLock lock(&names_mu_);
  return names_.contains(name);
}

size_t Accounts::count() const {
  absl::ReaderMutexLock lock(&names_mu_);
  return names_.size();
}

// ---- Login ----

void Accounts::Verify(absl::string_view name, absl::string_view password, absl::string_view address,
                      CheckCallback done) {
  std::string from(address);
  if (const CheckResult begun = BeginAttempt(from); begun != CheckResult::kRight) {
    return done(begun);
  }
  std::optional<Password> given = Password::From(password);
  if (!given) {  // nobody's
    EndAttempt(from, CheckResult::kWrongPassword);
    return done(CheckResult::kWrongPassword);
  }
  auto shared_done = std::make_shared<CheckCallback>(std::move(done));
  const bool queued = hasher_.Submit(
      [this, name = std::string(name), given = *std::move(given), from, shared_done]() mutable {
        const CheckResult result = Check(name, given);
        EndAttempt(from, result);
        (*shared_done)(result);
      });
  if (queued) return;
  EndAttempt(from, CheckResult::kBusy);
  (*shared_done)(CheckResult::kBusy);
}

// kRight: go on.
CheckResult Accounts::BeginAttempt(const std::string& address) {
  if (address.empty()) return CheckResult::kRight;
  absl::MutexLock lock(&attempts_mu_);
  switch (logins_.Begin(address, login_bounds_, options_.now())) {
    case LoginAttempts::Admission::kGranted:
      return CheckResult::kRight;
    case LoginAttempts::Admission::kRefused:
      return CheckResult::kTooManyFailures;
    case LoginAttempts::Admission::kBusy:
      break;
  }
  return CheckResult::kBusy;
}

void Accounts::EndAttempt(const std::string& address, CheckResult result) {
  if (address.empty()) return;
  const bool failed = result == CheckResult::kNoAccount || result == CheckResult::kWrongPassword;
  absl::MutexLock lock(&attempts_mu_);
  logins_.End(address, failed, login_bounds_, options_.now());
}

// The same work for names that are not there: how long it takes tells nobody which are.
CheckResult Accounts::Check(const std::string& name, const Password& password) {
  const absl::StatusOr<std::optional<std::string>> hash = FindHash(name);
  if (!hash.ok()) {
    options_.on_error(absl::StrCat("cannot look up an account: ", hash.status().message()));
    return CheckResult::kStorageError;
  }
  const bool there = hash->has_value();
  switch (hasher_.Verify(there ? **hash : nobodys_hash_, password)) {
    case Hasher::Match::kYes:
      return there ? CheckResult::kRight : CheckResult::kNoAccount;
    case Hasher::Match::kNo:
      return there ? CheckResult::kWrongPassword : CheckResult::kNoAccount;
    case Hasher::Match::kFailed:
      break;
  }
  options_.on_error("cannot check a password: no memory, or its hash is damaged");
  return CheckResult::kBusy;
}

absl::StatusOr<std::optional<std::string>> Accounts::FindHash(absl::string_view name) {
  std::optional<std::string> hash;
  absl::MutexLock lock(&database_mu_);
  const absl::Status status =
      database_.Run("SELECT hash FROM accounts WHERE name = ?", {name},
                    [&](const Database::Row& row) { hash = std::string(row.Text(0)); });
  if (!status.ok()) return status;
  return hash;
}

// ---- Registration ----

void Accounts::Register(absl::string_view name, absl::string_view password,
                        absl::string_view address, RegisterCallback done) {
  std::optional<Password> given = Password::From(password);
  if (!IsName(name) || !given) return done(RegisterResult::kNotAllowed);
  {
    absl::MutexLock lock(&attempts_mu_);
    if (!registrations_.Admit(address, registration_bounds_, options_.now())) {
      return done(RegisterResult::kTooMany);
    }
  }
  if (const RegisterResult reserved = Reserve(name); reserved != RegisterResult::kRegistered) {
    return done(reserved);
  }
  auto shared_done = std::make_shared<RegisterCallback>(std::move(done));
  const bool queued = hasher_.Submit(
      [this, name = std::string(name), given = *std::move(given), shared_done]() mutable {
        const absl::Status status = Insert(name, given);
        if (!status.ok()) {
          options_.on_error(absl::StrCat("cannot write an account: ", status.message()));
        }
        (*shared_done)(status.ok() ? RegisterResult::kRegistered : RegisterResult::kStorageError);
      });
  if (queued) return;
  GiveBack(name);
  (*shared_done)(RegisterResult::kBusy);
}

// kRegistered: go on.
RegisterResult Accounts::Reserve(absl::string_view name) {
  absl::MutexLock lock(&names_mu_);
  if (names_.contains(name)) return RegisterResult::kExists;
  if (static_cast<int64_t>(names_.size()) >= most_names_) return RegisterResult::kFull;
  names_.emplace(name);
  return RegisterResult::kRegistered;
}

void Accounts::GiveBack(absl::string_view name) {
  absl::MutexLock lock(&names_mu_);
  names_.erase(name);
}

absl::Status Accounts::Insert(absl::string_view name, const Password& password) {
  absl::StatusOr<std::string> hash = HashOf(password);
  absl::Status status = hash.status();
  if (status.ok()) {
    absl::MutexLock lock(&database_mu_);
    status = database_.Run("INSERT INTO accounts (name, hash, created) VALUES (?, ?, ?)",
                           {name, *hash, absl::ToUnixSeconds(absl::Now())});
  }
  if (!status.ok()) GiveBack(name);
  return status;
}

absl::StatusOr<std::string> Accounts::HashOf(const Password& password) {
  std::optional<std::string> hash = hasher_.Hash(password);
  if (!hash) return absl::ResourceExhaustedError("no memory for hashing a password");
  return *std::move(hash);
}

// ---- Operators ----

absl::Status Accounts::Add(absl::string_view name, absl::string_view password) {
  if (!IsName(name)) return absl::InvalidArgumentError(absl::StrCat("not a name: ", name));
  const std::optional<Password> given = Password::From(password);
  if (!given) return NoPassword();
  switch (Reserve(name)) {
    case RegisterResult::kExists:
      return absl::AlreadyExistsError(absl::StrCat("there is an account already: ", name));
    case RegisterResult::kFull:
      return absl::ResourceExhaustedError("there are as many accounts as limits.accounts allows");
    default:
      break;
  }
  absl::MutexLock lock(&operators_mu_);
  return Insert(name, *given);
}

absl::Status Accounts::SetPassword(absl::string_view name, absl::string_view password) {
  const std::optional<Password> given = Password::From(password);
  if (!given) return NoPassword();
  absl::MutexLock one(&operators_mu_);
  const absl::StatusOr<std::string> hash = HashOf(*given);
  if (!hash.ok()) return hash.status();
  absl::MutexLock lock(&database_mu_);
  const absl::Status status =
      database_.Run("UPDATE accounts SET hash = ? WHERE name = ?", {*hash, name});
  return status.ok() && database_.changes() == 0 ? NoSuchAccount(name) : status;
}

absl::Status Accounts::Remove(absl::string_view name) {
  {
    absl::MutexLock lock(&database_mu_);
    const absl::Status status = database_.Run("DELETE FROM accounts WHERE name = ?", {name});
    if (!status.ok()) return status;
    if (database_.changes() == 0) return NoSuchAccount(name);
  }
  GiveBack(name);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AccountInfo>> Accounts::List(absl::string_view after, size_t max) {
  std::vector<AccountInfo> all;
  absl::MutexLock lock(&database_mu_);
  const absl::Status status = database_.Run(
      "SELECT name, created FROM accounts WHERE name > ? ORDER BY name LIMIT ?",
      {after, static_cast<int64_t>(max)}, [&](const Database::Row& row) {
        all.push_back({std::string(row.Text(0)), absl::FromUnixSeconds(row.Number(1))});
      });
  if (!status.ok()) return status;
  return all;
}

absl::string_view ToString(CheckResult result) {
  switch (result) {
    case CheckResult::kRight:
      return "right";
    case CheckResult::kNoAccount:
      return "no account";
    case CheckResult::kWrongPassword:
      return "wrong password";
    case CheckResult::kTooManyFailures:
      return "too many failures";
    case CheckResult::kBusy:
      return "busy";
    case CheckResult::kStorageError:
      return "storage error";
  }
  return "unknown";
}

absl::string_view ToString(RegisterResult result) {
  switch (result) {
    case RegisterResult::kRegistered:
      return "registered";
    case RegisterResult::kExists:
      return "exists";
    case RegisterResult::kNotAllowed:
      return "not allowed";
    case RegisterResult::kTooMany:
      return "too many";
    case RegisterResult::kFull:
      return "full";
    case RegisterResult::kBusy:
      return "busy";
    case RegisterResult::kStorageError:
      return "storage error";
  }
  return "unknown";
}

}  // namespace chat
