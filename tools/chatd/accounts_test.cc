// Accounts, by the real chatd: what survives a kill, what an attack costs, and where passwords are
// not.

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "sqlite3.h"
#include "tools/testing/process.h"

namespace chat {
namespace {

using net::TestClient;
using ::testing::HasSubstr;
using ::testing::Not;

using Clock = std::chrono::steady_clock;

constexpr int64_t kMiB = 1024 * 1024;
constexpr int kReadyFd = 3;

// A chatd for crp and chaton. It lets many clients in, and many register; loopback addresses are
// exempt from what counts by address.
class Chatd {
 public:
  explicit Chatd(absl::string_view more_limits = "") {
    Configure(more_limits);
    Start("crp://127.0.0.1:0", "chaton://127.0.0.1:0");
  }

  // In the place of those it has.
  void Reload(absl::string_view more_limits) {
    Configure(more_limits);
    process_->Signal(SIGHUP);
    process_->WaitForText(2, "limits and log level are reloaded");
  }
  void Kill() {
    process_->Signal(SIGKILL);
    process_->Wait();
  }
  // Where it was before.
  void Start() { Start(urls_[0], urls_[1]); }

  uint16_t crp() const { return Port(urls_[0]); }
  uint16_t chaton() const { return Port(urls_[1]); }
  testing::Process& process() { return *process_; }
  std::string data_dir() const { return directory_.path() + "/data"; }
  std::string database() const { return data_dir() + "/accounts.sqlite3"; }

  testing::Result Admin(std::vector<std::string> words, absl::string_view input = "") const {
    words.insert(words.begin(), {testing::Runfile("tools/chat-admin/chat-admin"), "-a", admin()});
    return testing::RunProcess(std::move(words), input);
  }

  // Memory in bytes, from /proc: "VmRSS", what it has now, or "VmHWM", the most it had.
  int64_t Memory(absl::string_view what) const {
    std::ifstream status(absl::StrCat("/proc/", process_->pid(), "/status"));
    for (std::string line; std::getline(status, line);) {
      if (!absl::StartsWith(line, what)) continue;
      const std::vector<std::string> words =
          absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
      int64_t kib = 0;
      EXPECT_TRUE(absl::SimpleAtoi(words[1], &kib)) << line;
      return kib * 1024;
    }
    ADD_FAILURE() << "no " << what;
    return 0;
  }

 private:
  std::string admin() const { return absl::StrCat("unix:", directory_.path(), "/admin.sock"); }

  void Configure(absl::string_view more_limits) {
    config_ = directory_.Write(
        "chatd.textproto",
        absl::StrCat("log_level: 'debug' limits { registrations: 'unlimited' unauthenticated: "
                     "'20000' unauthenticated_random_from: '20000' login: '1h' ",
                     more_limits, "}"));
  }

  void Start(const std::string& crp, const std::string& chaton) {
    testing::ProcessOptions options;
    options.outputs = {kReadyFd};
    process_ = std::make_unique<testing::Process>(
        std::vector<std::string>{testing::Runfile("tools/chatd/chatd"), "--config", config_,
                                 "--listen", crp, "--listen", chaton, "--admin", admin(),
                                 "--data-dir", data_dir(), "--ready-fd", absl::StrCat(kReadyFd)},
        std::move(options));
    urls_ = absl::StrSplit(process_->WaitForText(kReadyFd, "\n\n"), '\n', absl::SkipEmpty());
    ASSERT_EQ(urls_.size(), 2u);
  }

  static uint16_t Port(const std::string& url) {
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(url.substr(url.rfind(':') + 1), &port)) << url;
    return static_cast<uint16_t>(port);
  }

