// Clients that mean no good, against the real chatd: whatever they send, the others are served, and
// they cost little.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "tools/testing/process.h"

namespace chat {
namespace {

using net::AskRelay;
using net::Int;
using net::Login;
using net::LoginAccepted;
using net::Message;
using net::Op;
using net::PresentId;
using net::Private;
using net::Str;
using net::StreamEnd;
using net::TestClient;

using Clock = std::chrono::steady_clock;

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;

void RaiseDescriptorLimit() {
  rlimit limit;
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A chatd for all dialects to whom loopback is as any address, but for what bounds an address.
class Chatd {
 public:
  // `limits`: more of them, as in a config.
  explicit Chatd(const std::string& limits) {
    RaiseDescriptorLimit();
    const std::string config = directory_.Write(
        "chatd.textproto",
        absl::StrCat("log_level: 'error' limits { exempt_loopback: false login: '1h' "
                     "unauthenticated: '20000' unauthenticated_random_from: '20000' "
                     "unauthenticated_per_address: 'unlimited' connections_per_address: "
                     "'unlimited' new_connections_per_address_per_minute: 'unlimited' ",
                     limits, "}"));
    std::vector<std::string> argv = {testing::Runfile("tools/chatd/chatd"),
                                     "--config",
                                     config,
                                     "--admin",
                                     "unix:" + directory_.path() + "/admin.sock",
                                     "--data-dir",
                                     directory_.path() + "/data",
                                     "--ready-fd",
                                     "3"};
    for (const Dialect* dialect : AllDialects()) {
      argv.push_back(absl::StrCat("--listen=", dialect->name(), "://127.0.0.1:0"));
    }
    testing::ProcessOptions options;
    options.outputs = {3};
    process_ = std::make_unique<testing::Process>(argv, std::move(options));
    const std::vector<std::string> urls =
        absl::StrSplit(process_->WaitForText(3, "\n\n"), '\n', absl::SkipEmpty());
    EXPECT_EQ(urls.size(), AllDialects().size());
    for (size_t i = 0; i < urls.size(); ++i) {
      int port = 0;
      EXPECT_TRUE(absl::SimpleAtoi(urls[i].substr(urls[i].rfind(':') + 1), &port)) << urls[i];
      ports_.emplace(AllDialects()[i]->name(), static_cast<uint16_t>(port));
    }
  }

  uint16_t port(const std::string& dialect = "chaton") const { return ports_.at(dialect); }

  TestClient LoggedIn(absl::string_view name, int receive_buffer = 0) const {
    TestClient client(port(), "127.0.0.1", receive_buffer);
    client.Send(Login(name));
    client.Expect(LoginAccepted());
    return client;
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
      return kib * kKiB;
    }
    ADD_FAILURE() << "no " << what;
    return 0;
  }

 private:
  const testing::TempDir directory_;
  std::unique_ptr<testing::Process> process_;
  std::map<std::string, uint16_t> ports_;
};

// What it says comes back.
bool StillServed(TestClient& client, absl::string_view name) {
  const std::string message = Message(name, "still here?");
  return client.Send(message) && client.Expect(message);
}

std::string RandomBytes(std::mt19937& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(HostileTest, RandomBytesDisturbNobody) {
  const Chatd chatd("messages_per_second: 'unlimited'");
  TestClient good = chatd.LoggedIn("good");
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    TestClient hostile(chatd.port());
    if (i % 2 == 1) hostile.Send(Login(absl::StrCat("hostile", i)));
    // Half of them begin with an opcode that exists, so that they get somewhere.
    if (i % 4 < 2) hostile.Send(Op(static_cast<int>(random() % 13)));
    hostile.Send(RandomBytes(random, random() % 4096));
    if (i % 3 == 0) hostile.Reset();
    if (i % 3 == 1) {
      hostile.HalfClose();
      EXPECT_NE(hostile.AwaitEnd(), StreamEnd::kNone);
    }
  }
  good.Send(Message("good", "the last of all"));
  std::string heard;
  while (!absl::EndsWith(heard, Message("good", "the last of all"))) {
    const std::string more = good.Receive(1);
    ASSERT_FALSE(more.empty());
    heard += more;
  }
}

// ---- Every dialect, by streams that its decoders were fuzzed with ----

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const Dialect* dialect : AllDialects()) {
    const std::string directory =
        testing::Runfile(absl::StrCat("testdata/", dialect->name(), "/corpus/server"));
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      std::ifstream file(entry.path(), std::ios::binary);
      seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  return seeds;
}

class AnyDialect : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Dialect* dialect : AllDialects()) names.emplace_back(dialect->name());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, AnyDialect, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST_P(AnyDialect, MangledPacketsDisturbNobody) {
  const Chatd chatd("messages_per_second: 'unlimited'");
  TestClient good = chatd.LoggedIn("good");
  const std::vector<std::string> seeds = Seeds();
  ASSERT_GT(seeds.size(), 100u);
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    std::string stream;
    while (random() % 4 != 0) stream += seeds[random() % seeds.size()];
    for (int flips = static_cast<int>(random() % 4); flips > 0 && !stream.empty(); --flips) {
      stream[random() % stream.size()] = static_cast<char>(random());
    }
    stream.resize(stream.size() - random() % (stream.size() + 1) / 4);
    TestClient hostile(chatd.port(GetParam()));
    hostile.Send(stream);
    if (i % 3 == 0) hostile.Reset();
    if (i % 3 == 1) {
      hostile.HalfClose();
      EXPECT_NE(hostile.AwaitEnd(), StreamEnd::kNone);
    }
  }
  // Some of them may have said something to everyone.
  const std::string last = Message("good", "the last of all");
  good.Send(last);
  std::string heard;
  while (!absl::EndsWith(heard, last)) {
    const std::string more = good.Receive(1);
    ASSERT_FALSE(more.empty());
    heard += more;
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST_P(AnyDialect, EndlessPacketsCostLittle) {
  const Chatd chatd("messages_per_second: '50'");
  TestClient good = chatd.LoggedIn("good");
  ASSERT_TRUE(StillServed(good, "good"));
  const int64_t before = chatd.Memory("VmRSS");
  std::vector<TestClient> hostile;
  for (int i = 0; i < 1000; ++i) {
    hostile.emplace_back(chatd.port(GetParam()));
    // Names, texts, numbers and lines without an end, each behind every opcode in turn.
    std::string endless = absl::StrCat(std::string(1, static_cast<char>(i / 4 % 16)),
                                       std::string(128 * kKiB, "\0a\n\x7f"[i % 4]));
    hostile.back().SendSome(i % 8 < 4 ? endless : endless.substr(1));
  }
  ASSERT_TRUE(StillServed(good, "good"));
  EXPECT_LT(chatd.Memory("VmHWM") - before, 16 * kMiB);
}

#endif  // no sanitizer

enum class State { kAnonymous, kLoggedIn, kHalf, kRelay };

// Two users, and the ends of a tunnel between them that are not there yet.
struct Pair {
  explicit Pair(const Chatd& chatd) : alice(chatd.LoggedIn("alice")), bob(chatd.LoggedIn("bob")) {}

  uint32_t Agree() {
    alice.Send(AskRelay("alice", "bob"));
    bob.Expect(AskRelay("alice", "bob"));
    bob.Send(net::AcceptRelay("alice", "bob"));
    uint32_t connect_id = 0;
    for (TestClient* client : {&alice, &bob}) {
      client->Expect(net::RelayIdHead("alice", "bob"));
      connect_id = 0;
      for (const char byte : client->Receive(4)) {
        connect_id = connect_id << 8 | static_cast<unsigned char>(byte);
      }
    }
    return connect_id;
  }

  TestClient alice;
  TestClient bob;
};

class OpcodesTest : public ::testing::TestWithParam<State> {};

INSTANTIATE_TEST_SUITE_P(States, OpcodesTest,
                         ::testing::Values(State::kAnonymous, State::kLoggedIn, State::kHalf,
                                           State::kRelay));

TEST_P(OpcodesTest, EveryOpcodeHasADefinedOutcome) {
  const Chatd chatd("messages_per_second: 'unlimited'");
  Pair pair(chatd);
  for (int opcode = 0; opcode < 256; ++opcode) {
    SCOPED_TRACE(absl::StrCat("opcode ", opcode));
    const std::string packet = Op(opcode) + Str("x") + Str("y") + Str("z");
    TestClient hostile;
    TestClient other;
    const uint32_t connect_id = GetParam() >= State::kHalf ? pair.Agree() : 0;
    ASSERT_TRUE(hostile.Connect(chatd.port()));
    if (GetParam() == State::kLoggedIn) hostile.Send(Login("hostile"));
    if (GetParam() >= State::kHalf) hostile.Send(PresentId(connect_id));
    if (GetParam() == State::kRelay) {
      ASSERT_TRUE(other.Connect(chatd.port()));
      other.Send(PresentId(connect_id));
      hostile.Expect(net::Established());
      other.Expect(net::Established());
    }
    hostile.Send(packet);
    // What no packet has as its opcode ends the connection; anything else waits for more, until the
    // client ends it. In a relay there are no packets.
    const bool is_relay = GetParam() >= State::kHalf;
    if (is_relay || opcode <= 12) hostile.HalfClose();
    if (GetParam() == State::kHalf) {
      ASSERT_TRUE(other.Connect(chatd.port()));
      other.Send(PresentId(connect_id));
      other.Expect(net::Established());
    }
    if (is_relay) {
      StreamEnd end;
      EXPECT_EQ(other.ReceiveAll(&end), packet);
      EXPECT_EQ(end, StreamEnd::kClean);
      other.HalfClose();
    }
    EXPECT_NE(hostile.AwaitEnd(), StreamEnd::kNone);
  }
  EXPECT_TRUE(StillServed(pair.alice, "alice"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST(HostileTest, AThousandConnectionsCostLittle) {
  constexpr int kOfAKind = 200;
  // A burst that the talker may use up; what the others send is far beyond it.
  const Chatd chatd("messages_per_second: '50' messages_burst: '20000'");
  TestClient talker = chatd.LoggedIn("talker");
  ASSERT_TRUE(StillServed(talker, "talker"));
  const int64_t before = chatd.Memory("VmRSS");

  std::mt19937 random(2);
  std::vector<TestClient> hostile;
  const std::string flood(64 * kKiB, LoginAccepted()[0]);  // packets without effect, each a fault
  for (int i = 0; i < kOfAKind; ++i) {
    hostile.emplace_back(chatd.port());  // silent
    hostile.emplace_back(chatd.port());  // never finishes its login
    hostile.back().Send(Op(0) + Int(30) + "abc");
    hostile.emplace_back(chatd.port());  // faster than it may be
    hostile.back().SendSome(flood);
    hostile.push_back(chatd.LoggedIn(absl::StrCat("long", i)));  // announces more than it sends
    hostile.back().Send(Op(3) + Str(absl::StrCat("long", i)) + Int(60 * kKiB) +
                        RandomBytes(random, 30 * kKiB));
    hostile.push_back(chatd.LoggedIn(absl::StrCat("stuck", i), 4096));  // never reads
  }
  // Twice what anybody may lag behind.
  const std::string message = Message("talker", std::string(1000, 'x'));
  for (int i = 0; i < 8192; ++i) {
    ASSERT_TRUE(talker.Send(message));
    ASSERT_TRUE(talker.Expect(message));
  }
  const int64_t cost = chatd.Memory("VmHWM") - before;
  EXPECT_LT(cost, 16 * kMiB);
  RecordProperty("bytes", static_cast<int>(cost));
  EXPECT_TRUE(StillServed(talker, "talker"));
}

TEST(HostileTest, TenThousandIdleClientsCostLittleEach) {
  constexpr size_t kClients = 10'000;
  const Chatd chatd("messages_per_second: '50'");
  TestClient first = chatd.LoggedIn("first");
  const int64_t before = chatd.Memory("VmRSS");
  std::vector<TestClient> idle;
  idle.reserve(kClients);
  for (size_t i = 0; i < kClients; ++i) idle.push_back(chatd.LoggedIn(absl::StrCat("idle", i)));
  const int64_t each = (chatd.Memory("VmRSS") - before) / static_cast<int64_t>(kClients);
  EXPECT_LE(each, 6 * kKiB);
  RecordProperty("bytes_each", static_cast<int>(each));
  // And all of them are served.
  const std::string message = Message("first", "good morning");
  first.Send(message);
  for (TestClient& client : idle) ASSERT_TRUE(client.Expect(message));
}

#endif  // no sanitizer

TEST(HostileTest, ManyThatSendAByteAtATimeDelayNobody) {
  constexpr size_t kSlow = 500;
  constexpr size_t kRounds = 24;
  const Chatd chatd("messages_per_second: '50'");
  std::vector<TestClient> slow;
  for (size_t i = 0; i < kSlow; ++i) slow.emplace_back(chatd.port());
  const std::string login = Op(0) + Int(30) + std::string(30, 'x');
  std::vector<Clock::duration> took;
  for (size_t round = 0; round < kRounds; ++round) {
    for (TestClient& client : slow) ASSERT_TRUE(client.Send({&login[round], 1}));
    const Clock::time_point start = Clock::now();
    const TestClient good = chatd.LoggedIn(absl::StrCat("good", round));
    took.push_back(Clock::now() - start);
  }
  std::sort(took.begin(), took.end());
  // Under a millisecond where nothing else runs.
  EXPECT_LT(took[kRounds / 2], std::chrono::milliseconds(100));
}

}  // namespace
}  // namespace chat
