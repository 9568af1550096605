// Real SQLite files, real hashes; the clock of the bounds is the test's.

#include "libchat/accounts/accounts.h"

#include <errno.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/accounts/testing.h"

namespace chat {
namespace {

using ::testing::ElementsAre;
using testing::FailingCalls;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestDirectory;

constexpr absl::string_view kExempt;  // an address that no bound counts

class AccountsTest : public ::testing::Test {
 protected:
  AccountsTest() {
    options_.path = directory_.Path("accounts.sqlite3");
    options_.on_error = [this](absl::string_view what) {
      absl::MutexLock lock(&errors_mu_);
      errors_.emplace_back(what);
    };
    options_.now = [this] { return absl::UnixEpoch() + absl::Milliseconds(now_ms_.load()); };
  }

  void Open() {
    accounts_.reset();
    absl::StatusOr<std::unique_ptr<Accounts>> accounts = Accounts::Open(options_);
    ASSERT_TRUE(accounts.ok()) << accounts.status();
    accounts_ = *std::move(accounts);
  }
  absl::Status StatusOfOpen() { return Accounts::Open(options_).status(); }

  CheckResult Verify(absl::string_view name, absl::string_view password,
                     absl::string_view address = kExempt) {
    absl::Notification done;
    CheckResult result = CheckResult::kBusy;
    accounts_->Verify(name, password, address, [&](CheckResult said) {
      result = said;
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }
  RegisterResult Register(absl::string_view name, absl::string_view password,
                          absl::string_view address = kExempt) {
    absl::Notification done;
    RegisterResult result = RegisterResult::kBusy;
    accounts_->Register(name, password, address, [&](RegisterResult said) {
      result = said;
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto all = accounts_->List("", 1000);
    EXPECT_TRUE(all.ok()) << all.status();
    if (all.ok()) {
      for (const AccountInfo& account : *all) names.push_back(account.name);
    }
    return names;
  }
  void Pass(absl::Duration time) { now_ms_ += absl::ToInt64Milliseconds(time); }
  std::vector<std::string> Errors() {
    absl::MutexLock lock(&errors_mu_);
    return errors_;
  }

  const TestDirectory directory_;
  AccountOptions options_;
  std::atomic<int64_t> now_ms_ = 3'600'000;
  absl::Mutex errors_mu_;
  std::vector<std::string> errors_ ABSL_GUARDED_BY(errors_mu_);
  std::unique_ptr<Accounts> accounts_;
};

// Keeps the pool's only thread in the callback of a check.
class Hold {
 public:
  explicit Hold(Accounts& accounts) {
    absl::Notification begun;
    accounts.Verify("nobody", "x", kExempt, [&begun, release = release_](CheckResult) {
      begun.Notify();
      release->WaitForNotification();
    });
    begun.WaitForNotification();
  }
  ~Hold() { Release(); }
  void Release() {
    if (!release_->HasBeenNotified()) release_->Notify();
  }

 private:
  const std::shared_ptr<absl::Notification> release_ = std::make_shared<absl::Notification>();
};

// ---- Passwords ----

TEST_F(AccountsTest, TellsRightFromWrong) {
  Open();
  EXPECT_EQ(Register("alice", "swordfish"), RegisterResult::kRegistered);
  EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kRight);
  EXPECT_EQ(Verify("alice", "Swordfish"), CheckResult::kWrongPassword);
  EXPECT_EQ(Verify("Alice", "swordfish"), CheckResult::kNoAccount);
  EXPECT_EQ(Verify("bob", "swordfish"), CheckResult::kNoAccount);
  EXPECT_EQ(Verify("", "swordfish"), CheckResult::kNoAccount);
}

TEST_F(AccountsTest, AnswersOnAThreadOfThePool) {
  Open();
  absl::Notification done;
  std::thread::id answered;
  accounts_->Verify("bob", "x", kExempt, [&](CheckResult) {
    answered = std::this_thread::get_id();
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_NE(answered, std::this_thread::get_id());
}

// So the time that an answer takes does not tell which names there are.
TEST_F(AccountsTest, WorksAsHardForNamesThatAreNotThere) {
  Open();
  ASSERT_EQ(Register("alice", "swordfish"), RegisterResult::kRegistered);
  const auto work = [&](absl::string_view name, absl::string_view password, CheckResult result) {
    const uint64_t before = accounts_->computations();
    EXPECT_EQ(Verify(name, password), result);
    return accounts_->computations() - before;
  };
  EXPECT_EQ(work("alice", "swordfish", CheckResult::kRight), 1u);
  EXPECT_EQ(work("alice", "wrong", CheckResult::kWrongPassword), 1u);
  EXPECT_EQ(work("bob", "swordfish", CheckResult::kNoAccount), 1u);
  EXPECT_EQ(work("not a name", "swordfish", CheckResult::kNoAccount), 1u);
  // Nobody has such passwords: no work, whatever the name.
  for (const char* name : {"alice", "bob"}) {
    EXPECT_EQ(work(name, "", CheckResult::kWrongPassword), 0u);
    EXPECT_EQ(work(name, std::string(Password::kMaxBytes + 1, 'x'), CheckResult::kWrongPassword),
              0u);
  }
}

TEST_F(AccountsTest, TakesPasswordsOfUpToTheirBound) {
  Open();
  const std::string longest(Password::kMaxBytes, 'x');
  EXPECT_EQ(Register("alice", longest), RegisterResult::kRegistered);
  EXPECT_EQ(Verify("alice", longest), CheckResult::kRight);
  EXPECT_EQ(Verify("alice", longest.substr(1)), CheckResult::kWrongPassword);
  EXPECT_EQ(Register("bob", longest + "x"), RegisterResult::kNotAllowed);
  EXPECT_EQ(Register("bob", ""), RegisterResult::kNotAllowed);
}

TEST_F(AccountsTest, KeepsNoPasswordInAnyFile) {
  Open();
  ASSERT_EQ(Register("alice", "swordfish"), RegisterResult::kRegistered);
  ASSERT_TRUE(accounts_->Add("bob", "swordfish").ok());
  ASSERT_TRUE(accounts_->SetPassword("bob", "swordfish").ok());
  ASSERT_EQ(Verify("bob", "swordfish"), CheckResult::kRight);
  EXPECT_TRUE(directory_.Contains("alice"));
  EXPECT_FALSE(directory_.Contains("swordfish"));
  accounts_.reset();
  EXPECT_FALSE(directory_.Contains("swordfish"));
}

// ---- Accounts ----

TEST_F(AccountsTest, AreThereAfterARestart) {
  Open();
  EXPECT_FALSE(accounts_->Has("alice"));
  ASSERT_EQ(Register("alice", "swordfish"), RegisterResult::kRegistered);
  ASSERT_EQ(Register("caf\xc3\xa9", "p"), RegisterResult::kRegistered);
  EXPECT_TRUE(accounts_->Has("alice"));
  Open();
  EXPECT_TRUE(accounts_->Has("alice"));
  EXPECT_FALSE(accounts_->Has("bob"));
  EXPECT_EQ(accounts_->count(), 2u);
  EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kRight);
  EXPECT_EQ(Verify("caf\xc3\xa9", "p"), CheckResult::kRight);
  EXPECT_EQ(Register("alice", "other"), RegisterResult::kExists);
}

TEST_F(AccountsTest, AreRegisteredUnderNamesAlone) {
  Open();
  for (const char* bad : {"", "two words", "a@b", "bell\a", "\xff"}) {
    EXPECT_EQ(Register(bad, "swordfish"), RegisterResult::kNotAllowed) << bad;
    EXPECT_EQ(accounts_->Add(bad, "swordfish").code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(AccountsTest, AreRegisteredOnce) {
  options_.hashing_threads = 1;
  Open();
  Hold hold(*accounts_);
  absl::BlockingCounter done(2);
  std::atomic<int> registered = 0;
  std::atomic<int> existed = 0;
  for (const char* password : {"first", "second"}) {
    accounts_->Register("alice", password, kExempt, [&](RegisterResult result) {
      if (result == RegisterResult::kRegistered) ++registered;
      if (result == RegisterResult::kExists) ++existed;
      done.DecrementCount();
    });
  }
  EXPECT_TRUE(accounts_->Has("alice"));  // nobody takes the name meanwhile
  hold.Release();
  done.Wait();
  EXPECT_EQ(registered, 1);
  EXPECT_EQ(existed, 1);
  EXPECT_EQ(Verify("alice", "first"), CheckResult::kRight);
}

TEST_F(AccountsTest, AreMadeAndEndedByOperators) {
  Open();
  EXPECT_TRUE(accounts_->Add("alice", "swordfish").ok());
  EXPECT_EQ(accounts_->Add("alice", "other").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kRight);

  EXPECT_TRUE(accounts_->SetPassword("alice", "trout").ok());
  EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kWrongPassword);
  EXPECT_EQ(Verify("alice", "trout"), CheckResult::kRight);
  EXPECT_EQ(accounts_->SetPassword("bob", "trout").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(accounts_->SetPassword("alice", "").code(), absl::StatusCode::kInvalidArgument);

  EXPECT_TRUE(accounts_->Remove("alice").ok());
  EXPECT_FALSE(accounts_->Has("alice"));
  EXPECT_EQ(Verify("alice", "trout"), CheckResult::kNoAccount);
  EXPECT_EQ(accounts_->Remove("alice").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(accounts_->Add("alice", "again").ok());
}

TEST_F(AccountsTest, AreListedInPages) {
  Open();
  const absl::Time before = absl::Now() - absl::Seconds(1);
  for (const char* name : {"cid", "ann", "bob"}) ASSERT_TRUE(accounts_->Add(name, "x").ok());
  const auto first = accounts_->List("", 2);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ((*first)[0].name, "ann");
  EXPECT_EQ((*first)[1].name, "bob");
  EXPECT_GE((*first)[0].created, before);
  EXPECT_LE((*first)[0].created, absl::Now());
  const auto rest = accounts_->List("bob", 2);
  ASSERT_TRUE(rest.ok()) << rest.status();
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ((*rest)[0].name, "cid");
}

// ---- Bounds ----

// Never "wrong password".
TEST_F(AccountsTest, AreBusyWhenTheQueueIsFull) {
  options_.hashing_threads = 1;
  options_.bounds.hashing_queue = 2;
  Open();
  ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
  Hold hold(*accounts_);
  absl::BlockingCounter done(2);
  for (int i = 0; i < 2; ++i) {
    accounts_->Verify("alice", "swordfish", "10.0.0.1", [&](CheckResult result) {
      EXPECT_EQ(result, CheckResult::kRight);
      done.DecrementCount();
    });
  }
  EXPECT_EQ(Verify("alice", "swordfish", "10.0.0.1"), CheckResult::kBusy);
  EXPECT_EQ(Register("bob", "swordfish"), RegisterResult::kBusy);
  EXPECT_FALSE(accounts_->Has("bob"));
  hold.Release();
  done.Wait();
  EXPECT_EQ(Verify("alice", "swordfish", "10.0.0.1"), CheckResult::kRight);
  EXPECT_EQ(Register("bob", "swordfish"), RegisterResult::kRegistered);
}

TEST_F(AccountsTest, RefuseAnAddressThatHasFailedTooOften) {
  Open();
  ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
  for (int i = 0; i < 10; ++i) {
    const absl::string_view name = i % 2 == 0 ? "alice" : "bob";
    EXPECT_NE(Verify(name, "guess", "10.0.0.1"), CheckResult::kTooManyFailures) << i;
  }
  const uint64_t before = accounts_->computations();
  EXPECT_EQ(Verify("alice", "swordfish", "10.0.0.1"), CheckResult::kTooManyFailures);
  EXPECT_EQ(accounts_->computations(), before);  // without hashing
  Pass(absl::Seconds(5));
  EXPECT_EQ(Verify("alice", "swordfish", "10.0.0.1"), CheckResult::kRight);
}

TEST_F(AccountsTest, NeverLockTheOwnerOut) {
  Open();
  ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
  for (int i = 0; i < 20; ++i) Verify("alice", "", "10.0.0.1");
  EXPECT_EQ(Verify("alice", "swordfish", "10.0.0.1"), CheckResult::kTooManyFailures);
  EXPECT_EQ(Verify("alice", "swordfish", "10.0.0.2"), CheckResult::kRight);
  EXPECT_EQ(Verify("alice", "swordfish", kExempt), CheckResult::kRight);
}

TEST_F(AccountsTest, BoundRegistrationsOfAnAddress) {
  options_.bounds.registrations.per_address = 2;
  Open();
  EXPECT_EQ(Register("a", "x", "10.0.0.1"), RegisterResult::kRegistered);
  EXPECT_EQ(Register("a", "x", "10.0.0.1"), RegisterResult::kExists);
  EXPECT_EQ(Register("b", "x", "10.0.0.1"), RegisterResult::kTooMany);
  EXPECT_EQ(Register("b", "x", "10.0.0.2"), RegisterResult::kRegistered);
  Pass(absl::Minutes(10));
  EXPECT_EQ(Register("c", "x", "10.0.0.1"), RegisterResult::kRegistered);
}

TEST_F(AccountsTest, BoundRegistrationsInAll) {
  options_.bounds.registrations.in_all = 2;
  Open();
  EXPECT_EQ(Register("a", "x"), RegisterResult::kRegistered);
  EXPECT_EQ(Register("b", "x", "10.0.0.1"), RegisterResult::kRegistered);
  EXPECT_EQ(Register("c", "x"), RegisterResult::kTooMany);
  EXPECT_FALSE(accounts_->Has("c"));
  EXPECT_TRUE(accounts_->Add("c", "x").ok());  // not for operators
}

TEST_F(AccountsTest, BoundTheirNumber) {
  options_.bounds.accounts = 2;
  Open();
  EXPECT_EQ(Register("a", "x"), RegisterResult::kRegistered);
  EXPECT_TRUE(accounts_->Add("b", "x").ok());
  EXPECT_EQ(Register("c", "x"), RegisterResult::kFull);
  EXPECT_EQ(accounts_->Add("c", "x").code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(accounts_->Remove("a").ok());
  EXPECT_EQ(Register("c", "x"), RegisterResult::kRegistered);
}

TEST_F(AccountsTest, TakeOtherBoundsWhileTheyRun) {
  options_.bounds.accounts = 1;
  options_.bounds.logins.failures = 1;
  options_.bounds.registrations.in_all = 1;
  Open();
  ASSERT_EQ(Register("a", "x"), RegisterResult::kRegistered);
  ASSERT_EQ(Register("b", "x"), RegisterResult::kTooMany);
  accounts_->SetBounds(AccountBounds());
  EXPECT_EQ(Register("b", "x"), RegisterResult::kRegistered);
  EXPECT_EQ(Verify("a", "y", "10.0.0.1"), CheckResult::kWrongPassword);
  EXPECT_EQ(Verify("a", "y", "10.0.0.1"), CheckResult::kWrongPassword);
  AccountBounds none_waits;
  none_waits.hashing_queue = 0;
  accounts_->SetBounds(none_waits);
  EXPECT_EQ(Verify("a", "x"), CheckResult::kBusy);
}

// ---- Faults ----

TEST_F(AccountsTest, SayWhatIsWrongWithTheirFile) {
  testing::WriteFile(options_.path, std::string(8192, 'x'));
  const absl::Status status = StatusOfOpen();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(status.message(), HasSubstr(options_.path));
}

TEST_F(AccountsTest, LeaveTheFileOfANewerProgram) {
  {
    constexpr const char* kTomorrow[] = {"CREATE TABLE a (a)", "CREATE TABLE b (b)"};
    ASSERT_TRUE(Database::Open(options_.path, kTomorrow).ok());
  }
  const absl::Status status = StatusOfOpen();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(status.message(), HasSubstr("newer"));
}

struct Fault {
  const char* name;
  int error;
  absl::StatusCode code;
};

class AccountsFaultTest : public AccountsTest, public ::testing::WithParamInterface<Fault> {};

TEST_P(AccountsFaultTest, LetUsersInWhileNothingCanBeWritten) {
  Open();
  ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
  ASSERT_TRUE(accounts_->Add("cid", "swordfish").ok());
  {
    const FailingCalls failing(1, FailingCalls::Extent::kOn, GetParam().error);
    EXPECT_EQ(Register("bob", "swordfish"), RegisterResult::kStorageError);
    EXPECT_FALSE(accounts_->Has("bob"));
    EXPECT_EQ(accounts_->Add("bob", "swordfish").code(), GetParam().code);
    EXPECT_EQ(accounts_->SetPassword("alice", "trout").code(), GetParam().code);
    EXPECT_EQ(accounts_->Remove("cid").code(), GetParam().code);
    EXPECT_TRUE(accounts_->Has("cid"));
    EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kRight);
    EXPECT_EQ(Verify("cid", "swordfish"), CheckResult::kRight);
    EXPECT_GT(failing.calls(), 0);
  }
  const std::vector<std::string> errors = Errors();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], HasSubstr("cannot write an account: "));
  EXPECT_THAT(errors[0], HasSubstr(options_.path));
  EXPECT_FALSE(absl::StrContains(errors[0], "swordfish"));

  // ... and all is well again afterwards.
  EXPECT_EQ(Register("bob", "swordfish"), RegisterResult::kRegistered);
  Open();
  EXPECT_THAT(Names(), ElementsAre("alice", "bob", "cid"));
}

INSTANTIATE_TEST_SUITE_P(All, AccountsFaultTest,
                         ::testing::Values(Fault{"DiskFull", ENOSPC,
                                                 absl::StatusCode::kResourceExhausted},
                                           Fault{"IoError", EIO, absl::StatusCode::kInternal}),
                         [](const auto& info) { return info.param.name; });

TEST_F(AccountsTest, SayIfTheyCannotBeRead) {
  Open();
  ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
  accounts_.reset();
  // What a damaged hash says is not that the password is wrong.
  {
    absl::StatusOr<Database> database =
        Database::Open(options_.path, {"CREATE TABLE never_run (a)"});
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE(database->Run("UPDATE accounts SET hash = 'damaged'").ok());
  }
  Open();
  EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kBusy);
  EXPECT_EQ(Errors().size(), 1u);
  // Nor does a table that is gone.
  {
    absl::StatusOr<Database> database =
        Database::Open(options_.path, {"CREATE TABLE never_run (a)"});
    ASSERT_TRUE(database->Run("DROP TABLE accounts").ok());
  }
  EXPECT_EQ(Verify("alice", "swordfish"), CheckResult::kStorageError);
  EXPECT_EQ(Errors().size(), 2u);
  EXPECT_THAT(Errors()[1], HasSubstr("accounts"));
}

// ---- Threads ----

TEST_F(AccountsTest, EndWhileMuchWaits) {
  options_.hashing_threads = 1;
  Open();
  const auto dropped = std::make_shared<int>();
  for (int i = 0; i < 60; ++i) {
    accounts_->Verify("alice", "x", kExempt, [dropped](CheckResult) {});
    accounts_->Register(absl::StrCat("user", i), "x", kExempt, [dropped](RegisterResult) {});
  }
  accounts_.reset();
  EXPECT_EQ(dropped.use_count(), 1);
}

TEST_F(AccountsTest, AreUsedByManyThreads) {
  options_.bounds.registrations.in_all = 1000;
  Open();
  ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
  absl::Mutex mu;
  std::set<std::string> there = {"alice"};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 4; ++i) {
        const std::string name = absl::StrCat("user", t, i);
        const CheckResult alice = Verify("alice", "swordfish", absl::StrCat(t));
        EXPECT_EQ(alice, CheckResult::kRight) << ToString(alice);
        ASSERT_EQ(Register(name, "x", absl::StrCat(t)), RegisterResult::kRegistered);
        EXPECT_TRUE(accounts_->Has(name));
        accounts_->SetBounds(options_.bounds);
        if (i % 2 == 0) {
          EXPECT_TRUE(accounts_->Remove(name).ok());
          continue;
        }
        absl::MutexLock lock(&mu);
        there.insert(name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Names(), ::testing::ElementsAreArray(there));
  Open();
  EXPECT_THAT(Names(), ::testing::ElementsAreArray(there));
}

TEST(ToStringTest, NamesTheResults) {
  EXPECT_EQ(ToString(CheckResult::kTooManyFailures), "too many failures");
  EXPECT_EQ(ToString(RegisterResult::kRegistered), "registered");
}

}  // namespace
}  // namespace chat
