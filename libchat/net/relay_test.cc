// Private connections over real sockets. Clients are dealt to the shards in turn, so with two
// threads the halves of a tunnel live on different ones, and one of them moves.

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

using State = ConnectionInfo::State;

// The sanitizers make it many times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kLongBlocks = 64;
#else
constexpr size_t kLongBlocks = 1024;
#endif
constexpr size_t kBlock = 1 << 20;

// Block `number` of a stream that repeats itself nowhere.
void FillBlock(uint64_t number, std::string& block) {
  block.resize(kBlock);
  uint64_t x = number * 0x9e3779b97f4a7c15 + 1;
  for (size_t i = 0; i < kBlock; i += sizeof(x)) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    std::memcpy(&block[i], &x, sizeof(x));
  }
}

class RelayTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  explicit RelayTest(const Limits& limits = TestLimits())
      : server_(limits, GetParam()),
        alice_(server_.LoggedIn("alice")),
        bob_(server_.LoggedIn("bob")) {}

  TestTunnel Open() { return OpenTunnel(server_, alice_, "alice", bob_, "bob"); }
  void ExpectNoTunnels() {
    EXPECT_TRUE(Await([&] { return server_->hub().tunnel_count() == 0; }, "the tunnel's end"));
    EXPECT_TRUE(server_.AwaitConnections(2));
  }

  TestServer server_;
  TestClient alice_;
  TestClient bob_;
};

INSTANTIATE_TEST_SUITE_P(Threads, RelayTest, ::testing::Values(1, 2));

TEST_P(RelayTest, EveryByteGoesToTheOtherSide) {
  TestTunnel tunnel = Open();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  tunnel.first.Send(all);
  EXPECT_TRUE(tunnel.second.Expect(all));
  tunnel.second.Send(all);
  EXPECT_TRUE(tunnel.first.Expect(all));
}

TEST_P(RelayTest, AHalfCloseIsAHalfCloseOnTheOtherSide) {
  TestTunnel tunnel = Open();
  tunnel.first.Send("question");
  tunnel.first.HalfClose();
  StreamEnd end;
  EXPECT_EQ(tunnel.second.ReceiveAll(&end), "question");
  EXPECT_EQ(end, StreamEnd::kClean);

  tunnel.second.Send("answer");
  EXPECT_TRUE(tunnel.first.Expect("answer"));
  tunnel.second.HalfClose();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  ExpectNoTunnels();
}

TEST_P(RelayTest, TheSecondSideMayEndFirstToo) {
  TestTunnel tunnel = Open();
  tunnel.second.HalfClose();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  tunnel.first.Send("still");
  EXPECT_TRUE(tunnel.second.Expect("still"));
  tunnel.first.Close();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  ExpectNoTunnels();
}

TEST_P(RelayTest, AResetBecomesAReset) {
  TestTunnel tunnel = Open();
  tunnel.first.Reset();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kReset);
  tunnel = Open();
  tunnel.second.Reset();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kReset);
  ExpectNoTunnels();
}

TEST_P(RelayTest, AResetAfterAHalfCloseBecomesAReset) {
  TestTunnel tunnel = Open();
  tunnel.first.HalfClose();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  tunnel.first.Reset();
  Await([&] { return !tunnel.second.Send("x"); }, "an error");
  ExpectNoTunnels();
}

// Nobody sends: the reset itself must be noticed.
TEST_P(RelayTest, AResetAfterAHalfCloseIsNoticedAtOnce) {
  TestTunnel tunnel = Open();
  tunnel.first.HalfClose();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  tunnel.first.Reset();
  ExpectNoTunnels();
  pollfd end = {.fd = tunnel.second.fd(), .events = 0, .revents = 0};
  EXPECT_EQ(::poll(&end, 1, kHangGuardSeconds * 1000), 1);
  EXPECT_TRUE(end.revents & POLLERR) << end.revents;
}