  const testing::TempDir directory_;
  std::string config_;
  std::vector<std::string> urls_;
  std::unique_ptr<testing::Process> process_;
};

// ---- crp, by hand: document 004 ----

std::string Crp(absl::string_view start, absl::string_view user, absl::string_view password) {
  return absl::StrCat(start, "\r\nUserID=", user, "\r\nPassword=", password, "\r\n\r\n",
                      absl::string_view("\0\r\n", 3));
}

// The Status of the next message; empty if the server closes instead.
std::string NextStatus(TestClient& client) {
  std::string message;
  while (!absl::EndsWith(message, absl::string_view("\0\r\n", 3))) {
    const std::string byte = client.Receive(1);
    if (byte.empty()) return "";
    message += byte;
  }
  constexpr absl::string_view kKey = "Status=";
  const size_t at = message.find(std::string(kKey));
  if (at == std::string::npos) return "";
  return message.substr(at + kKey.size(), message.find("\r\n", at) - at - kKey.size());
}

// One client, one request.
std::string Ask(uint16_t port, const std::string& request) {
  TestClient client(port);
  client.Send(request);
  return NextStatus(client);
}

// ---- kill -9 ----

// Registers one user after the other, as many at once as it has threads, until the server is gone.
class Registrars {
 public:
  Registrars(uint16_t port, int round) {
    for (int t = 0; t < 4; ++t) {
      threads_.emplace_back([this, port, round, t] {
        TestClient client(port);
        for (int i = 0;; ++i) {
          const std::string name = absl::StrFormat("u%02d%d%04d", round, t, i);
          if (!client.Send(Crp("REG", name, "password1"))) return;
          const std::string status = NextStatus(client);
          if (status.empty()) return;
          EXPECT_EQ(status, "Successful") << name;
          absl::MutexLock lock(&mu_);
          successful_.push_back(name);
        }
      });
    }
  }
  ~Registrars() {
    for (std::thread& thread : threads_) thread.join();
  }

  // Until so many were answered, and the server is busy with the next.
  void Await(size_t count) {
    const auto enough = [&] { return successful_.size() >= count; };
    absl::MutexLock lock(&mu_);
    ASSERT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Minutes(1)));
  }
  // Once the server is gone.
  std::vector<std::string> Successful() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    absl::MutexLock lock(&mu_);
    return successful_;
  }

 private:
  absl::Mutex mu_;
  std::vector<std::string> successful_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

std::string IntegrityOf(const std::string& database) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(database.c_str(), &db), SQLITE_OK);
  std::string result;
  const auto on_row = [](void* out, int, char** values, char**) {
    absl::StrAppend(static_cast<std::string*>(out), values[0], "\n");
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA integrity_check", on_row, &result, nullptr), SQLITE_OK);
  sqlite3_close(db);
  return result;
}

TEST(AccountsTest, SurviveFiftyKills) {
  constexpr int kRounds = 50;
  Chatd chatd;
  std::mt19937 random(1);
  std::vector<std::string> successful;
  for (int round = 0; round < kRounds; ++round) {
    Registrars registrars(chatd.crp(), round);
    registrars.Await(1 + random() % 4);
    // Somewhere between two answers: while it hashes, writes, or syncs.
    const auto then = Clock::now() + std::chrono::microseconds(random() % 30'000);
    while (Clock::now() < then) std::this_thread::yield();
    chatd.Kill();
    const std::vector<std::string> more = registrars.Successful();
    successful.insert(successful.end(), more.begin(), more.end());
    ASSERT_EQ(IntegrityOf(chatd.database()), "ok\n") << "after kill " << round;
    chatd.Start();
  }
  ASSERT_GE(successful.size(), size_t{kRounds});
  for (const std::string& name : successful) {
    EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", name, "password1")), "Successful") << name;
  }
  EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", successful.front(), "password2")), "Failed");
  EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", "nobody", "password1")), "NotExist");
}

// ---- Wrong logins, many at once ----

// How long a public message of one takes to reach another, a thousand times a second.
std::vector<double> PublicMilliseconds(TestClient& from, TestClient& to, size_t at_least,
                                       const std::atomic<bool>& go_on) {
  const std::string message = net::Message("talker", "hello");
  std::vector<double> times;
  while (times.size() < at_least || go_on) {
    const auto sent = Clock::now();
    if (!from.Send(message) || !to.Expect(message) || !from.Expect(message)) break;
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - sent).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // a load, not a wait
  }
  return times;
}

