// Passwords, by the server: what its clients are told, and what becomes of those who wait.

#include "libchat/accounts/accounts.h"

#include <errno.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "libchat/accounts/testing.h"
#include "libchat/dialect/dialect.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_server.h"
#include "libchat/testing/toy_dialect.h"

namespace chat::net {
namespace {

using testing::FailingCalls;
using testing::TestDirectory;

constexpr absl::string_view kFarewells[] = {"slow",       "login timeout", "kicked",
                                            "overloaded", "replaced",      "shutdown"};

// A line is a request, and is answered by a line:
//   open NAME, pass NAME PASSWORD, take NAME PASSWORD (with takeover): how the login ended
//   make NAME PASSWORD: whether there is an account now
//   say TEXT: to everyone
//   wait: blocks its I/O thread until the test lets it go on
class PasswordSession final : public ServerSession {
 public:
  PasswordSession(SessionHost& host, const std::function<void()>& wait)
      : host_(host), wait_(wait) {}

  Step OnBytes(absl::string_view in) override {
    size_t consumed = 0;
    for (size_t end; (end = in.find('\n', consumed)) != absl::string_view::npos;) {
      const absl::string_view line = in.substr(consumed, end - consumed);
      consumed = end + 1;
      if (OnLine(line) == Next::kPause) return {consumed, Next::kPause};
    }
    return {consumed, Next::kMore};
  }
  Next OnEvent(const Event& event) override {
    if (const auto* login = std::get_if<Authenticated>(&event)) {
      Say(ToString(login->result));
    } else if (const auto* made = std::get_if<Registered>(&event)) {
      Say(made->successful ? "made" : "not made");
    }
    return Next::kMore;
  }
  void OnFarewell(Farewell reason) override {
    Say(absl::StrCat("bye: ", kFarewells[static_cast<size_t>(reason)]));
  }

 private:
  void Say(absl::string_view line) { host_.Send(absl::StrCat(line, "\n")); }

  Next OnLine(absl::string_view line) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words[0] == "open") {
      Say(ToString(host_.Login(words[1])));
    } else if (words[0] == "say") {
      host_.Publish(*Text::From(words[1]));
    } else if (words[0] == "wait") {
      wait_();
    } else if (words[0] == "make") {
      host_.Register(words[1], words[2]);
      return Next::kPause;
    } else {
      host_.Authenticate(
          words[1], words[2],
          words[0] == "take" ? SessionHost::Takeover::kTakeover : SessionHost::Takeover::kNone);
      return Next::kPause;
    }
    return Next::kMore;
  }

  SessionHost& host_;
  const std::function<void()>& wait_;
};

class PasswordDialect final : public Dialect {
 public:
  // What "wait" does.
  std::function<void()> wait;

  absl::string_view name() const override { return "password"; }
  std::vector<DefaultListener> default_listeners() const override { return {{7798, {}}}; }
  absl::Status CheckOptions(const DialectOptions&) const override { return absl::OkStatus(); }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost& host) const override {
    return std::make_unique<PasswordSession>(host, wait);
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost&) const override {
    return nullptr;
  }
  ClientTraits client_traits() const override { return {.public_room = true}; }
  bool answers(RequestKind) const override { return false; }
  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    testing::ToyDialect().EncodePublic(message, out);
  }
};

class NetAccountsTest : public ::testing::Test {
 protected:
  void Start(const Limits& limits = TestLimits(), uint32_t threads = 2) {
    options_.path = directory_.Path("accounts.sqlite3");
    absl::StatusOr<std::unique_ptr<Accounts>> accounts = Accounts::Open(options_);
    ASSERT_TRUE(accounts.ok()) << accounts.status();
    accounts_ = *std::move(accounts);
    ASSERT_TRUE(accounts_->Add("alice", "swordfish").ok());
    server_ = std::make_unique<TestServer>(limits, threads, std::vector<const Dialect*>{&dialect_},
                                           accounts_.get());
  }

  TestClient Connect(const char* from = "127.0.0.1") { return TestClient(server_->port(1), from); }
  // One client, one request.
  std::string Ask(absl::string_view line, const char* from = "127.0.0.1") {
    TestClient client = Connect(from);
    client.Send(absl::StrCat(line, "\n"));
    client.HalfClose();
    StreamEnd end;
    return client.ReceiveAll(&end);
  }

