// How servers merge, and lose and find each other again. What each believes is looked at with
// `chat-admin servers` at every step.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/mesh/link_proxy.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/mesh/mesh_user.h"

namespace chat::tools {
namespace {

using testing::ExpectAllHearAll;
using testing::ExpectMesh;
using testing::ExpectNothingTwice;
using testing::ExpectWhispers;
using ::testing::IsEmpty;
using testing::LinkProxy;
using testing::MeshServer;
using testing::MeshUser;

// Servers with the ids `first` to `last`, merged with each other.
class Network {
 public:
  Network(int first, int last) {
    for (int id = first; id <= last; ++id) {
      MeshServer::Options options{.dialects = {"chaton"}};
      servers_.push_back(std::make_unique<MeshServer>(id, std::move(options)));
    }
    for (size_t i = 0; i + 1 < servers_.size(); ++i) (*this)[i].Merge((*this)[i + 1]);
    Expect();
  }

  MeshServer& operator[](size_t i) { return *servers_[i]; }
  std::vector<MeshServer*> All() const {
    std::vector<MeshServer*> all;
    for (const auto& server : servers_) all.push_back(server.get());
    return all;
  }
  void Expect() const { ExpectMesh(All()); }
  std::vector<std::string> Tables() const {
    std::vector<std::string> tables;
    for (const auto& server : servers_) tables.push_back(server->Servers().dump());
    return tables;
  }