// The second side reads late, and its kernel takes little: most of the bytes are the server's when
// the first side is gone.
TEST_P(RelayTest, WhatWasSaidBeforeAHalfCloseArrivesInSpiteOfAReset) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  std::string said;
  FillBlock(7, said);
  said.resize(said.size() / 2);
  TestClient first(server_.port());
  first.Send(PresentId(connect_id) + said);
  first.HalfClose();
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  TestClient second(server_.port(), "127.0.0.1", /*receive_buffer=*/4096);
  second.Send(PresentId(connect_id));
  Await([&] { return server_->hub().Tunnels(0, 1).at(0).bytes_from_first == said.size(); },
        "all bytes on their way");
  first.Reset();
  second.Send("x");
  StreamEnd end;
  EXPECT_TRUE(second.ReceiveAll(&end) == Established() + said);
  ExpectNoTunnels();
}

TEST_P(RelayTest, BytesRightBehindTheIdBelongToTheRelay) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  TestClient first(server_.port());
  first.Send(PresentId(connect_id) + "early");
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  TestClient second(server_.port());
  second.Send(PresentId(connect_id) + "too");
  EXPECT_TRUE(first.Expect(Established() + "too"));
  EXPECT_TRUE(second.Expect(Established() + "early"));
}

TEST_P(RelayTest, BytesBeforeTheOtherHalfBelongToTheRelay) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  TestClient first(server_.port());
  first.Send(PresentId(connect_id) + "one ");
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  first.Send("two ");
  first.Send("three");
  first.HalfClose();
  TestClient second(server_.port());
  second.Send(PresentId(connect_id));
  StreamEnd end;
  EXPECT_EQ(second.ReceiveAll(&end), Established() + "one two three");
  EXPECT_EQ(end, StreamEnd::kClean);
  second.Send("four");
  second.Close();
  EXPECT_EQ(first.ReceiveAll(&end), Established() + "four");
  EXPECT_EQ(end, StreamEnd::kClean);
  ExpectNoTunnels();
}

TEST_P(RelayTest, AHalfThatGoesBeforeTheOtherComesEndsTheTunnel) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  TestClient first(server_.port());
  first.Send(PresentId(connect_id));
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  first.Reset();
  ExpectNoTunnels();
  TestClient second(server_.port());
  second.Send(PresentId(connect_id));
  EXPECT_EQ(second.AwaitEnd(), StreamEnd::kClean);
}

TEST_P(RelayTest, AnIdIsGoodForTwoConnections) {
  TestTunnel tunnel = Open();
  TestClient third(server_.port());
  third.Send(PresentId(tunnel.connect_id));
  EXPECT_EQ(third.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(server_.count(Counter::kBadConnectIds), 1);
  tunnel.first.Send("hello");
  EXPECT_TRUE(tunnel.second.Expect("hello"));
}

TEST_P(RelayTest, ATunnelOutlivesTheConnectionsOfItsParties) {
  TestTunnel tunnel = Open();
  alice_.Close();
  bob_.Close();
  ASSERT_TRUE(server_.AwaitConnections(2));
  tunnel.first.Send("hello");
  EXPECT_TRUE(tunnel.second.Expect("hello"));
}

TEST_P(RelayTest, ShowsItsTraffic) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  TestClient first(server_.port());
  first.Send(PresentId(connect_id) + "early");
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  TestClient second(server_.port());
  second.Send(PresentId(connect_id));
  second.Expect(Established() + "early");
  second.Send("three");
  first.Expect(Established() + "three");
  first.Send("!");
  second.Expect("!");
  // A client may have the bytes before they are counted.
  Await([&] { return server_->hub().Tunnels(0, 1).at(0).bytes_from_first == 6; }, "its bytes");
  Await([&] { return server_->hub().Tunnels(0, 1).at(0).bytes_from_second == 5; }, "its bytes");

  const std::vector<TunnelInfo> tunnels = server_->hub().Tunnels(0, 10);
  ASSERT_EQ(tunnels.size(), 1);
  EXPECT_TRUE(tunnels[0].established);
  EXPECT_EQ(tunnels[0].asker, "alice");
  EXPECT_EQ(tunnels[0].target, "bob");
  std::vector<uint64_t> bytes_in;
  for (const ConnectionInfo& info : server_->Connections(SessionId(), 10)) {
    if (info.state == State::kRelay) bytes_in.push_back(info.bytes_in);
  }
  std::sort(bytes_in.begin(), bytes_in.end());
  const uint64_t id = PresentId(0).size();
  EXPECT_EQ(bytes_in, (std::vector<uint64_t>{id + 5, id + 6}));

  first.Close();
  second.Close();
  ExpectNoTunnels();
  EXPECT_EQ(server_.count(Counter::kTunnelBytes), 11);
  EXPECT_EQ(server_.count(Counter::kTunnelsEstablished), 1);
}

