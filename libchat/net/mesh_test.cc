// Servers that merge: several in one process, and others that are played by hand, some of them
// hostile.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/net/server.h"
#include "libchat/net/test_cfp_packets.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

using cfp::MrgDcl;
using cfp::MrgReq;
using cfp::MrgRsp;
using cfp::MsgPblInc;
using cfp::MsgPrvInc;
using cfp::PckFwd;

constexpr uint32_t kLoopback = 0x7F000001;

// Lines of several I/O threads.
class LogLines {
 public:
  void Add(absl::string_view line) {
    absl::MutexLock lock(&mu_);
    lines_.emplace_back(line);
  }
  bool Has(absl::string_view part) const {
    absl::MutexLock lock(&mu_);
    for (const std::string& line : lines_) {
      if (absl::StrContains(line, part)) return true;
    }
    return false;
  }

 private:
  mutable absl::Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
};

// Speaks chaton, and takes links.
class MeshServer {
 public:
  struct Options {
    int32_t id = 1;
    uint16_t link_port = 0;
    std::vector<std::string> allowed = {"127.0.0.1"};
    bool list_self = true;
    Limits limits = TestLimits();
    uint32_t threads = 2;
    std::vector<MergeTarget> merge_with = {};
  };

  explicit MeshServer(Options options) : id_(options.id) {
    std::signal(SIGPIPE, SIG_IGN);
    ServerOptions server;
    server.dialects = AllDialects();
    server.threads = options.threads;
    server.limits = options.limits;
    server.mesh = {.server_id = options.id,
                   .allow_merge_from = options.allowed,
                   .list_self = options.list_self,
                   .merge_with = options.merge_with};
    server.log = [log = log_](LogLevel, absl::string_view line) { log->Add(line); };
    server.listeners.push_back({.dialect = FindDialect("chaton"), .options = {}});
    server.listeners.push_back(
        {.dialect = FindDialect("cfp"), .port = options.link_port, .options = {}});
    auto started = Server::Start(std::move(server));
    if (!started.ok()) {
      ADD_FAILURE() << started.status();
      return;
    }
    server_ = *std::move(started);
  }
  explicit MeshServer(int32_t id) : MeshServer(Options{.id = id}) {}

  Server* operator->() { return server_.get(); }
  void Stop() { server_.reset(); }

  int32_t id() const { return id_; }
  uint16_t port(size_t listener) { return server_->listeners()[listener].port; }
  uint16_t link_port() { return port(1); }
  Sibling At() { return {id_, kLoopback, link_port()}; }
  const LogLines& log() const { return *log_; }
  uint64_t count(Counter counter) { return server_->hub().counters().value(counter); }
  uint64_t count(Fault fault) { return server_->hub().counters().value(fault); }

  std::set<int32_t> Merged() {
    std::set<int32_t> ids;
    for (const ServerInfo& server : server_->hub().Servers()) ids.insert(server.id);
    return ids;
  }
  bool AwaitMerged(const std::set<int32_t>& ids) {
    return Await([&] { return Merged() == ids; }, absl::StrCat(ids.size(), " servers at ", id_));
  }
  // A chaton user.
  TestClient User(absl::string_view name) {
    TestClient client(port(0));
    client.Send(Login(name));
    client.Expect(LoginAccepted());
    return client;
  }
  // A cfp user.
  TestClient Guest(absl::string_view name, int receive_buffer = 0) {
    TestClient client(link_port(), "127.0.0.1", receive_buffer);
    client.Send(cfp::AuthGst(name));
    client.Expect(cfp::AuthOk());
    return client;
  }
  // Another server, played by hand, that has merged with this one. It takes links nowhere.
  TestClient Peer(int32_t id, const std::vector<Sibling>& siblings = {}) {
    TestClient peer(link_port());
    peer.Send(MrgReq(id, siblings));
    peer.Expect(MrgRsp(id_, {At()}));
    return peer;
  }

 private:
  const int32_t id_;
  const std::shared_ptr<LogLines> log_ = std::make_shared<LogLines>();
  std::unique_ptr<Server> server_;
};

// `a` merges with `b`.
void Merge(MeshServer& a, MeshServer& b) {
  const absl::Status status = a->Merge("127.0.0.1", b.link_port());
  EXPECT_TRUE(status.ok()) << status;
}

// ---- Merging ----