 private:
  std::vector<std::unique_ptr<MeshServer>> servers_;
};

std::vector<MeshServer*> Both(const Network& a, const Network& b) {
  std::vector<MeshServer*> all = a.All();
  for (MeshServer* server : b.All()) all.push_back(server);
  return all;
}

// Their users hear each other, once, and can write to each other.
void ExpectUsersMeet(const std::vector<MeshServer*>& servers) {
  std::vector<std::unique_ptr<MeshUser>> users;
  std::vector<MeshUser*> all;
  for (MeshServer* server : servers) {
    for (const char* dialect : {"cfp", "chaton"}) {
      users.push_back(std::make_unique<MeshUser>(*server, dialect, absl::StrCat(dialect, "user")));
      all.push_back(users.back().get());
    }
  }
  ExpectAllHearAll(all, "hello");
  for (MeshUser* from : all) {
    for (MeshUser* to : all) {
      if (from != to) ExpectWhispers(*from, *to, "psst");
    }
  }
  ExpectNothingTwice(all);
}

// ---- Networks become one ----

TEST(Merging, TwoNetworksBecomeOne) {
  Network a(1, 3), b(4, 6);
  a[2].Merge(b[1]);
  const std::vector<MeshServer*> all = Both(a, b);
  ExpectMesh(all);
  ExpectUsersMeet(all);
}

TEST(Merging, BothSidesMayAskAtOnce) {
  Network a(1, 3), b(4, 6);
  std::thread there([&] {
    b[0].Merge(a[2]);
    b[1].Merge(a[1]);
  });
  a[2].Merge(b[0]);
  a[0].Merge(b[2]);
  there.join();
  const std::vector<MeshServer*> all = Both(a, b);
  ExpectMesh(all);
  ExpectUsersMeet(all);
}

TEST(Merging, TwoThatAskEachOtherAtOnceHaveOneLink) {
  for (int round = 0; round < 5; ++round) {
    MeshServer a(1), b(2);
    std::thread there([&] { b.Merge(a); });
    a.Merge(b);
    there.join();
    ExpectMesh({&a, &b});
    MeshUser alice(a, "cfp", "alice"), bob(b, "cfp", "bob");
    ExpectAllHearAll({&alice, &bob}, "hello");
  }
}

// ---- What cannot be changes nothing ----

TEST(Merging, ElevenAreTooMany) {
  Network a(1, 6), b(7, 11);
  const std::vector<std::string> before_a = a.Tables(), before_b = b.Tables();
  a[3].Merge(b[2]);
  a[3].process().WaitForText(2, "cannot merge with");
  b[4].Merge(a[0]);
  b[4].process().WaitForText(2, "cannot merge with");
  EXPECT_EQ(a.Tables(), before_a);
  EXPECT_EQ(b.Tables(), before_b);
  ExpectUsersMeet(a.All());
  ExpectUsersMeet(b.All());
}

TEST(Merging, AnIdIsOneServers) {
  Network a(1, 3), b(3, 5);
  const std::vector<std::string> before_a = a.Tables(), before_b = b.Tables();
  a[0].Merge(b[2]);
  a[0].process().WaitForText(2, "an id would mean two");
  b[0].Merge(a[2]);
  b[0].process().WaitForText(2, "an id would mean two");
  EXPECT_EQ(a.Tables(), before_a);
  EXPECT_EQ(b.Tables(), before_b);
  ExpectUsersMeet(a.All());
  ExpectUsersMeet(b.All());
}

TEST(Merging, WhoIsNotAllowedIsNotMergedWith) {
  MeshServer open(1), closed(2, {.allowed = {}});
  open.Merge(closed);
  closed.process().WaitForText(2, "refused to merge with server 1");
  const auto refused = closed.Admin({"merge", open.address()});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, ::testing::HasSubstr("allow_merge_from"));
  EXPECT_THAT(open.Servers(), IsEmpty());
  EXPECT_THAT(closed.Servers(), IsEmpty());
}

// ---- Servers that die ----

TEST(Merging, AServerThatDiesIsGoneAtOnceAndComesBack) {
  MeshServer::Options options{.dialects = {"chaton", "crp"}};
  MeshServer a(1, options), b(2, options), c(3, options);
  a.Merge(b);
  ExpectMesh({&a, &b});
  a.Merge(c);
  ExpectMesh({&a, &b, &c});
  MeshUser alice(a, "cfp", "alice"), carla(a, "crp", "carla"), carol(c, "chaton", "carol");
  {
    MeshUser bob(b, "cfp", "bob"), berta(b, "crp", "berta");
    ExpectAllHearAll({&alice, &bob, &carol}, "hello");
    ExpectWhispers(alice, bob, "psst");
    ExpectWhispers(carla, berta, "a talk");
    ExpectWhispers(berta, carla, "a talk");
    b.Kill();
  }
  carla.AwaitTalkEnded({"berta", 2});
  ASSERT_TRUE(a.AwaitMerged({3}));
  ASSERT_TRUE(c.AwaitMerged({1}));
  ExpectMesh({&a, &c});
  const auto lost = alice.session().SendPrivate(0, {"bob", 2}, *Text::From("still there?"));
  ASSERT_TRUE(lost.ok()) << lost;
  alice.AwaitUndeliverable(/*no_server=*/true);
  ExpectAllHearAll({&alice, &carol}, "without b");

  b.Restart();
  ExpectMesh({&a, &b, &c});
  MeshUser bob(b, "cfp", "bob"), berta(b, "crp", "berta");
  ExpectAllHearAll({&alice, &bob, &carol}, "b is back");
  ExpectWhispers(carol, bob, "psst again");
  ExpectWhispers(carla, berta, "a new talk");
  ExpectWhispers(bob, alice, "psst again");
  ExpectNothingTwice({&alice, &carla, &carol, &bob, &berta});
}

// Here it is the one that had asked, whom nobody else looks for.
TEST(Merging, AServerWhoseConfigNamesAnotherComesBackByItself) {
  MeshServer a(1);
  MeshServer b(2, {.flags = {absl::StrCat("--merge-with=", a.address())}});
  ExpectMesh({&a, &b});
  b.Kill();
  ASSERT_TRUE(a.AwaitMerged({}));
  EXPECT_THAT(a.Servers(), IsEmpty());
  b.Restart();
  ExpectMesh({&a, &b});
  a.Restart();
  ExpectMesh({&a, &b});
}

TEST(Merging, AServerThatEndsInGoodOrderComesBack) {
  MeshServer a(1), b(2);
  a.Merge(b);
  ExpectMesh({&a, &b});
  EXPECT_EQ(b.Admin({"drain"}).exit_code, 0);
  EXPECT_EQ(b.process().Wait(), 0);
  ASSERT_TRUE(a.AwaitMerged({}));
  EXPECT_THAT(a.Servers(), IsEmpty());
  b.Restart();
  ExpectMesh({&a, &b});
}

// ---- A network that breaks ----

// All that connect to server 1 do so through the proxy, which is between it and the others.
class Partition : public ::testing::Test {
 protected:
  Partition() : a_(1, ListedAt(proxy_.port())), b_(2, Chaton()), c_(3, Chaton()) {
    proxy_.LeadTo(a_.port());
    b_.MergeWith(absl::StrCat("127.0.0.1:", proxy_.port()));
    ExpectMesh({&a_, &b_}, where());
    c_.Merge(b_);
  }

