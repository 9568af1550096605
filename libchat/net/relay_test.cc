// Private connections over real sockets. Clients are dealt to the shards in turn, so with two
// threads the halves of a tunnel live on different ones, and one of them moves.

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "libchat/dialect/dialect.h"
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

// As a server that refuses an upload: it answers without having read all, and leaves. The relay
// meets that when it writes, while the answer is still to be read.
TEST_P(RelayTest, WhatWasSaidInsteadOfReadingArrives) {
  // So little leaves the kernel of its sender at once: a reset does not overtake it there.
  const std::string answer(1000, 'a');
  for (int i = 0; i < 5; ++i) {
    TestTunnel tunnel = Open();
    SendUntilStopped(tunnel.first);
    ASSERT_TRUE(tunnel.second.Send(answer));
    tunnel.second.Close();  // with so much unread that is a reset
    StreamEnd end;
    EXPECT_EQ(tunnel.first.ReceiveAll(&end), answer);
    EXPECT_EQ(end, StreamEnd::kReset);
  }
  ExpectNoTunnels();
}

// The same, where it had read all, and it is the first side that reads late.
TEST_P(RelayTest, WhatWasSaidBeforeAResetArrives) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  std::string said;
  FillBlock(7, said);
  said.resize(said.size() / 2);
  TestClient first(server_.port());
  first.Send(PresentId(connect_id));
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  TestClient second(server_.port(), "127.0.0.1", /*receive_buffer=*/4096);
  second.Send(PresentId(connect_id));
  ASSERT_TRUE(first.Expect(Established()));
  first.Send(said);
  Await([&] { return server_->hub().Tunnels(0, 1).at(0).bytes_from_first == said.size(); },
        "all bytes on their way");
  first.Reset();
  StreamEnd end;
  EXPECT_TRUE(second.ReceiveAll(&end) == Established() + said);
  EXPECT_EQ(end, StreamEnd::kReset);
  ExpectNoTunnels();
}

// Both streams have ended, and the server has closed its sockets, before one side reads.
TEST_P(RelayTest, WhatIsOnItsWayWhenBothHaveEndedArrives) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  std::string said;
  FillBlock(9, said);
  said.resize(said.size() / 2);
  TestClient first(server_.port());
  first.Send(PresentId(connect_id) + said);
  first.HalfClose();
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  TestClient second(server_.port(), "127.0.0.1", /*receive_buffer=*/4096);
  second.Send(PresentId(connect_id));
  second.HalfClose();
  ExpectNoTunnels();
  server_.Stop();
  StreamEnd end;
  EXPECT_TRUE(second.ReceiveAll(&end) == Established() + said);
  EXPECT_EQ(end, StreamEnd::kClean);
  EXPECT_EQ(first.ReceiveAll(&end), Established());
  EXPECT_EQ(end, StreamEnd::kClean);
}

// ---- The end of the server ----