TEST(MeshTest, TwoServersMergeAndTheirUsersMeet) {
  MeshServer a(1), b(2);
  Merge(a, b);
  ASSERT_TRUE(a.AwaitMerged({2}));
  ASSERT_TRUE(b.AwaitMerged({1}));
  EXPECT_EQ(a->hub().Servers()[0].at, b.At());
  EXPECT_EQ(b->hub().Servers()[0].at, a.At());
  EXPECT_TRUE(a->hub().Servers()[0].opened_here);
  EXPECT_FALSE(b->hub().Servers()[0].opened_here);
  EXPECT_TRUE(Await([&] { return a.log().Has("merged with server 2"); }, "its log"));
  EXPECT_TRUE(Await([&] { return b.log().Has("merged with server 1"); }, "its log"));

  TestClient alice = a.User("alice");
  TestClient bob = b.User("bob");
  alice.Send(Message("alice", "hi"));
  alice.Expect(Message("alice", "hi"));
  bob.Expect(Message("alice@1", "hi"));
  bob.Send(Private("bob", "alice@1", "psst"));
  alice.Expect(Private("bob@2", "alice", "psst"));
  alice.Send(Private("alice", "bob@2", "yes?"));
  bob.Expect(Private("alice@1", "bob", "yes?"));
}

TEST(MeshTest, WhoeverMergesWithOneMergesWithAll) {
  MeshServer a(1), b(2), c(3);
  Merge(a, b);
  ASSERT_TRUE(b.AwaitMerged({1}));
  Merge(c, a);
  ASSERT_TRUE(a.AwaitMerged({2, 3}));
  ASSERT_TRUE(b.AwaitMerged({1, 3}));
  ASSERT_TRUE(c.AwaitMerged({1, 2}));
  TestClient alice = a.User("alice");
  TestClient bob = b.User("bob");
  TestClient carol = c.User("carol");
  bob.Send(Message("bob", "hi"));
  alice.Expect(Message("bob@2", "hi"));
  carol.Expect(Message("bob@2", "hi"));
  // Once, and not again by another way: what comes next is the next.
  bob.Send(Message("bob", "ho"));
  alice.Expect(Message("bob@2", "ho"));
  carol.Expect(Message("bob@2", "ho"));
}

TEST(MeshTest, TwoNetworksBecomeOne) {
  std::vector<std::unique_ptr<MeshServer>> servers;
  for (int32_t id = 1; id <= 6; ++id) {
    servers.push_back(std::make_unique<MeshServer>(MeshServer::Options{.id = id, .threads = 1}));
  }
  Merge(*servers[0], *servers[1]);
  Merge(*servers[2], *servers[1]);
  Merge(*servers[3], *servers[4]);
  Merge(*servers[4], *servers[5]);
  for (int i : {0, 1, 2}) {
    ASSERT_TRUE(Await([&] { return servers[i]->Merged().size() == 2; }, "three servers"));
    ASSERT_TRUE(Await([&] { return servers[3 + i]->Merged().size() == 2; }, "the other three"));
  }
  Merge(*servers[2], *servers[4]);
  std::vector<TestClient> users;
  for (auto& server : servers) {
    ASSERT_TRUE(Await([&] { return server->Merged().size() == 5; }, "all six"));
    users.push_back(server->User("user"));
  }
  for (size_t i = 0; i < users.size(); ++i) {
    users[i].Send(Message("user", "hi"));
    for (size_t j = 0; j < users.size(); ++j) {
      users[j].Expect(Message(i == j ? "user" : absl::StrCat("user@", i + 1), "hi"));
    }
  }
}

TEST(MeshTest, TenAreTheMost) {
  MeshServer a(1);
  const auto siblings = [](int count) {
    std::vector<Sibling> all;
    for (int i = 0; i < count; ++i) all.push_back({100 + i, 0x0A000000, 1});
    return all;
  };
  TestClient eleventh(a.link_port());
  eleventh.Send(MrgReq(2, siblings(9)));
  EXPECT_TRUE(eleventh.Expect(MrgDcl(1)));
  EXPECT_EQ(eleventh.AwaitEnd(), StreamEnd::kClean);
  EXPECT_TRUE(a.Merged().empty());
  a.Peer(2, siblings(8));
}

TEST(MeshTest, OneThatIsMergedIsRefused) {
  MeshServer a(1);
  TestClient peer = a.Peer(7);
  TestClient again(a.link_port());
  again.Send(MrgReq(7, {}));
  EXPECT_TRUE(again.Expect(MrgDcl(0)));
  EXPECT_EQ(again.AwaitEnd(), StreamEnd::kClean);
  peer.Send(PckFwd(1, MsgPblInc(7, "bob", "still here")));
  EXPECT_EQ(a.Merged(), (std::set<int32_t>{7}));
}

