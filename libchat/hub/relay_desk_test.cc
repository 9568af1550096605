#include "libchat/hub/relay_desk.h"

#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/session_id.h"

namespace chat {
namespace {

using OpenResult = RelayDesk::OpenResult;
using Tunnel = RelayDesk::Tunnel;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Time kNow = absl::UnixEpoch();
constexpr absl::string_view kAddress = "192.0.2.1/32";

SessionId Id(uint32_t n) {
  SessionId id;
  id.generation = 1;
  id.slot = n;
  return id;
}

class RelayDeskTest : public ::testing::Test {
 protected:
  OpenResult Open(absl::string_view asker, absl::string_view target) {
    return desk_.Open(UserRef{asker}, UserRef{target}, asked_from_, limits_, kNow, ++random_,
                      &last_);
  }
  // A new tunnel of alice's and bob's.
  Tunnel Opened() {
    EXPECT_EQ(Open("alice", "bob"), OpenResult::kOpened);
    return last_;
  }

  Limits limits_;
  std::string asked_from_;
  uint64_t random_ = 1000;
  RelayDesk desk_;
  Tunnel last_;
};

TEST_F(RelayDeskTest, BoundsPendingTunnelsOfAnAddress) {
  limits_.pending_tunnels_per_address = 2;
  for (int i = 0; i < 3; ++i) Opened();  // who is exempt has no address
  asked_from_ = "192.0.2.1";
  const Tunnel first = Opened();
  const Tunnel second = Opened();
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kAddressFull);
  asked_from_ = "192.0.2.2";
  Opened();

  asked_from_ = "192.0.2.1";
  desk_.Present(Id(1), first.connect_id, kNow);
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kAddressFull);
  desk_.Present(Id(2), first.connect_id, kNow);
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kOpened);
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kAddressFull);
  desk_.Erase(second.id);
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kOpened);
  desk_.Erase(first.id);  // it had been taken from the count before
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kAddressFull);
}

TEST_F(RelayDeskTest, OpensForTwo) {
  const Tunnel tunnel = Opened();
  EXPECT_EQ(tunnel.asker, User("alice"));
  EXPECT_EQ(tunnel.target, User("bob"));
  EXPECT_FALSE(tunnel.established);
  EXPECT_EQ(tunnel.expires, kNow + limits_.connect_id);
  ASSERT_NE(tunnel.traffic, nullptr);
  EXPECT_EQ(desk_.Find(tunnel.id)->connect_id, tunnel.connect_id);
  EXPECT_EQ(desk_.FindByConnectId(tunnel.connect_id)->id, tunnel.id);
  EXPECT_EQ(desk_.Find(tunnel.id + 1), nullptr);
  EXPECT_EQ(desk_.FindByConnectId(tunnel.connect_id + 1), nullptr);
  EXPECT_TRUE(tunnel.Has({"alice"}));
  EXPECT_TRUE(tunnel.Has({"bob"}));
  EXPECT_FALSE(tunnel.Has({"carol"}));
  EXPECT_FALSE(tunnel.Has({"alice", 7}));
}

TEST_F(RelayDeskTest, ConnectIdIsAPositive31BitNumberFromTheRandom) {
  for (uint64_t random : {uint64_t{0x123456789abcdef0}, uint64_t{0}, uint64_t{0x80000000},
                          ~uint64_t{0}, uint64_t{0x7fffffff}}) {
    RelayDesk desk;
    ASSERT_EQ(desk.Open({"a"}, {"b"}, "", limits_, kNow, random, &last_), OpenResult::kOpened);
    EXPECT_GT(last_.connect_id, 0);
    EXPECT_LT(last_.connect_id, int64_t{1} << 31);
    const int64_t wanted = static_cast<int64_t>(random & 0x7fffffff);
    EXPECT_EQ(last_.connect_id, wanted == 0 ? 1 : wanted);
  }
}

TEST_F(RelayDeskTest, ConnectIdsAreUniqueWhateverTheRandom) {
  std::set<int64_t> ids;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(desk_.Open({"a"}, {"b"}, "", limits_, kNow, 0x7ffffff0, &last_), OpenResult::kOpened);
    EXPECT_TRUE(ids.insert(last_.connect_id).second) << last_.connect_id;
    EXPECT_GT(last_.connect_id, 0);
  }
}

TEST_F(RelayDeskTest, ValidForExactlyTwo) {
  const Tunnel tunnel = Opened();
  const Tunnel* first = desk_.Present(Id(1), tunnel.connect_id, kNow);
  ASSERT_NE(first, nullptr);
  EXPECT_FALSE(first->established);
  EXPECT_EQ(desk_.FindWaiting(Id(1))->id, tunnel.id);

  const Tunnel* second = desk_.Present(Id(2), tunnel.connect_id, kNow);
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->established);
  EXPECT_THAT(second->halves, ElementsAre(Id(1), Id(2)));
  EXPECT_EQ(desk_.FindWaiting(Id(1)), nullptr);
  EXPECT_EQ(desk_.FindWaiting(Id(2)), nullptr);

  EXPECT_EQ(desk_.Present(Id(3), tunnel.connect_id, kNow), nullptr);
}

TEST_F(RelayDeskTest, UnknownConnectIds) {
  const Tunnel tunnel = Opened();
  for (int64_t id :
       {int64_t{0}, int64_t{-1}, tunnel.connect_id + 1, tunnel.connect_id + (int64_t{1} << 32)}) {
    EXPECT_EQ(desk_.Present(Id(1), id, kNow), nullptr) << id;
  }
}

