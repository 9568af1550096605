#include "libchat/net/door.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "asio/ip/address.hpp"
#include "gtest/gtest.h"
#include "libchat/hub/counters.h"
#include "libchat/hub/limits.h"

namespace chat::net {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(1000);

// No bound but those that a test sets.
Limits Unbounded() {
  Limits limits;
  limits.connections = kUnlimited;
  limits.connections_per_address = kUnlimited;
  limits.unauthenticated = kUnlimited;
  limits.unauthenticated_per_address = kUnlimited;
  limits.unauthenticated_random_from = kUnlimited;
  limits.new_connections_per_address_per_minute = kUnlimited;
  return limits;
}

// What a caller of Admit learns: a pass, or the bound.
struct Answer {
  std::optional<Door::Pass> pass;
  Counter refused = Counter::kLast;
};

Answer Knock(Door& door, const std::string& address, absl::Time now = kStart, double chance = 0.5) {
  Answer answer;
  answer.pass = door.Admit(asio::ip::make_address(address), now, chance, &answer.refused);
  return answer;
}

std::string Counted(const std::string& address, bool exempt_loopback = true) {
  return CountedAs(asio::ip::make_address(address), exempt_loopback);
}

TEST(CountedAsTest, AnIpv4AddressCountsAsItself) {
  EXPECT_EQ(Counted("192.0.2.7"), "192.0.2.7");
  EXPECT_NE(Counted("192.0.2.7"), Counted("192.0.2.8"));
}

TEST(CountedAsTest, AnIpv6AddressCountsAsItsNetwork) {
  EXPECT_EQ(Counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(Counted("2001:db8:1:2:ffff::"), Counted("2001:db8:1:2::1"));
  EXPECT_NE(Counted("2001:db8:1:3::1"), Counted("2001:db8:1:2::1"));
}

TEST(CountedAsTest, AMappedAddressCountsAsTheIpv4AddressItIs) {
  EXPECT_EQ(Counted("::ffff:192.0.2.7"), "192.0.2.7");
}

TEST(CountedAsTest, LoopbackIsExemptIfTheConfigSaysSo) {
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(Counted(address, /*exempt_loopback=*/true), "") << address;
    EXPECT_NE(Counted(address, /*exempt_loopback=*/false), "") << address;
  }
}

TEST(DoorTest, ItsOwnConnectionsCountButKeepNobodyOut) {
  Limits limits = Unbounded();
  limits.connections = 2;
  limits.unauthenticated = 1;
  Door door(limits);
  std::optional<Door::Pass> own = door.AdmitOwn();
  EXPECT_EQ(door.count(), 1);
  EXPECT_EQ(own->counted_as(), "");
  own->Authenticated();  // changes nothing
  const Answer in = Knock(door, "192.0.2.1");
  EXPECT_TRUE(in.pass);
  EXPECT_EQ(Knock(door, "192.0.2.2").refused, Counter::kRefusedConnections);
  const Door::Pass more = door.AdmitOwn();  // beyond the bound, too
  EXPECT_EQ(door.count(), 3);
  own.reset();
  EXPECT_EQ(door.count(), 2);
}

TEST(DoorTest, BoundsConnections) {
  Limits limits = Unbounded();
  limits.connections = 2;
  Door door(limits);
  Answer first = Knock(door, "192.0.2.1");
  Answer second = Knock(door, "192.0.2.2");
  ASSERT_TRUE(first.pass && second.pass);
  const Answer third = Knock(door, "192.0.2.3");
  EXPECT_FALSE(third.pass);
  EXPECT_EQ(third.refused, Counter::kRefusedConnections);
  EXPECT_EQ(door.count(), 2);

  first.pass.reset();
  EXPECT_EQ(door.count(), 1);
  EXPECT_TRUE(Knock(door, "192.0.2.3").pass);
}

TEST(DoorTest, LoopbackIsNotExemptFromTheBoundOnAllConnections) {
  Limits limits = Unbounded();
  limits.connections = 1;
  Door door(limits);
  const Answer first = Knock(door, "127.0.0.1");
  EXPECT_TRUE(first.pass);
  EXPECT_EQ(Knock(door, "127.0.0.1").refused, Counter::kRefusedConnections);
}

TEST(DoorTest, BoundsConnectionsOfAnAddress) {
  Limits limits = Unbounded();
  limits.connections_per_address = 2;
  Door door(limits);
  Answer first = Knock(door, "192.0.2.1");
  Answer second = Knock(door, "192.0.2.1");
  ASSERT_TRUE(first.pass && second.pass);
  first.pass->Authenticated();  // that makes no difference
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedConnectionsPerAddress);
  EXPECT_TRUE(Knock(door, "192.0.2.2").pass);