TEST(MeshTest, AnIdIsOneServers) {
  MeshServer a(1), other(1);
  TestClient peer(a.link_port());
  peer.Send(MrgReq(1, {}));
  EXPECT_TRUE(peer.Expect(MrgDcl(2)));
  Merge(a, other);
  EXPECT_TRUE(Await([&] { return a.log().Has("an id would mean two servers"); }, "the refusal"));
  EXPECT_TRUE(a.Merged().empty());
  EXPECT_TRUE(other.Merged().empty());
}

TEST(MeshTest, WhoDoesNotListItselfIsPassedOnToNobody) {
  MeshServer a(1), c(3);
  MeshServer b({.id = 2, .list_self = false});
  Merge(b, a);
  ASSERT_TRUE(a.AwaitMerged({2}));
  EXPECT_EQ(a->hub().Servers()[0].at, std::nullopt);
  TestClient peer(a.link_port());
  peer.Send(MrgReq(7, {}));
  EXPECT_TRUE(peer.Expect(MrgRsp(1, {a.At()})));
  Merge(b, c);
  ASSERT_TRUE(c.AwaitMerged({1, 2}));  // since b tells of a
}

TEST(MeshTest, AServerIsFoundByName) {
  MeshServer a(1), b(2);
  EXPECT_TRUE(a->Merge("localhost", b.link_port()).ok());
  EXPECT_TRUE(a.AwaitMerged({2}));
}

// Whoever of the two comes first, and whatever becomes of the other.
TEST(MeshTest, KeepsTheLinksThatItIsToldToKeep) {
  auto first = std::make_unique<MeshServer>(2);
  const uint16_t port = first->link_port();
  MeshServer keeper({.id = 1, .merge_with = {{"127.0.0.1", port}}});
  ASSERT_TRUE(keeper.AwaitMerged({2}));
  first->Stop();
  ASSERT_TRUE(keeper.AwaitMerged({}));
  MeshServer second({.id = 3, .link_port = port});
  EXPECT_TRUE(keeper.AwaitMerged({3}));
  EXPECT_EQ(keeper->Merge("127.0.0.1", port).code(), absl::StatusCode::kAlreadyExists);
}