double Percentile99(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times.empty() ? 0 : times[times.size() * 99 / 100];
}

struct Answers {
  std::atomic<int> failed = 0;
  std::atomic<int> turned_away = 0;  // closed, without a word about the password
};

// Signs in with a wrong password, 1,000 times at once.
void WrongLogins(uint16_t port, Answers& answers) {
  constexpr int kThreads = 20;
  constexpr int kConnections = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([port, &answers] {
      std::vector<TestClient> clients;
      for (int i = 0; i < kConnections; ++i) clients.emplace_back(port);
      for (TestClient& client : clients) client.Send(Crp("SIGN", "owner", "guess12345"));
      for (TestClient& client : clients) {
        const std::string status = NextStatus(client);
        EXPECT_TRUE(status == "Failed" || status.empty()) << status;
        ++(status.empty() ? answers.turned_away : answers.failed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Signs in with the right password until it is let in. Returns how often it was turned away.
int TriesOfTheOwner(uint16_t port) {
  const auto hang_guard = Clock::now() + std::chrono::minutes(2);
  for (int turned_away = 0; Clock::now() < hang_guard; ++turned_away) {
    const std::string status = Ask(port, Crp("SIGN", "owner", "swordfish1"));
    if (status == "Successful") return turned_away;
    EXPECT_EQ(status, "");  // busy, perhaps; never wrong
  }
  ADD_FAILURE() << "the owner was not let in";
  return 0;
}

void RaiseDescriptorLimit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(AccountsTest, AThousandWrongLoginsDisturbNobody) {
  constexpr int kWaves = 3;
  RaiseDescriptorLimit();
  Chatd chatd;
  ASSERT_EQ(Ask(chatd.crp(), Crp("REG", "owner", "swordfish1")), "Successful");
  TestClient talker(chatd.chaton());
  talker.Send(net::Login("talker"));
  talker.Expect(net::LoginAccepted());
  TestClient hearer(chatd.chaton());
  hearer.Send(net::Login("hearer"));
  hearer.Expect(net::LoginAccepted());

  std::atomic<bool> attacked = false;
  const double before = Percentile99(PublicMilliseconds(talker, hearer, 2000, attacked));
  const int64_t memory_before = chatd.Memory("VmRSS");
  attacked = true;
  Answers answers;
  std::thread attack([&] {
    for (int i = 0; i < kWaves; ++i) WrongLogins(chatd.crp(), answers);
    attacked = false;
  });
  int turned_away = 0;
  std::thread owner([&] { turned_away = TriesOfTheOwner(chatd.crp()); });
  const std::vector<double> during = PublicMilliseconds(talker, hearer, 2000, attacked);
  attack.join();
  owner.join();
  const int64_t memory_most = chatd.Memory("VmHWM");

  printf("%d times 1000 wrong logins at once: %d answered wrong, %d turned away\n", kWaves,
         answers.failed.load(), answers.turned_away.load());
  printf("the owner was let in after being turned away %d times\n", turned_away);
  printf("public messages, p99: %.3f ms before, %.3f ms during (%zu messages)\n", before,
         Percentile99(during), during.size());
  printf("memory: %.1f MiB before, %.1f MiB at most\n", static_cast<double>(memory_before) / kMiB,
         static_cast<double>(memory_most) / kMiB);
  EXPECT_EQ(answers.failed + answers.turned_away, kWaves * 1000);
  EXPECT_GT(answers.failed, 0);
  // Two hashes at once take 128 MiB.
  EXPECT_LT(memory_most - memory_before, 192 * kMiB);
}

// ---- Bounds, reached and reloaded ----

TEST(AccountsTest, KeepTheBoundsOfTheConfig) {
  Chatd chatd("exempt_loopback: false logins_per_address: '4' accounts: '2'");
  ASSERT_EQ(Ask(chatd.crp(), Crp("REG", "alice", "swordfish1")), "Successful");
  ASSERT_EQ(Ask(chatd.crp(), Crp("REG", "bobby", "swordfish1")), "Successful");
  EXPECT_EQ(Ask(chatd.crp(), Crp("REG", "carol", "swordfish1")), "Failed");
  chatd.Reload("exempt_loopback: false logins_per_address: '4'");
  EXPECT_EQ(Ask(chatd.crp(), Crp("REG", "carol", "swordfish1")), "Successful");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", "alice", "guess12345")), "Failed");
  }
  // From this address even the right one is refused now; its owner comes from another.
  EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", "alice", "swordfish1")), "Failed");
  TestClient owner(chatd.crp(), "127.0.0.2");
  owner.Send(Crp("SIGN", "alice", "swordfish1"));
  EXPECT_EQ(NextStatus(owner), "Successful");
  const std::string status = chatd.Admin({"status"}).out;
  EXPECT_THAT(status, HasSubstr("counters.refused_logins_per_address"));
  EXPECT_THAT(status, HasSubstr("counters.refused_accounts"));
  EXPECT_THAT(status, HasSubstr("counters.registrations"));
}

// ---- Where passwords are not ----

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(AccountsTest, LeaveNoPasswordAnywhere) {
  constexpr absl::string_view kSecret = "Xyzzy45";  // in all of them
  Chatd chatd;
  std::string said;
  const auto admin = [&](std::vector<std::string> words, absl::string_view input) {
    const testing::Result result = chatd.Admin(std::move(words), input);
    absl::StrAppend(&said, result.out, result.err);
    return result.exit_code;
  };
  EXPECT_EQ(admin({"accounts", "add", "alice"}, "Xyzzy45a\n"), 0);
  EXPECT_EQ(admin({"accounts", "add", "alice"}, "Xyzzy45b\n"), 69);
  EXPECT_EQ(admin({"accounts", "passwd", "alice"}, "Xyzzy45c\n"), 0);
  EXPECT_EQ(admin({"accounts", "passwd", "nobody"}, "Xyzzy45d\n"), 68);
  EXPECT_EQ(admin({"accounts", "add", "bobby", "Xyzzy45e"}, ""), 64);
  EXPECT_EQ(Ask(chatd.crp(), Crp("REG", "carol", "Xyzzy45f")), "Successful");
  EXPECT_EQ(Ask(chatd.crp(), Crp("REG", "carol", "Xyzzy45g")), "Failed");
  EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", "carol", "Xyzzy45h")), "Failed");
  EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", "carol", "Xyzzy45f")), "Successful");
  EXPECT_EQ(Ask(chatd.crp(), Crp("SIGN", "alice", "Xyzzy45c")), "Successful");
  Ask(chatd.crp(), Crp("SIGN", "nobody", "Xyzzy45 not one that crp allows"));
  EXPECT_EQ(admin({"status", "-o", "json"}, ""), 0);
  EXPECT_EQ(admin({"accounts", "list"}, ""), 0);

  const std::string arguments = ReadFile(absl::StrCat("/proc/", chatd.process().pid(), "/cmdline"));
  EXPECT_THAT(arguments, HasSubstr("chatd"));
  EXPECT_THAT(arguments, Not(HasSubstr(std::string(kSecret))));
  const auto expect_none_in_files = [&] {
    size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(chatd.data_dir())) {
      if (!entry.is_regular_file()) continue;
      ++files;
      EXPECT_FALSE(absl::StrContains(ReadFile(entry.path()), kSecret)) << entry.path();
    }
    EXPECT_GE(files, 1u);
  };
  expect_none_in_files();
  chatd.process().Signal(SIGTERM);
  EXPECT_EQ(chatd.process().Wait(), 0);
  expect_none_in_files();
  EXPECT_THAT(ReadFile(chatd.database()), HasSubstr("carol"));
  absl::StrAppend(&said, chatd.process().Stdout(), chatd.process().Stderr());
  EXPECT_THAT(said, HasSubstr("registered carol"));
  EXPECT_THAT(said, Not(HasSubstr(std::string(kSecret))));
}

}  // namespace
}  // namespace chat
