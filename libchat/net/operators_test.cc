// What operators may do to a running server: look, kick, close, say, change bounds, drain.

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

using State = ConnectionInfo::State;

Text TextOf(absl::string_view bytes) { return *Text::From(bytes); }

TEST(OperatorsTest, SeesEveryConnectionWithItsState) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  const TestTunnel tunnel = OpenTunnel(server, alice, "alice", bob, "bob");
  const uint32_t connect_id = AgreeOnRelay(alice, "alice", bob, "bob");
  TestClient half(server.port());
  half.Send(PresentId(connect_id));
  TestClient silent(server.port());
  ASSERT_TRUE(server.AwaitConnections(6));
  ASSERT_TRUE(server.AwaitIn(State::kWaitingForPeer, 1));
  EXPECT_EQ(server.CountIn(State::kOpen), 2);
  EXPECT_EQ(server.CountIn(State::kRelay), 2);
  EXPECT_EQ(server.CountIn(State::kLogin), 1);

  std::set<std::string> users;
  for (const ConnectionInfo& info : server->Connections(SessionId(), 100)) {
    EXPECT_EQ(info.dialect, "chaton");
    EXPECT_EQ(info.listener, ToUrl(server->listeners()[0]));
    EXPECT_TRUE(absl::StartsWith(info.address, "127.0.0.1:")) << info.address;
    if (!info.user.empty()) users.insert(info.user);
  }
  EXPECT_EQ(users, (std::set<std::string>{"alice", "bob"}));
}

TEST(OperatorsTest, SeesHowManyBytesAConnectionHasMoved) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  const std::string message = Message("alice", "hello");
  alice.Send(message);
  alice.Expect(message);
  const std::vector<ConnectionInfo> all = server->Connections(SessionId(), 100);
  ASSERT_EQ(all.size(), 1);
  EXPECT_EQ(all[0].bytes_in, Login("alice").size() + message.size());
  EXPECT_EQ(all[0].bytes_out, LoginAccepted().size() + message.size());
  EXPECT_EQ(all[0].lag_bytes, 0);
  EXPECT_EQ(all[0].queued_bytes, 0);
}

TEST(OperatorsTest, SeesConnectionsPageByPage) {
  TestServer server;
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(server.LoggedIn(absl::StrCat("user", i)));
  std::set<std::string> users;
  SessionId after;
  for (;;) {
    const std::vector<ConnectionInfo> page = server->Connections(after, 3);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3);
    for (const ConnectionInfo& info : page) {
      EXPECT_LT(after, info.session);
      after = info.session;
      EXPECT_TRUE(users.insert(info.user).second) << info.user;
    }
  }
  EXPECT_EQ(users.size(), 10);
}

TEST(OperatorsTest, KickEndsAUsersConnectionAndTunnels) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  TestTunnel tunnel = OpenTunnel(server, alice, "alice", bob, "bob");
  const uint32_t connect_id = AgreeOnRelay(alice, "alice", bob, "bob");
  TestClient half(server.port());
  half.Send(PresentId(connect_id));
  ASSERT_TRUE(server.AwaitIn(State::kWaitingForPeer, 1));

  EXPECT_TRUE(server->Kick("alice").ok());
  EXPECT_EQ(alice.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(half.AwaitEnd(), StreamEnd::kClean);
  EXPECT_TRUE(server.AwaitCount(Counter::kRelaysCut, 2));
  EXPECT_EQ(server.count(Counter::kCutKicked), 1);
  EXPECT_EQ(server->hub().tunnel_count(), 0);
  TestClient again = server.LoggedIn("alice");
  bob.Send(Message("bob", "hello"));
  EXPECT_TRUE(again.Expect(Message("bob", "hello")));
}

TEST(OperatorsTest, KickOfNobodySaysSo) {
  TestServer server;
  EXPECT_EQ(server->Kick("nobody").code(), absl::StatusCode::kNotFound);
}