TEST(MeshTest, SaysWhyItCannotMerge) {
  Limits limits = TestLimits();
  limits.merge_targets = 1;
  MeshServer a({.id = 1, .limits = limits});
  MeshServer b(2);
  const auto code = [&](absl::string_view host, uint16_t port) {
    return a->Merge(host, port).code();
  };
  EXPECT_EQ(code("", 7773), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("127.0.0.1", 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("::1", 7773), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("127.0.0.1", a.link_port()), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("127.0.0.2", 7773), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code("0.0.0.0", 7773), absl::StatusCode::kPermissionDenied);
  Merge(a, b);
  ASSERT_TRUE(a.AwaitMerged({2}));
  EXPECT_EQ(code("127.0.0.1", 1), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(a.count(Counter::kRefusedMergeTargets), 1);
  EXPECT_EQ(b->Merge("127.0.0.1", a.link_port()).code(), absl::StatusCode::kAlreadyExists);
  a->Drain();
  EXPECT_EQ(code("127.0.0.1", 1), absl::StatusCode::kFailedPrecondition);
}

TEST(MeshTest, BadOptionsAreRefused) {
  const MeshOptions kBad[] = {
      {.server_id = 0, .allow_merge_from = {}, .merge_with = {}},
      {.server_id = -5, .allow_merge_from = {}, .merge_with = {}},
      {.server_id = 1, .allow_merge_from = {"localhost"}, .merge_with = {}},
      {.server_id = 1, .allow_merge_from = {"127.0.0.1"}, .merge_with = {{"127.0.0.2", 1}}},
      {.server_id = 1, .allow_merge_from = {"127.0.0.1"}, .merge_with = {{"127.0.0.1", 0}}},
  };
  for (const MeshOptions& bad : kBad) {
    ServerOptions options;
    options.dialects = AllDialects();
    options.listeners.push_back({.dialect = FindDialect("cfp"), .options = {}});
    options.mesh = bad;
    const absl::Status status = Server::Start(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "mesh.")) << status;
  }
}

// ---- Both at once ----

TEST(MeshTest, BothAtOnceEndInOneLink) {
  for (int round = 0; round < 10; ++round) {
    MeshServer a(1), b(2);
    // One of them may be so late that the two are merged already.
    const auto merge = [](MeshServer& from, MeshServer& to) {
      const absl::Status status = from->Merge("127.0.0.1", to.link_port());
      EXPECT_TRUE(status.ok() || absl::IsAlreadyExists(status)) << status;
    };
    std::thread there([&] { merge(b, a); });
    merge(a, b);
    there.join();
    const auto one_link = [](MeshServer& server) {
      size_t links = 0;
      for (const ConnectionInfo& info : server->Connections(SessionId(), 100)) {
        links += info.state == ConnectionInfo::State::kOpen ? 1 : 0;
      }
      return links == 1 && server->connection_count() == 1 && server.Merged().size() == 1;
    };
    ASSERT_TRUE(Await([&] { return one_link(a) && one_link(b); }, "one link"));
    TestClient alice = a.User("alice");
    TestClient bob = b.User("bob");
    alice.Send(Message("alice", "hi"));
    bob.Expect(Message("alice@1", "hi"));
    bob.Send(Message("bob", "ho"));
    alice.Expect(Message("alice", "hi") + Message("bob@2", "ho"));
  }
}

// ---- The end of a link ----

TEST(MeshTest, UsersOfADeadServerAreGoneAtOnce) {
  MeshServer a(1), b(2);
  Merge(a, b);
  ASSERT_TRUE(a.AwaitMerged({2}));
  TestClient alice = a.Guest("alice");
  alice.Send(cfp::MsgPrv(2, "nobody", "hi"));
  alice.Expect(cfp::Error("alice", 1));
  b.Stop();
  ASSERT_TRUE(a.AwaitMerged({}));
  alice.Send(cfp::MsgPrv(2, "bob", "hi"));
  alice.Expect(cfp::Error("alice", 0));
  EXPECT_TRUE(Await([&] { return a.log().Has("separated from server 2"); }, "its log"));
}

TEST(MeshTest, WhoOpenedABrokenLinkOpensItAgain) {
  MeshServer a(1);
  auto b = std::make_unique<MeshServer>(2);
  const uint16_t port = b->link_port();
  Merge(a, *b);
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(a.AwaitMerged({2}));
    b.reset();
    ASSERT_TRUE(a.AwaitMerged({}));
    b = std::make_unique<MeshServer>(MeshServer::Options{.id = 2, .link_port = port});
  }
  ASSERT_TRUE(a.AwaitMerged({2}));
  ASSERT_TRUE(b->AwaitMerged({1}));
}

TEST(MeshTest, ATargetIsTriedUntilItIsThere) {
  uint16_t port = 0;
  { port = TestListener().port(); }
  MeshServer a(1);
  EXPECT_TRUE(a->Merge("127.0.0.1", port).ok());
  ASSERT_TRUE(Await([&] { return a.log().Has("cannot merge with 127.0.0.1"); }, "the complaint"));
  MeshServer b({.id = 2, .link_port = port});
  EXPECT_TRUE(a.AwaitMerged({2}));
}

// Its old link is not seen to be dead yet.
TEST(MeshTest, ATargetThatSaysMergedAlreadyIsTriedAgain) {
  TestListener there;
  MeshServer a(1);
  EXPECT_TRUE(a->Merge("127.0.0.1", there.port()).ok());
  TestClient first = there.Accept();
  first.Expect(MrgReq(1, {a.At()}));
  first.Send(MrgDcl(0));
  EXPECT_EQ(first.AwaitEnd(), StreamEnd::kClean);
  TestClient second = there.Accept();
  second.Expect(MrgReq(1, {a.At()}));
  second.Send(MrgRsp(2, {}));
  EXPECT_TRUE(a.AwaitMerged({2}));
}

TEST(MeshTest, ATargetThatDoesNotAnswerIsGivenUpInTime) {
  Limits limits = TestLimits();
  limits.login = absl::Milliseconds(50);
  TestListener there;
  MeshServer a({.id = 1, .limits = limits});
  EXPECT_TRUE(a->Merge("127.0.0.1", there.port()).ok());
  for (int round = 0; round < 2; ++round) {
    TestClient silent = there.Accept();
    silent.Expect(MrgReq(1, {a.At()}));
    EXPECT_EQ(silent.AwaitEnd(), StreamEnd::kClean);
  }
  EXPECT_EQ(a.count(Counter::kCutLogin), 2);
}

TEST(MeshTest, DrainingEndsLinks) {
  MeshServer a(1), b(2);
  Merge(a, b);
  ASSERT_TRUE(b.AwaitMerged({1}));
  TestClient bob = b.User("bob");
  TestClient alice = a.User("alice");
  alice.Send(Message("alice", "last words"));
  alice.Expect(Message("alice", "last words"));
  a->Drain();
  bob.Expect(Message("alice@1", "last words"));
  EXPECT_TRUE(b.AwaitMerged({}));
}