// What is still due to a connection when it becomes a relay's is the relay's then.
TEST_P(RelayTest, TunnelsLeaveNothingBehind) {
  for (int i = 0; i < 10; ++i) {
    Open();
    ExpectNoTunnels();
  }
  Await([&] { return server_->memory_bytes() == server_->hub().log_bytes(); }, "empty queues");
}

// ---- The end that a party asks for ----

TEST_P(RelayTest, AnEndThatIsAskedForLetsTheRelayDrain) {
  TestTunnel tunnel = Open();
  alice_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
  EXPECT_TRUE(bob_.Expect(RelayClosing("alice")));
  tunnel.first.Send("last");
  tunnel.first.HalfClose();
  StreamEnd end;
  EXPECT_EQ(tunnel.second.ReceiveAll(&end), "last");
  EXPECT_EQ(end, StreamEnd::kClean);
  tunnel.second.HalfClose();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  ExpectNoTunnels();
  EXPECT_EQ(server_.count(Counter::kRelaysCut), 0);
}

class BriefRelayTest : public RelayTest {
 protected:
  BriefRelayTest() : RelayTest(Brief()) {}

 private:
  static Limits Brief() {
    Limits limits = TestLimits();
    limits.relay_close = absl::Milliseconds(100);
    return limits;
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, BriefRelayTest, ::testing::Values(1, 2));

TEST_P(BriefRelayTest, WhatIsStillOpenAfterItsTimeIsClosed) {
  TestTunnel tunnel = Open();
  bob_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
  EXPECT_TRUE(alice_.Expect(RelayClosing("bob")));
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  ExpectNoTunnels();
  EXPECT_EQ(server_.count(Counter::kRelaysCut), 1);
}

TEST_P(BriefRelayTest, NobodyCanPutOffTheEndByAskingAgain) {
  TestTunnel tunnel = Open();
  alice_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
  Await(
      [&] {
        bob_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
        return tunnel.second.Readable();
      },
      "the end");
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
}

// ---- Much ----

TEST_P(RelayTest, CarriesALongStreamUnchanged) {
  const size_t blocks = GetParam() == 1 ? kLongBlocks / 8 : kLongBlocks;
  TestTunnel tunnel = Open();
  std::thread sender([&] {
    std::string block;
    for (size_t i = 0; i < blocks; ++i) {
      FillBlock(i, block);
      if (!tunnel.first.Send(block)) return;
    }
    tunnel.first.HalfClose();
  });
  std::string wanted;
  size_t equal = 0;
  for (; equal < blocks; ++equal) {
    FillBlock(equal, wanted);
    if (tunnel.second.Receive(kBlock) != wanted) break;
  }
  EXPECT_EQ(equal, blocks);
  // Also if it was cut short: or the sender would wait for ever.
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  sender.join();
}

TEST_P(RelayTest, TwoHundredTunnelsAtOnce) {
  constexpr size_t kTunnels = 200;
  std::vector<TestTunnel> tunnels;
  for (size_t i = 0; i < kTunnels; ++i) tunnels.push_back(Open());
  EXPECT_EQ(server_->hub().tunnel_count(), kTunnels);
  // As much as the kernel holds: nobody reads yet.
  const auto there = [](size_t i) { return std::string(64 * 1024, static_cast<char>(i)); };
  const auto back = [](size_t i) { return std::string(64 * 1024, static_cast<char>(i + 1)); };
  for (size_t i = 0; i < kTunnels; ++i) {
    ASSERT_TRUE(tunnels[i].first.Send(there(i)));
    ASSERT_TRUE(tunnels[i].second.Send(back(i)));
    tunnels[i].first.HalfClose();
  }
  for (size_t i = 0; i < kTunnels; ++i) {
    StreamEnd end;
    EXPECT_EQ(tunnels[i].second.ReceiveAll(&end), there(i));
    EXPECT_EQ(end, StreamEnd::kClean);
    tunnels[i].second.HalfClose();
    EXPECT_EQ(tunnels[i].first.ReceiveAll(&end), back(i));
    EXPECT_EQ(end, StreamEnd::kClean);
  }
  ExpectNoTunnels();
}

// Sends until nothing has gone out for a while: returns what did.
std::string SendUntilStopped(TestClient& client) {
  std::string sent;
  std::string block;
  pollfd writable = {.fd = client.fd(), .events = POLLOUT, .revents = 0};
  for (uint64_t number = 0; ::poll(&writable, 1, /*ms=*/500) > 0;) {
    if (block.empty()) FillBlock(number++, block);
    const size_t n = client.SendSome(block);
    sent.append(block, 0, n);
    block.erase(0, n);
  }
  return sent;
}

TEST_P(RelayTest, ASlowSideStopsTheOther) {
  TestTunnel tunnel = Open();
  const std::string sent = SendUntilStopped(tunnel.first);
  // What four socket buffers hold, and a pipe: however much the one would like to send.
  EXPECT_LT(sent.size(), 64 << 20);
  for (const ConnectionInfo& info : server_->Connections(SessionId(), 10)) {
    EXPECT_LE(info.queued_bytes, 1 << 20);
  }
  // The other direction is not stopped, and neither is the chat.
  tunnel.second.Send("hello");
  EXPECT_TRUE(tunnel.first.Expect("hello"));
  alice_.Send(Message("alice", "hello"));
  EXPECT_TRUE(bob_.Expect(Message("alice", "hello")));

  tunnel.first.HalfClose();
  StreamEnd end;
  EXPECT_TRUE(tunnel.second.ReceiveAll(&end) == sent);
  EXPECT_EQ(end, StreamEnd::kClean);
}

class ImpatientRelayTest : public RelayTest {
 protected:
  ImpatientRelayTest() : RelayTest(Impatient()) {}

 private:
  static Limits Impatient() {
    Limits limits = TestLimits();
    limits.user_timeout = absl::Seconds(1);
    limits.stall = absl::Seconds(1);
    return limits;
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, ImpatientRelayTest, ::testing::Values(2));

// Nothing is expected to happen, so time has to pass.
TEST_P(ImpatientRelayTest, ASideMayPauseForAsLongAsItLikes) {
  TestTunnel tunnel = Open();
  const std::string sent = SendUntilStopped(tunnel.first);
  pollfd end = {.fd = tunnel.first.fd(), .events = 0, .revents = 0};
  EXPECT_EQ(::poll(&end, 1, /*ms=*/3000), 0) << end.revents;
  tunnel.first.HalfClose();
  StreamEnd how;
  EXPECT_TRUE(tunnel.second.ReceiveAll(&how) == sent);
  EXPECT_EQ(how, StreamEnd::kClean);
}

TEST_P(RelayTest, AResetOfAStoppedSideEndsTheTunnel) {
  TestTunnel tunnel = Open();
  SendUntilStopped(tunnel.first);
  tunnel.second.Reset();
  Await([&] { return !tunnel.first.Send("x"); }, "an error");
  ExpectNoTunnels();
}

}  // namespace
}  // namespace chat::net