TEST_F(RelayDeskTest, ExpiresUnlessBothHaveCome) {
  const Tunnel none = Opened();
  const Tunnel half = Opened();
  const Tunnel both = Opened();
  ASSERT_NE(desk_.Present(Id(1), half.connect_id, kNow), nullptr);
  ASSERT_NE(desk_.Present(Id(2), both.connect_id, kNow), nullptr);
  ASSERT_NE(desk_.Present(Id(3), both.connect_id, kNow), nullptr);
  const absl::Time over = kNow + limits_.connect_id;
  EXPECT_THAT(desk_.Expired(over - absl::Nanoseconds(1)), IsEmpty());
  EXPECT_THAT(desk_.Expired(over), ElementsAre(none.id, half.id));
  // Even before somebody takes it away.
  EXPECT_EQ(desk_.Present(Id(4), half.connect_id, over), nullptr);
  EXPECT_EQ(desk_.Present(Id(4), none.connect_id, over), nullptr);
}

TEST_F(RelayDeskTest, EraseForgetsAll) {
  const Tunnel tunnel = Opened();
  ASSERT_NE(desk_.Present(Id(1), tunnel.connect_id, kNow), nullptr);
  const std::optional<Tunnel> erased = desk_.Erase(tunnel.id);
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->connect_id, tunnel.connect_id);
  EXPECT_EQ(desk_.Find(tunnel.id), nullptr);
  EXPECT_EQ(desk_.FindByConnectId(tunnel.connect_id), nullptr);
  EXPECT_EQ(desk_.FindWaiting(Id(1)), nullptr);
  EXPECT_THAT(desk_.all(), IsEmpty());
  EXPECT_FALSE(desk_.Erase(tunnel.id));
  EXPECT_EQ(desk_.Present(Id(2), tunnel.connect_id, kNow), nullptr);
}

TEST_F(RelayDeskTest, BoundInAll) {
  limits_.tunnels = 2;
  const Tunnel first = Opened();
  EXPECT_EQ(Open("carol", "dave"), OpenResult::kOpened);
  EXPECT_EQ(Open("erin", "frank"), OpenResult::kFull);
  EXPECT_TRUE(desk_.Erase(first.id));
  EXPECT_EQ(Open("erin", "frank"), OpenResult::kOpened);
}

TEST_F(RelayDeskTest, BoundAUserOnEitherSide) {
  limits_.tunnels_per_user = 2;
  const Tunnel first = Opened();
  EXPECT_EQ(Open("carol", "alice"), OpenResult::kOpened);
  EXPECT_EQ(Open("alice", "dave"), OpenResult::kUserFull);
  EXPECT_EQ(Open("dave", "alice"), OpenResult::kUserFull);
  EXPECT_EQ(Open("bob", "carol"), OpenResult::kOpened);
  EXPECT_EQ(Open("bob", "dave"), OpenResult::kUserFull);
  EXPECT_TRUE(desk_.Erase(first.id));
  EXPECT_EQ(Open("alice", "dave"), OpenResult::kOpened);
}

TEST_F(RelayDeskTest, OneWithHimselfCountsTwice) {
  limits_.tunnels_per_user = 2;
  EXPECT_EQ(Open("alice", "alice"), OpenResult::kOpened);
  EXPECT_EQ(Open("alice", "bob"), OpenResult::kUserFull);
  EXPECT_TRUE(desk_.Erase(last_.id));
  EXPECT_EQ(Open("alice", "bob"), OpenResult::kOpened);
  EXPECT_EQ(Open("alice", "bob"), OpenResult::kOpened);
}

TEST_F(RelayDeskTest, TunnelsOfAUser) {
  const Tunnel first = Opened();
  ASSERT_EQ(Open("carol", "alice"), OpenResult::kOpened);
  const Tunnel second = last_;
  ASSERT_EQ(Open("carol", "bob"), OpenResult::kOpened);
  EXPECT_THAT(desk_.Of({"alice"}), ElementsAre(first.id, second.id));
  EXPECT_THAT(desk_.Of({"alice", 7}), IsEmpty());
  EXPECT_THAT(desk_.Of({"dave"}), IsEmpty());
}

TEST_F(RelayDeskTest, GuessesOfAnAddress) {
  limits_.bad_connect_ids_per_minute = 3;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(desk_.GuessesExhausted(kAddress, limits_, kNow));
    desk_.CountBadGuess(kAddress, kNow);
  }
  EXPECT_TRUE(desk_.GuessesExhausted(kAddress, limits_, kNow + absl::Seconds(59)));
  EXPECT_FALSE(desk_.GuessesExhausted("192.0.2.2/32", limits_, kNow));
  EXPECT_FALSE(desk_.GuessesExhausted(kAddress, limits_, kNow + absl::Minutes(1)));
}

TEST_F(RelayDeskTest, GuessesInAll) {
  limits_.bad_connect_ids_per_second = 5;
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(desk_.GuessesExhausted(kAddress, limits_, kNow));
    desk_.CountBadGuess(absl::StrCat("198.51.100.", i, "/32"), kNow);
  }
  EXPECT_TRUE(desk_.GuessesExhausted(kAddress, limits_, kNow));
  EXPECT_FALSE(desk_.GuessesExhausted(kAddress, limits_, kNow + absl::Seconds(1)));
}

}  // namespace
}  // namespace chat