// ---- Who may ----

TEST(MeshTest, WhoIsNotAllowedGetsNoAnswer) {
  for (const std::vector<std::string>& allowed :
       std::vector<std::vector<std::string>>{{}, {"10.0.0.0/8", "127.0.0.2"}}) {
    MeshServer a({.id = 1, .allowed = allowed});
    TestClient peer(a.link_port());
    peer.Send(MrgReq(7, {}) + PckFwd(1, MsgPblInc(7, "bob", "hi")));
    StreamEnd end;
    EXPECT_EQ(peer.ReceiveAll(&end), "");
    EXPECT_EQ(end, StreamEnd::kClean);
    EXPECT_EQ(a.count(Counter::kRefusedMerges), 1);
    EXPECT_TRUE(a.log().Has("refused to merge with server 7"));
    EXPECT_TRUE(a.Merged().empty());
  }
}

TEST(MeshTest, OnlyAllowedSiblingsAreConnectedTo) {
  TestListener sibling;
  MeshServer a(1);
  TestClient peer = a.Peer(7, {{10, 0, 1},
                               {11, 0xFFFFFFFF, 1},
                               {12, 0xE0000001, 1},
                               {13, 0xA9FE0101, 1},
                               {14, 0x7F000002, sibling.port()},
                               {15, 0x0A000001, 1},
                               {16, kLoopback, sibling.port()}});
  TestClient asked = sibling.Accept();
  asked.Expect(MrgReq(1, {a.At()}));
  EXPECT_TRUE(Await([&] { return a.count(Counter::kRefusedMerges) == 6; }, "six refusals"));
  asked.Send(MrgRsp(16, {}));
  EXPECT_TRUE(a.AwaitMerged({7, 16}));
}

// ---- Hostile peers ----

// What a hostile peer does harms nobody: its link goes on, and bob's next message comes at once.
class HostilePeerTest : public ::testing::Test {
 protected:
  HostilePeerTest() : server_(1), alice_(server_.User("alice")), peer_(server_.Peer(7)) {}

  void ExpectIgnored(absl::string_view bytes, Fault fault) {
    const uint64_t before = server_.count(fault);
    peer_.Send(absl::StrCat(bytes, PckFwd(1, MsgPblInc(7, "bob", "next"))));
    EXPECT_TRUE(alice_.Expect(Message("bob@7", "next")));
    EXPECT_GT(server_.count(fault), before);
    EXPECT_TRUE(server_.Merged().contains(7));
  }

  MeshServer server_;
  TestClient alice_;
  TestClient peer_;
};

TEST_F(HostilePeerTest, ForgedOrigins) {
  TestClient other = server_.Peer(8);
  for (int32_t origin : {0, 1, 8, 9, -1}) {
    ExpectIgnored(PckFwd(1, MsgPblInc(origin, "bob", "forged")), Fault::kSpoofedSender);
    ExpectIgnored(PckFwd(1, MsgPrvInc(origin, "bob", "alice", "forged")), Fault::kSpoofedSender);
  }
  EXPECT_FALSE(other.Readable());
}

TEST_F(HostilePeerTest, ForwardedForwards) {
  ExpectIgnored(PckFwd(1, PckFwd(1, MsgPblInc(7, "bob", "nested"))), Fault::kMalformed);
}

TEST_F(HostilePeerTest, ForwardsForOthers) {
  TestClient other = server_.Peer(8);
  ExpectIgnored(PckFwd(8, MsgPblInc(7, "bob", "for 8")), Fault::kUnexpected);
  EXPECT_FALSE(other.Readable());
}

TEST_F(HostilePeerTest, AnswersWithoutQuestions) {
  ExpectIgnored(MrgRsp(8, {}), Fault::kUnexpected);
  ExpectIgnored(MrgDcl(0), Fault::kUnexpected);
  ExpectIgnored(MrgReq(8, {}), Fault::kUnexpected);
  ExpectIgnored(cfp::AuthGst("bob"), Fault::kUnexpected);
}