  second.pass.reset();
  EXPECT_TRUE(Knock(door, "192.0.2.1").pass);
}

TEST(DoorTest, ANetworkOfIpv6AddressesIsOneAddress) {
  Limits limits = Unbounded();
  limits.connections_per_address = 1;
  Door door(limits);
  const Answer first = Knock(door, "2001:db8:1:2::1");
  ASSERT_TRUE(first.pass);
  EXPECT_EQ(Knock(door, "2001:db8:1:2:9::").refused, Counter::kRefusedConnectionsPerAddress);
  EXPECT_TRUE(Knock(door, "2001:db8:1:3::1").pass);
}

TEST(DoorTest, AHalfOfATunnelGivesBackWhatItsAddressWasCharged) {
  Limits limits = Unbounded();
  limits.connections_per_address = 2;
  limits.new_connections_per_address_per_minute = 3;
  Door door(limits);
  std::vector<Answer> halves;
  for (int i = 0; i < 10; ++i) {
    halves.push_back(Knock(door, "192.0.2.1"));
    ASSERT_TRUE(halves.back().pass) << i;
    halves.back().pass->BecomeHalf();
    halves.back().pass->BecomeHalf();  // saying it twice changes nothing
  }
  EXPECT_EQ(door.count(), 10);  // but they are there
  Answer first = Knock(door, "192.0.2.1");
  Answer second = Knock(door, "192.0.2.1");
  ASSERT_TRUE(first.pass && second.pass);
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedConnectionsPerAddress);

  halves.clear();
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedNewPerAddress);
  first.pass.reset();
  second.pass.reset();
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedNewPerAddress);
  EXPECT_EQ(door.count(), 0);
}

TEST(DoorTest, AHalfThatWaitsCountsAsNotLoggedIn) {
  Limits limits = Unbounded();
  limits.unauthenticated_per_address = 1;
  Door door(limits);
  Answer half = Knock(door, "192.0.2.1");
  ASSERT_TRUE(half.pass);
  half.pass->BecomeHalf();
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedUnauthenticatedPerAddress);
  half.pass->Authenticated();
  EXPECT_TRUE(Knock(door, "192.0.2.1").pass);
  half.pass.reset();
  EXPECT_TRUE(Knock(door, "192.0.2.1").pass);
}

TEST(DoorTest, BoundsThoseThatHaveNotLoggedIn) {
  Limits limits = Unbounded();
  limits.unauthenticated = 2;
  Door door(limits);
  Answer first = Knock(door, "192.0.2.1");
  const Answer second = Knock(door, "192.0.2.2");
  ASSERT_TRUE(first.pass && second.pass);
  EXPECT_EQ(Knock(door, "192.0.2.3").refused, Counter::kRefusedUnauthenticated);

  first.pass->Authenticated();
  first.pass->Authenticated();  // saying it twice changes nothing
  const Answer third = Knock(door, "192.0.2.3");
  EXPECT_TRUE(third.pass);
  EXPECT_EQ(Knock(door, "192.0.2.4").refused, Counter::kRefusedUnauthenticated);
}

TEST(DoorTest, BoundsThoseOfAnAddressThatHaveNotLoggedIn) {
  Limits limits = Unbounded();
  limits.unauthenticated_per_address = 1;
  Door door(limits);
  Answer first = Knock(door, "192.0.2.1");
  ASSERT_TRUE(first.pass);
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedUnauthenticatedPerAddress);
  EXPECT_TRUE(Knock(door, "192.0.2.2").pass);

  first.pass->Authenticated();
  EXPECT_TRUE(Knock(door, "192.0.2.1").pass);
}