TEST_P(RelayTest, AServerThatEndsResetsWhatHasNotEnded) {
  TestTunnel open = Open();
  open.first.Send("some of it");
  EXPECT_TRUE(open.second.Expect("some of it"));
  TestTunnel half = Open();
  half.first.Send("all of it");
  half.first.HalfClose();
  StreamEnd end;
  EXPECT_EQ(half.second.ReceiveAll(&end), "all of it");
  EXPECT_EQ(end, StreamEnd::kClean);
  half.second.Send("some of the answer");
  EXPECT_TRUE(half.first.Expect("some of the answer"));

  server_.Stop();
  EXPECT_EQ(open.first.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(open.second.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(half.first.AwaitEnd(), StreamEnd::kReset);
}

class BriefDrainTest : public RelayTest {
 protected:
  BriefDrainTest() : RelayTest(Brief()) {}

 private:
  static Limits Brief() {
    Limits limits = TestLimits();
    limits.drain_relays = absl::Seconds(1);
    return limits;
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, BriefDrainTest, ::testing::Values(1, 2));

// However busy they are.
TEST_P(BriefDrainTest, WhatHasNotEndedInTimeIsReset) {
  TestTunnel idle = Open();
  TestTunnel busy = Open();
  TestTunnel half = Open();
  half.second.HalfClose();
  EXPECT_EQ(half.first.AwaitEnd(), StreamEnd::kClean);
  server_->Drain();
  Await(
      [&] {
        busy.first.SendSome("x");
        return idle.first.Readable();
      },
      "the end");
  EXPECT_EQ(idle.first.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(idle.second.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(busy.second.AwaitEnd(), StreamEnd::kReset);  // the first may have met it when it sent
  EXPECT_EQ(half.second.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(server_.count(Counter::kRelaysCut), 3);
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
    limits.relay_close = absl::Seconds(1);
    return limits;
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, BriefRelayTest, ::testing::Values(1, 2));

TEST_P(BriefRelayTest, WhatIsStillOpenAfterItsTimeIsReset) {
  TestTunnel tunnel = Open();
  bob_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
  EXPECT_TRUE(alice_.Expect(RelayClosing("bob")));
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kReset);
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kReset);
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
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kReset);
}

// Nothing is expected to happen, so time has to pass.
TEST_P(BriefRelayTest, ATunnelThatIsStillUsedIsNotClosed) {
  TestTunnel tunnel = Open();
  bob_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
  EXPECT_TRUE(alice_.Expect(RelayClosing("bob")));
  const absl::Time end = absl::Now() + absl::Milliseconds(2500);
  // One direction is enough.
  while (absl::Now() < end) {
    ASSERT_TRUE(tunnel.first.Send("x"));
    ASSERT_TRUE(tunnel.second.Expect("x"));
  }
  tunnel.first.HalfClose();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  tunnel.second.Close();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  EXPECT_EQ(server_.count(Counter::kRelaysCut), 0);
}

TEST_P(RelayTest, AnEndThatIsAskedForBeforeBothHalvesHaveComeFreesThePlace) {
  const uint32_t connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
  TestClient half(server_.port());
  half.Send(PresentId(connect_id));
  ASSERT_TRUE(server_.AwaitIn(State::kWaitingForPeer, 1));
  alice_.Send(CloseRelay(connect_id, "alice", "bob"));
  EXPECT_TRUE(bob_.Expect(RelayClosing("alice")));
  EXPECT_EQ(half.AwaitEnd(), StreamEnd::kClean);
  half.Close();
  ExpectNoTunnels();
}

// ---- Ends that are announced: where a LONG has 8 bytes ----

std::string PresentLongId(uint32_t connect_id) { return Op(9) + Int(0) + Int(connect_id); }

class AnnouncedEndTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void Start(absl::Duration relay_notice) {
    Limits limits = TestLimits();
    limits.relay_notice = relay_notice;
    server_.emplace(limits, GetParam(), std::vector<const Dialect*>(), nullptr,
                    /*long_bytes_8=*/true);
    alice_ = server_->LoggedIn("alice");
    bob_ = server_->LoggedIn("bob");
  }
  TestTunnel Open() {
    TestTunnel tunnel;
    tunnel.connect_id = AgreeOnRelay(alice_, "alice", bob_, "bob");
    for (TestClient* half : {&tunnel.first, &tunnel.second}) {
      *half = TestClient(server_->port(1));
      half->Send(PresentLongId(tunnel.connect_id));
      if (half == &tunnel.first) server_->AwaitIn(State::kWaitingForPeer, 1);
    }
    tunnel.first.Expect(Established());
    tunnel.second.Expect(Established());
    return tunnel;
  }
  // Gives the server time to do what it must not do.
  void SomeRounds() {
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(alice_.Send(Message("alice", "round")));
      ASSERT_TRUE(alice_.Expect(Message("alice", "round")));
      ASSERT_TRUE(bob_.Expect(Message("alice", "round")));
    }
  }

  std::optional<TestServer> server_;
  TestClient alice_;
  TestClient bob_;
};

INSTANTIATE_TEST_SUITE_P(Threads, AnnouncedEndTest, ::testing::Values(1, 2));

// The programs that exist end their half and announce it right behind that, and those at the other
// end do not survive it the other way round.
TEST_P(AnnouncedEndTest, TheAnnouncementComesFirst) {
  Start(absl::InfiniteDuration());
  for (int i = 0; i < 20; ++i) {
    TestTunnel tunnel = Open();
    tunnel.first.Send("last words");
    tunnel.first.Close();
    EXPECT_TRUE(tunnel.second.Expect("last words"));  // they do not wait
    if (i == 0) {
      SomeRounds();
      EXPECT_FALSE(tunnel.second.Readable());
    }
    alice_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
    EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
    EXPECT_TRUE(bob_.Readable());
    EXPECT_TRUE(bob_.Expect(RelayClosing("alice")));
    tunnel.second.Close();
  }
  EXPECT_TRUE(server_->AwaitConnections(2));
}

TEST_P(AnnouncedEndTest, AnEndThatWasAnnouncedBeforeIsPassedOnAtOnce) {
  Start(absl::InfiniteDuration());
  TestTunnel tunnel = Open();
  bob_.Send(CloseRelay(tunnel.connect_id, "alice", "bob"));
  EXPECT_TRUE(alice_.Expect(RelayClosing("bob")));
  tunnel.second.HalfClose();
  EXPECT_EQ(tunnel.first.AwaitEnd(), StreamEnd::kClean);
  tunnel.first.Send("answer");
  EXPECT_TRUE(tunnel.second.Expect("answer"));
  tunnel.first.HalfClose();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
}

TEST_P(AnnouncedEndTest, AnEndThatNobodyAnnouncesWaitsOnlySoLong) {
  Start(absl::Milliseconds(100));
  TestTunnel tunnel = Open();
  tunnel.first.HalfClose();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kClean);
  tunnel.second.Send("answer");
  tunnel.second.Close();
  StreamEnd end;
  EXPECT_EQ(tunnel.first.ReceiveAll(&end), "answer");
  EXPECT_EQ(end, StreamEnd::kClean);
  EXPECT_TRUE(server_->AwaitConnections(2));
}

TEST_P(AnnouncedEndTest, AResetNeedsNoAnnouncement) {
  Start(absl::InfiniteDuration());
  TestTunnel tunnel = Open();
  tunnel.first.Reset();
  EXPECT_EQ(tunnel.second.AwaitEnd(), StreamEnd::kReset);
}

TEST_P(AnnouncedEndTest, WhereALongHasFourBytesNothingWaits) {
  Start(absl::InfiniteDuration());
  TestTunnel tunnel = OpenTunnel(*server_, alice_, "alice", bob_, "bob");
  tunnel.first.HalfClose();
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