TEST_F(HostilePeerTest, SiblingCounts) {
  for (uint32_t count : {0xFFFFFFFFu, 0x80000000u, 1001u, 10'000u}) {
    TestClient liar(server_.link_port());
    liar.Send(Op(0xA0) + cfp::Id(9) + Int(count));
    StreamEnd end;
    EXPECT_EQ(liar.ReceiveAll(&end), "");
    EXPECT_EQ(end, StreamEnd::kClean);
  }
  EXPECT_EQ(server_.Merged(), (std::set<int32_t>{7}));
}

// Of an answer, too.
TEST_F(HostilePeerTest, AnswersThatLie) {
  TestListener liars;
  EXPECT_TRUE(server_->Merge("127.0.0.1", liars.port()).ok());
  for (const std::string& answer :
       {Op(0xA1) + cfp::Id(9) + Int(0xFFFFFFFF), MrgRsp(-9, {}), MrgRsp(7, {})}) {
    TestClient liar = liars.Accept();
    liar.Expect(MrgReq(1, {server_.At()}));
    liar.Send(answer);
    EXPECT_EQ(liar.AwaitEnd(), StreamEnd::kClean);
  }
  TestClient liar = liars.Accept();
  liar.Expect(MrgReq(1, {server_.At()}));
  std::vector<Sibling> many;
  for (int32_t id = 10; id < 30; ++id) many.push_back({id, kLoopback, 1});
  liar.Send(MrgRsp(9, many));
  EXPECT_EQ(liar.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(server_.Merged(), (std::set<int32_t>{7}));
  ExpectIgnored(MrgDcl(0), Fault::kUnexpected);
}

// ---- What a link is to its server ----

// The options of the socket of this process whose peer is `client`.
int OptionOfPeerOf(const TestClient& client, int level, int name) {
  sockaddr_in own = {};
  socklen_t size = sizeof(own);
  ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &size);
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer = {};
    size = sizeof(peer);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family != AF_INET || peer.sin_port != own.sin_port) continue;
    int value = -1;
    size = sizeof(value);
    ::getsockopt(fd, level, name, &value, &size);
    return value;
  }
  return -1;
}