  const TestDirectory directory_;
  AccountOptions options_;
  PasswordDialect dialect_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<TestServer> server_;  // ends before the accounts do
};

// Keeps the pool's only thread busy; begun by a check from the test itself.
class Hold {
 public:
  explicit Hold(Accounts& accounts) {
    absl::Notification begun;
    accounts.Verify("nobody", "x", "", [&begun, release = release_](CheckResult) {
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

// Until all checks that were asked for before are answered. For a pool of one thread.
void AwaitChecks(Accounts& accounts) {
  absl::Notification done;
  accounts.Verify("nobody", "x", "", [&](CheckResult) { done.Notify(); });
  done.WaitForNotification();
}

TEST_F(NetAccountsTest, LogsInWithTheRightPassword) {
  Start();
  TestClient alice = Connect();
  alice.Send("pass alice swordfish\nsay hello\n");
  EXPECT_TRUE(alice.Expect("accepted\nalice: hello\n"));
  EXPECT_TRUE((*server_)->hub().IsConnected("alice"));
}

TEST_F(NetAccountsTest, TellsWhatIsWrong) {
  Start();
  EXPECT_EQ(Ask("pass alice Swordfish"), "wrong password\n");
  EXPECT_EQ(Ask("pass bob swordfish"), "no account\n");
  EXPECT_EQ(server_->count(Counter::kLoginsRefused), 2u);
  EXPECT_FALSE((*server_)->hub().IsConnected("alice"));
}

TEST_F(NetAccountsTest, KeepsANameForItsAccount) {
  Start();
  EXPECT_EQ(Ask("open alice"), absl::StrCat(ToString(LoginResult::kReserved), "\n"));
  EXPECT_EQ(Ask("open bob"), "accepted\n");
}

TEST_F(NetAccountsTest, Registers) {
  Start();
  TestClient bob = Connect();
  bob.Send("make bob trout\nmake bob other\npass bob trout\n");
  EXPECT_TRUE(bob.Expect("made\nnot made\naccepted\n"));
  EXPECT_EQ(server_->count(Counter::kRegistrations), 1u);
}

TEST_F(NetAccountsTest, RegistersNoNameOfSomebodyElse) {
  Start();
  TestClient bob = Connect();
  bob.Send("open bob\n");
  bob.Expect("accepted\n");
  EXPECT_EQ(Ask("make bob trout"), "not made\n");
  EXPECT_EQ(Ask("make server trout"), "not made\n");
  EXPECT_FALSE(accounts_->Has("bob"));
  bob.Send("make bob trout\n");  // but one's own
  EXPECT_TRUE(bob.Expect("made\n"));
}

TEST_F(NetAccountsTest, TakesANameOverIfAsked) {
  Start();
  TestClient older = Connect();
  older.Send("pass alice swordfish\n");
  older.Expect("accepted\n");
  EXPECT_EQ(Ask("pass alice swordfish"), absl::StrCat(ToString(LoginResult::kTaken), "\n"));
  EXPECT_EQ(Ask("take alice Swordfish"), "wrong password\n");
  TestClient newer = Connect();
  newer.Send("take alice swordfish\nsay me\n");
  EXPECT_TRUE(newer.Expect("accepted\nalice: me\n"));
  StreamEnd end;
  EXPECT_EQ(older.ReceiveAll(&end), "bye: replaced\n");
  EXPECT_EQ(server_->count(Counter::kCutReplaced), 1u);
}

TEST_F(NetAccountsTest, HashesNothingForOneWhoIsIn) {
  Start();
  TestClient alice = Connect();
  alice.Send("pass alice swordfish\n");
  alice.Expect("accepted\n");
  const uint64_t before = accounts_->computations();
  alice.Send("pass bob trout\n");
  EXPECT_TRUE(alice.Expect(absl::StrCat(ToString(LoginResult::kAlreadyIn), "\n")));
  EXPECT_EQ(accounts_->computations(), before);
}

TEST_F(NetAccountsTest, HasNoneWithoutABase) {
  TestServer bare(TestLimits(), 2, {&dialect_});
  TestClient client(bare.port(1));
  client.Send("make bob trout\npass bob trout\nopen bob\n");
  EXPECT_TRUE(client.Expect("not made\nno account\naccepted\n"));
}

// ---- Bounds ----

TEST_F(NetAccountsTest, ClosesAfterThreeFailures) {
  Start();
  TestClient client = Connect();
  // The fourth would be right, but is not looked at any more.
  client.Send("pass alice a\npass nobody b\npass alice c\npass alice swordfish\n");
  StreamEnd end;
  EXPECT_EQ(client.ReceiveAll(&end), "wrong password\nno account\nwrong password\n");
  EXPECT_EQ(server_->count(Counter::kRefusedLoginsPerConnection), 1u);
  EXPECT_FALSE((*server_)->hub().IsConnected("alice"));
}

TEST_F(NetAccountsTest, RefusesAnAddressThatFailsTooOften) {
  options_.bounds.logins.failures = 2;
  Start();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Ask("pass alice guess", "127.0.0.3"), "wrong password\n");
  EXPECT_EQ(server_->count(Counter::kRefusedLoginsPerAddress), 0u);
  const uint64_t before = accounts_->computations();
  EXPECT_EQ(Ask("pass alice swordfish", "127.0.0.3"), "wrong password\n");
  EXPECT_EQ(accounts_->computations(), before);
  EXPECT_EQ(server_->count(Counter::kRefusedLoginsPerAddress), 1u);
  EXPECT_EQ(Ask("pass alice swordfish", "127.0.0.4"), "accepted\n");  // its owner
}

TEST_F(NetAccountsTest, IsNeverWrongOnlyBecauseItIsBusy) {
  options_.hashing_threads = 1;
  options_.bounds.hashing_queue = 1;
  Start();
  Hold hold(*accounts_);
  TestClient first = Connect();
  first.Send("make bob trout\npass alice swordfish\n");
  ASSERT_TRUE(Await([&] { return accounts_->Has("bob"); }, "a full queue"));
  EXPECT_EQ(Ask("pass alice swordfish"), "bye: overloaded\n");
  EXPECT_EQ(Ask("make cid trout"), "bye: overloaded\n");
  EXPECT_EQ(server_->count(Counter::kRefusedHashing), 2u);
  EXPECT_EQ(server_->count(Counter::kLoginsRefused), 0u);
  hold.Release();
  EXPECT_TRUE(first.Expect("made\naccepted\n"));
}

TEST_F(NetAccountsTest, BoundsRegistrations) {
  options_.bounds.registrations.per_address = 1;
  Start();
  EXPECT_EQ(Ask("make bob trout", "127.0.0.3"), "made\n");
  EXPECT_EQ(Ask("make cid trout", "127.0.0.3"), "not made\n");
  EXPECT_EQ(server_->count(Counter::kRefusedRegistrations), 1u);
  EXPECT_EQ(Ask("make cid trout", "127.0.0.4"), "made\n");
}

TEST_F(NetAccountsTest, BoundsAccounts) {
  options_.bounds.accounts = 2;
  Start();
  EXPECT_EQ(Ask("make bob trout"), "made\n");
  EXPECT_EQ(Ask("make cid trout"), "not made\n");
  EXPECT_EQ(server_->count(Counter::kRefusedAccounts), 1u);
}

TEST_F(NetAccountsTest, MakesNoAccountThatIsNotOnTheDisk) {
  Start();
  {
    const FailingCalls failing(1, FailingCalls::Extent::kOn, ENOSPC);
    EXPECT_EQ(Ask("make bob trout"), "not made\n");
    EXPECT_EQ(server_->count(Counter::kAccountErrors), 1u);
    EXPECT_EQ(Ask("pass alice swordfish"), "accepted\n");
  }
  EXPECT_EQ(Ask("make bob trout"), "made\n");
}

// ---- What happens meanwhile ----

TEST_F(NetAccountsTest, ServesOthersWhileItHashes) {
  options_.hashing_threads = 1;
  Start(TestLimits(), 1);
  Hold hold(*accounts_);
  TestClient waiting = Connect();
  waiting.Send("pass alice swordfish\n");
  TestClient bob = Connect();
  bob.Send("open bob\nsay hello\n");
  EXPECT_TRUE(bob.Expect("accepted\nbob: hello\n"));
  EXPECT_FALSE(waiting.Readable());
  hold.Release();
  EXPECT_TRUE(waiting.Expect("accepted\n"));
}

TEST_F(NetAccountsTest, KeepsTheDeadlineOfTheLogin) {
  options_.hashing_threads = 1;
  Limits limits = TestLimits();
  limits.login = absl::Milliseconds(300);
  Start(limits);
  Hold hold(*accounts_);
  EXPECT_EQ(Ask("pass alice swordfish"), "bye: login timeout\n");
  hold.Release();
  AwaitChecks(*accounts_);
  TestClient bob = Connect();  // its answer comes after what was on the way to the I/O threads
  bob.Send("open bob\n");
  bob.Expect("accepted\n");
  EXPECT_FALSE((*server_)->hub().IsConnected("alice"));
}

TEST_F(NetAccountsTest, BearsWithClientsThatGoMeanwhile) {
  options_.hashing_threads = 1;
  Start();
  {
    Hold hold(*accounts_);
    for (int i = 0; i < 20; ++i) {
      TestClient client = Connect();
      client.Send(i % 2 == 0 ? "take alice swordfish\n" : absl::StrCat("make user", i, " x\n"));
      client.Reset();
    }
  }
  EXPECT_TRUE(server_->AwaitConnections(0));
  EXPECT_FALSE((*server_)->hub().IsConnected("alice"));
}

TEST_F(NetAccountsTest, EndsWhileItHashes) {
  options_.hashing_threads = 1;
  Start();
  Hold hold(*accounts_);
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Connect());
    clients.back().Send(i % 2 == 0 ? "pass alice swordfish\n" : absl::StrCat("make u", i, " x\n"));
  }
  ASSERT_TRUE(Await([&] { return accounts_->Has("u9"); }, "the last of them"));
  server_->Stop();
  hold.Release();
  AwaitChecks(*accounts_);  // the answers of all of them led nowhere
  EXPECT_TRUE(accounts_->Has("u9"));
}

TEST_F(NetAccountsTest, LetsNobodyInWhoseAccountIsGone) {
  options_.hashing_threads = 1;
  absl::Notification waits;
  absl::Notification go_on;
  dialect_.wait = [&] {
    waits.Notify();
    go_on.WaitForNotification();
  };
  Start(TestLimits(), 1);
  auto hold = std::make_unique<Hold>(*accounts_);
  TestClient alice = Connect();
  TestClient blocker = Connect();
  alice.Send("make token x\npass alice swordfish\n");
  ASSERT_TRUE(Await([&] { return accounts_->Has("token"); }, "the I/O thread to have read"));
  hold.reset();
  alice.Expect("made\n");
  // The password is right; before the I/O thread hears of it, the account is removed.
  blocker.Send("wait\n");
  waits.WaitForNotification();
  AwaitChecks(*accounts_);
  const bool was_in = (*server_)->hub().IsConnected("alice");
  ASSERT_TRUE(accounts_->Remove("alice").ok());
  (*server_)->hub().KickAccount("alice");
  go_on.Notify();
  StreamEnd end;
  const std::string said = alice.ReceiveAll(&end);
  EXPECT_EQ(said, was_in ? "accepted\nbye: kicked\n" : "bye: kicked\n");
  EXPECT_FALSE((*server_)->hub().IsConnected("alice"));
}

TEST_F(NetAccountsTest, EndsTheUserOfARemovedAccount) {
  Start();
  TestClient alice = Connect();
  alice.Send("pass alice swordfish\n");
  alice.Expect("accepted\n");
  TestClient bob = Connect();
  bob.Send("open bob\n");
  bob.Expect("accepted\n");
  ASSERT_TRUE(accounts_->Remove("alice").ok());
  EXPECT_TRUE((*server_)->hub().KickAccount("alice"));
  StreamEnd end;
  EXPECT_EQ(alice.ReceiveAll(&end), "bye: kicked\n");
  EXPECT_FALSE((*server_)->hub().KickAccount("bob"));  // has no account
  EXPECT_EQ(Ask("open alice"), "accepted\n");
}

}  // namespace
}  // namespace chat::net