TEST(OperatorsTest, CloseTunnelEndsThatOneAlone) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  TestTunnel one = OpenTunnel(server, alice, "alice", bob, "bob");
  const uint64_t id = server->hub().Tunnels(0, 1)[0].id;
  TestTunnel two = OpenTunnel(server, alice, "alice", bob, "bob");

  EXPECT_TRUE(server->CloseTunnel(id).ok());
  EXPECT_EQ(one.first.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(one.second.AwaitEnd(), StreamEnd::kReset);
  two.first.Send("hello");
  EXPECT_TRUE(two.second.Expect("hello"));
  EXPECT_TRUE(Await([&] { return !server->CloseTunnel(id).ok(); }, "that it is gone"));
  EXPECT_EQ(server->CloseTunnel(id).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(server.count(Counter::kRelaysCut), 1);
}

TEST(OperatorsTest, WhatTheServerSaysReachesEverybody) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  server->hub().Say(TextOf("the coffee is ready"));
  EXPECT_TRUE(alice.Expect(Message("server", "the coffee is ready")));
  EXPECT_TRUE(bob.Expect(Message("server", "the coffee is ready")));
  TestClient impostor(server.port());
  impostor.Send(Login("server"));
  EXPECT_TRUE(impostor.Expect(LoginRefused()));
}

TEST(OperatorsTest, NewBoundsHoldForWhatComesNext) {
  Limits limits = TestLimits();
  TestServer server(limits);
  TestClient alice = server.LoggedIn("alice");
  limits.connections_per_address = 1;
  server->SetLimits(limits);
  TestClient refused(server.port());
  EXPECT_NE(refused.AwaitEnd(), StreamEnd::kNone);
  EXPECT_EQ(server.count(Counter::kRefusedConnectionsPerAddress), 1);
  alice.Send(Message("alice", "hello"));
  EXPECT_TRUE(alice.Expect(Message("alice", "hello")));
}

TEST(OperatorsTest, ADialectThatIsNotServedIsAnError) {
  ServerOptions options;
  options.log = [](LogLevel, absl::string_view) {};
  TestServer other;
  options.listeners = other->listeners();  // but no dialects
  EXPECT_EQ(Server::Start(std::move(options)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(OperatorsTest, AnAddressInUseIsAnErrorThatNamesIt) {
  TestServer other;
  ServerOptions options;
  options.log = [](LogLevel, absl::string_view) {};
  options.listeners = other->listeners();
  options.dialects = {options.listeners[0].dialect};
  const absl::Status status = Server::Start(std::move(options)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(status.message(), ToUrl(other->listeners()[0]))) << status;
}

// ---- Drain ----

TEST(OperatorsTest, DrainSendsWhatIsDueAndEndsCleanly) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob", "127.0.0.1", 4096);
  const std::string message = Message("alice", std::string(1000, 'x'));
  std::string said;
  for (int i = 0; i < 500; ++i) said += message;
  alice.Send(said);
  alice.Expect(said);
  server->Drain();
  EXPECT_TRUE(server->draining());
  StreamEnd end;
  EXPECT_EQ(bob.ReceiveAll(&end).size(), said.size());
  EXPECT_EQ(end, StreamEnd::kClean);
  EXPECT_EQ(alice.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(server.count(Counter::kCutShutdown), 2);
  alice.Close();
  bob.Close();
  server->Drain();  // once more changes nothing
  server->AwaitDrained();
  EXPECT_EQ(server->connection_count(), 0);
}

TEST(OperatorsTest, DrainLetsNobodyInAndTunnelsGoOn) {
  TestServer server;
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  TestTunnel tunnel = OpenTunnel(server, alice, "alice", bob, "bob");
  server->Drain();
  EXPECT_EQ(alice.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(bob.AwaitEnd(), StreamEnd::kClean);
  tunnel.first.Send("to the");
  EXPECT_TRUE(tunnel.second.Expect("to the"));
  tunnel.second.Send("end");
  EXPECT_TRUE(tunnel.first.Expect("end"));
  tunnel.first.HalfClose();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  tunnel.second.Close();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  alice.Close();
  bob.Close();
  server->AwaitDrained();
  EXPECT_EQ(server->connection_count(), 0);
  EXPECT_EQ(server.count(Counter::kRelaysCut), 0);
}

TEST(OperatorsTest, ADrainHasItsTime) {
  Limits limits = TestLimits();
  limits.drain = absl::Milliseconds(100);
  limits.drain_relays = absl::Milliseconds(100);
  TestServer server(limits);
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  TestClient stuck = server.LoggedIn("stuck", "127.0.0.1", 4096);
  const TestTunnel tunnel = OpenTunnel(server, alice, "alice", bob, "bob");
  std::string said;
  for (int i = 0; i < 1000; ++i) said += Message("alice", std::string(1000, 'x'));
  alice.Send(said);
  alice.Expect(said);  // so `stuck` has more to read than the kernel holds
  server->Drain();
  server->AwaitDrained();
  EXPECT_TRUE(server.AwaitConnections(0));
  EXPECT_EQ(server.count(Counter::kRelaysCut), 1);
}

}  // namespace
}  // namespace chat::net