  static MeshServer::Options Chaton() { return {.dialects = {"chaton"}}; }
  static MeshServer::Options ListedAt(uint16_t port) {
    return {.dialects = {"chaton"}, .flags = {absl::StrCat("--listed-port=", port)}};
  }

  std::map<int32_t, std::string> where() const {
    return {{1, absl::StrCat("127.0.0.1:", proxy_.port())}};
  }
  void ExpectOneNetwork() { ExpectMesh({&a_, &b_, &c_}, where()); }
  void ExpectTwoNetworks() {
    ASSERT_TRUE(a_.AwaitMerged({}));
    ExpectMesh({&a_});
    ExpectMesh({&b_, &c_});
  }

  LinkProxy proxy_;
  MeshServer a_;
  MeshServer b_;
  MeshServer c_;
};

TEST_F(Partition, HealsByItself) {
  ExpectOneNetwork();
  MeshUser alice(a_, "cfp", "alice"), bob(b_, "chaton", "bob"), carol(c_, "cfp", "carol");
  ExpectAllHearAll({&alice, &bob, &carol}, "together");

  // Nobody knows yet, and those on the other side go on among themselves.
  proxy_.Stall();
  alice.Say("this waits, and is lost");
  carol.Whisper(alice, "and so does this");
  ExpectAllHearAll({&bob, &carol}, "meanwhile");
  proxy_.Cut();
  ExpectTwoNetworks();
  ExpectAllHearAll({&bob, &carol}, "the two");
  const auto lost = alice.session().SendPrivate(0, {"carol", 3}, *Text::From("still there?"));
  ASSERT_TRUE(lost.ok()) << lost;
  alice.AwaitUndeliverable(/*no_server=*/true);

  proxy_.Heal();
  ExpectOneNetwork();
  ExpectAllHearAll({&alice, &bob, &carol}, "together again");
  ExpectWhispers(alice, carol, "psst");
  ExpectWhispers(bob, alice, "psst");
  EXPECT_EQ(bob.Count({alice.user(), "this waits, and is lost"}), 0);
  EXPECT_EQ(alice.Count({carol.user(), "and so does this"}), 0);
  ExpectNothingTwice({&alice, &bob, &carol});
}

TEST_F(Partition, WhatALinkLosesIsLostForAllOrNobody) {
  ExpectOneNetwork();
  MeshUser alice(a_, "cfp", "alice"), bob(b_, "chaton", "bob"), carol(c_, "cfp", "carol");
  ExpectAllHearAll({&alice, &bob, &carol}, "together");
  proxy_.Drop();
  alice.Say("lost");
  alice.Await({alice.user(), "lost"});
  proxy_.Cut();
  ExpectTwoNetworks();
  proxy_.Heal();
  ExpectOneNetwork();
  ExpectAllHearAll({&alice, &bob, &carol}, "together again");
  EXPECT_EQ(bob.Count({alice.user(), "lost"}), 0);
  EXPECT_EQ(carol.Count({alice.user(), "lost"}), 0);
}

// A link that lives, but takes nothing, holds up nobody: it is cut when it lags too far.
TEST_F(Partition, ALinkThatStandsStillHoldsUpNobody) {
  ExpectOneNetwork();
  MeshUser alice(a_, "cfp", "alice"), bob(b_, "chaton", "bob"), carol(c_, "cfp", "carol");
  ExpectAllHearAll({&alice, &bob, &carol}, "together");
  proxy_.Stall();
  const std::string much(1000, 'x');
  for (int i = 0; b_.Merged().count(1) != 0; ++i) {
    const std::string body = absl::StrCat(i, much);
    bob.Say(body);
    ASSERT_TRUE(bob.Await({bob.user(), body}));
    ASSERT_TRUE(carol.Await({bob.user(), body}));
    ASSERT_LT(i, 100'000);
  }
  proxy_.Heal();
  ExpectOneNetwork();
  ExpectAllHearAll({&alice, &bob, &carol}, "together again");
}

}  // namespace
}  // namespace chat::tools