TEST(DoorTest, RefusesAtRandomEverMoreLikely) {
  Limits limits = Unbounded();
  limits.unauthenticated = 14;
  limits.unauthenticated_random_from = 4;
  Door door(limits);
  std::vector<Answer> inside;
  // Up to there nobody is refused, whatever the dice say.
  while (door.count() <= 4) {
    inside.push_back(Knock(door, "192.0.2.1", kStart, /*chance=*/0));
    ASSERT_TRUE(inside.back().pass) << door.count();
  }
  // With n inside, n - 4 of 10 are refused.
  while (door.count() < 14) {
    const double refused = static_cast<double>(door.count() - 4) / 10;
    const Answer unlucky = Knock(door, "192.0.2.1", kStart, refused - 0.01);
    EXPECT_FALSE(unlucky.pass) << door.count();
    EXPECT_EQ(unlucky.refused, Counter::kRefusedUnauthenticated);
    inside.push_back(Knock(door, "192.0.2.1", kStart, refused + 0.01));
    ASSERT_TRUE(inside.back().pass) << door.count();
  }
  EXPECT_FALSE(Knock(door, "192.0.2.1", kStart, 0.9999).pass);
}

TEST(DoorTest, BoundsNewConnectionsOfAnAddressInAMinute) {
  Limits limits = Unbounded();
  limits.new_connections_per_address_per_minute = 3;
  Door door(limits);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Knock(door, "192.0.2.1").pass);  // and gone at once
  EXPECT_EQ(Knock(door, "192.0.2.1", kStart + absl::Seconds(59)).refused,
            Counter::kRefusedNewPerAddress);
  EXPECT_TRUE(Knock(door, "192.0.2.2").pass);
  EXPECT_TRUE(Knock(door, "192.0.2.1", kStart + absl::Seconds(60)).pass);
}

TEST(DoorTest, LoopbackIsExemptFromAllBoundsOfAnAddress) {
  Limits limits = Unbounded();
  limits.connections_per_address = 1;
  limits.unauthenticated_per_address = 1;
  limits.new_connections_per_address_per_minute = 1;
  Door door(limits);
  std::vector<Answer> inside;
  for (int i = 0; i < 5; ++i) {
    inside.push_back(Knock(door, "127.0.0.1"));
    EXPECT_TRUE(inside.back().pass);
    EXPECT_EQ(inside.back().pass->counted_as(), "");
  }
}

TEST(DoorTest, LoopbackIsAsAnyAddressIfTheConfigSaysSo) {
  Limits limits = Unbounded();
  limits.exempt_loopback = false;
  limits.connections_per_address = 1;
  Door door(limits);
  const Answer first = Knock(door, "127.0.0.1");
  ASSERT_TRUE(first.pass);
  EXPECT_EQ(first.pass->counted_as(), "127.0.0.1");
  EXPECT_FALSE(Knock(door, "127.0.0.1").pass);
  EXPECT_TRUE(Knock(door, "127.0.0.2").pass);
}

TEST(DoorTest, APassThatMovesIsGivenBackOnce) {
  Door door(Unbounded());
  Answer answer = Knock(door, "192.0.2.1");
  Door::Pass pass = *std::move(answer.pass);
  answer.pass.reset();
  EXPECT_EQ(door.count(), 1);
  EXPECT_EQ(pass.counted_as(), "192.0.2.1");
  {
    Door::Pass last = std::move(pass);
    EXPECT_EQ(door.count(), 1);
  }
  EXPECT_EQ(door.count(), 0);
}

TEST(DoorTest, NewBoundsHoldForWhoComesNext) {
  Door door(Unbounded());
  const Answer first = Knock(door, "192.0.2.1");
  Limits limits = Unbounded();
  limits.connections_per_address = 1;
  door.SetLimits(limits);
  EXPECT_EQ(Knock(door, "192.0.2.1").refused, Counter::kRefusedConnectionsPerAddress);
  EXPECT_EQ(door.count(), 1);
}

TEST(DoorTest, SaysWhenEverybodyHasGone) {
  Door door(Unbounded());
  Answer answer = Knock(door, "192.0.2.1");
  EXPECT_FALSE(door.AwaitEmpty(absl::ZeroDuration()));
  answer.pass.reset();
  EXPECT_TRUE(door.AwaitEmpty(absl::ZeroDuration()));
}

}  // namespace
}  // namespace chat::net