TEST(MeshTest, ADeadLinkIsSeenWithinTwentySeconds) {
  MeshServer a(1);
  TestClient alice = a.User("alice");
  const TestClient peer = a.Peer(7);
  EXPECT_EQ(OptionOfPeerOf(peer, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(OptionOfPeerOf(peer, IPPROTO_TCP, TCP_KEEPIDLE), 10);
  EXPECT_EQ(OptionOfPeerOf(peer, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(OptionOfPeerOf(peer, IPPROTO_TCP, TCP_KEEPCNT), 2);
  EXPECT_EQ(OptionOfPeerOf(peer, IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
  EXPECT_EQ(OptionOfPeerOf(alice, IPPROTO_TCP, TCP_USER_TIMEOUT), 120'000);
}

TEST(MeshTest, ALinkHasNoLoginDeadlineAndNoRate) {
  Limits limits = TestLimits();
  limits.messages_per_second = 1;
  limits.messages_burst = 1;
  limits.login = absl::Milliseconds(100);
  MeshServer a({.id = 1, .limits = limits});
  TestClient alice = a.User("alice");
  TestClient silent(a.link_port());
  TestClient peer = a.Peer(7);
  EXPECT_EQ(silent.AwaitEnd(), StreamEnd::kClean);
  std::string said, heard;
  for (int i = 0; i < 500; ++i) {
    said += PckFwd(1, MsgPblInc(7, "bob", "hi"));
    heard += Message("bob@7", "hi");
  }
  peer.Send(said);
  EXPECT_TRUE(alice.Expect(heard));
  EXPECT_EQ(a.count(Counter::kThrottled), 0);
}

TEST(MeshTest, ALinkMayLagAsABroadcastLogMay) {
  Limits limits = TestLimits();
  limits.private_queue = 1024;
  limits.kernel_unsent = 4096;
  MeshServer a({.id = 1, .limits = limits});
  TestClient peer = a.Peer(7);
  TestClient alice = a.User("alice");
  const std::string body(1000, 'x');
  std::string heard;
  for (int i = 0; i < 2000; ++i) {
    alice.Send(Message("alice", body));
    alice.Expect(Message("alice", body));
    heard += PckFwd(7, MsgPblInc(1, "alice", body));
  }
  EXPECT_TRUE(peer.Receive(heard.size()) == heard);
}

TEST(MeshTest, ALinkThatTakesNothingIsCut) {
  Limits limits = TestLimits();
  limits.lag = 64 * 1024;
  limits.kernel_unsent = 4096;
  MeshServer a({.id = 1, .limits = limits});
  TestClient peer(a.link_port(), "127.0.0.1", /*receive_buffer=*/4096);
  peer.Send(MrgReq(7, {}));
  peer.Expect(MrgRsp(1, {a.At()}));
  TestClient alice = a.User("alice");
  const std::string body(1000, 'x');
  while (a.Merged().count(7) != 0) {
    alice.Send(Message("alice", body));
    alice.Expect(Message("alice", body));
  }
  EXPECT_EQ(a.count(Counter::kCutLag) + a.count(Counter::kCutPrivateQueue), 1);
}

// By the end that opened it, which then finds out whether it is better now.
TEST(MeshTest, ALinkThatTookNothingIsOpenedAgain) {
  Limits limits = TestLimits();
  limits.lag = 64 * 1024;
  limits.kernel_unsent = 4096;
  TestListener there;
  MeshServer a({.id = 1, .limits = limits});
  EXPECT_TRUE(a->Merge("127.0.0.1", there.port()).ok());
  TestClient stuck = there.Accept();
  stuck.Send(MrgRsp(7, {}));
  ASSERT_TRUE(a.AwaitMerged({7}));
  TestClient alice = a.User("alice");
  const std::string body(1000, 'x');
  while (a.Merged().count(7) != 0) {
    alice.Send(Message("alice", body));
    alice.Expect(Message("alice", body));
  }
  TestClient again = there.Accept();
  again.Expect(MrgReq(1, {a.At()}));
  again.Send(MrgRsp(7, {}));
  ASSERT_TRUE(a.AwaitMerged({7}));
  alice.Send(Message("alice", "hi"));
  EXPECT_TRUE(again.Expect(PckFwd(7, MsgPblInc(1, "alice", "hi"))));
}

// ---- Files ----

std::string Content(int chunk) {
  std::string content(cfp::kChunk, static_cast<char>(chunk));
  content.replace(0, 4, Int(static_cast<uint32_t>(chunk)));
  return content;
}

constexpr int kChunks = 8000;

// The client of `receiver` begins to read when the server's memory is full of what it may be.
void SendSlowly(MeshServer& from, TestClient& sender, MeshServer& to, TestClient& receiver) {
  const int32_t server = to.id();
  std::thread sending([&] {
    for (int i = 0; i < kChunks; ++i) {
      sender.Send(cfp::FileChnk(server, "bob", kChunks, Content(i)));
    }
  });
  ASSERT_TRUE(Await([&] { return from.count(Counter::kFileWaits) != 0; }, "the sender's wait"));
  const int32_t origin = from.id();
  for (int i = 0; i < kChunks; ++i) {
    ASSERT_TRUE(receiver.Expect(cfp::FileChnkInc(origin, "alice", "bob", kChunks, Content(i))));
    ASSERT_LT(from->memory_bytes() + to->memory_bytes(), 4 << 20);
  }
  sending.join();
}

TEST(MeshTest, AFileIsNotHeldToTheRateOfMessages) {
  Limits limits = TestLimits();
  limits.exempt_loopback = false;
  limits.messages_per_second = 1;
  limits.messages_burst = 20;  // the logins, and what is said below
  MeshServer a({.id = 1, .limits = limits});
  TestClient alice = a.Guest("alice");
  TestClient bob = a.Guest("bob");
  for (int i = 0; i < 200; ++i) {
    alice.Send(cfp::FileChnk(1, "bob", 200, Content(i)));
    ASSERT_TRUE(bob.Expect(cfp::FileChnkInc(1, "alice", "bob", 200, Content(i))));
  }
  EXPECT_EQ(a.count(Counter::kThrottled), 0);
  for (int i = 0; i < 20; ++i) alice.Send(cfp::FileChnk(1, "nobody", 1, Content(i)));
  EXPECT_TRUE(Await([&] { return a.count(Counter::kThrottled) != 0; }, "the rate"));
}

TEST(MeshTest, ASlowReceiverSlowsTheSenderOfAFile) {
  MeshServer a(1);
  TestClient alice = a.Guest("alice");
  TestClient bob = a.Guest("bob", /*receive_buffer=*/16 * 1024);
  SendSlowly(a, alice, a, bob);
}

TEST(MeshTest, AcrossServersAsWell) {
  Limits patient = TestLimits();
  patient.file_patience = absl::Minutes(10);
  MeshServer a({.id = 1, .limits = patient}), b({.id = 2, .limits = patient});
  Merge(a, b);
  ASSERT_TRUE(b.AwaitMerged({1}));
  TestClient alice = a.Guest("alice");
  TestClient bob = b.Guest("bob", /*receive_buffer=*/16 * 1024);
  SendSlowly(a, alice, b, bob);
}

TEST(MeshTest, AStuckReceiverHoldsUpNobodyElseOnTheLink) {
  Limits limits = TestLimits();
  limits.file_patience = absl::Milliseconds(50);
  MeshServer a(1), b({.id = 2, .limits = limits});
  Merge(a, b);
  ASSERT_TRUE(b.AwaitMerged({1}));
  TestClient alice = a.Guest("alice");
  TestClient stuck = b.Guest("stuck", /*receive_buffer=*/4096);
  TestClient bob = b.User("bob");
  TestClient carol = a.User("carol");
  // Until what is too much is refused.
  std::string chunks;
  for (int i = 0; i < 64; ++i) chunks += cfp::FileChnk(2, "stuck", kChunks, Content(i));
  while (!alice.Readable()) alice.Send(chunks);
  EXPECT_TRUE(alice.Expect(cfp::Error("alice", 1)));
  EXPECT_GE(b.count(Counter::kRefusedFiles), 1);
  carol.Send(Private("carol", "bob@2", "hi"));
  EXPECT_TRUE(bob.Expect(Private("carol@1", "bob", "hi")));
}

// For each one in turn it would take longer than the hang guard.
TEST(MeshTest, ManyStuckReceiversDoNotTakeTurnsToStopALink) {
  Limits limits = TestLimits();
  limits.file_patience = absl::Seconds(4);
  limits.file_window = 4 * cfp::kChunk;
  limits.kernel_unsent = 4096;
  MeshServer a({.id = 1, .limits = limits});
  TestClient peer = a.Peer(7);
  TestClient bob = a.User("bob");
  std::vector<TestClient> stuck;
  std::string said;
  for (int i = 0; i < 20; ++i) {
    const std::string name = absl::StrCat("stuck", i);
    stuck.push_back(a.Guest(name, /*receive_buffer=*/4096));
    const std::string chunk =
        PckFwd(1, cfp::FileChnkInc(7, "alice", name, kChunks, std::string(cfp::kChunk, 'x')));
    for (int j = 0; j < 400; ++j) said += chunk;
  }
  said += PckFwd(1, MsgPblInc(7, "carol", "hi"));
  std::thread saying([&] { peer.Send(said); });
  EXPECT_TRUE(bob.Expect(Message("carol@7", "hi")));
  EXPECT_GE(a.count(Counter::kRefusedFiles), 20);
  for (TestClient& one : stuck) one.Close();
  saying.join();
}

// What is said and a file have one connection, which takes no more than its reader does. The file
// leaves room for the rest, or that would pile up until the link is cut.
TEST(MeshTest, AFileDoesNotPileUpWhatIsSaid) {
  Limits limits = TestLimits();
  limits.file_window = 64 * 1024;
  limits.lag = 256 * 1024;
  limits.kernel_unsent = 4096;
  MeshServer a({.id = 1, .limits = limits});
  TestClient peer(a.link_port(), "127.0.0.1", /*receive_buffer=*/4096);
  peer.Send(MrgReq(7, {}));
  peer.Expect(MrgRsp(1, {a.At()}));
  TestClient alice = a.Guest("alice");
  std::atomic<bool> sending = true;
  std::thread file([&] {
    while (sending) alice.Send(cfp::FileChnk(7, "bob", kChunks, Content(0)));
  });
  ASSERT_TRUE(Await([&] { return a.count(Counter::kFileWaits) != 0; }, "the sender's wait"));
  TestClient carol = a.User("carol");
  const std::string body(1000, 'x');
  for (int i = 0; i < 1000; ++i) {
    carol.Send(Private("carol", "bob@7", body));
    EXPECT_EQ(peer.Receive(4 * body.size()).size(), 4 * body.size());
    if (HasFailure()) break;
  }
  EXPECT_EQ(a.Merged(), (std::set<int32_t>{7}));
  sending = false;
  peer.Close();
  file.join();
}

TEST(MeshTest, AReceiverThatLeavesSetsItsSenderFree) {
  MeshServer a(1);
  TestClient alice = a.Guest("alice");
  TestClient bob = a.Guest("bob", /*receive_buffer=*/4096);
  std::thread sending([&] {
    for (int i = 0; i < kChunks; ++i) {
      alice.Send(cfp::FileChnk(1, "bob", kChunks, Content(i)));
    }
  });
  ASSERT_TRUE(Await([&] { return a.count(Counter::kFileWaits) != 0; }, "the sender's wait"));
  bob.Close();
  EXPECT_TRUE(alice.Expect(cfp::Error("alice", 1)));
  sending.join();
}

}  // namespace
}  // namespace chat::net
