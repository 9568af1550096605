// The servers that this one is merged with, and their users.

#include "libchat/hub/mesh.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/fanout/outbox.h"
#include "libchat/hub/fake_dialect.h"
#include "libchat/hub/hub.h"

namespace chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using LinkResult = Hub::LinkResult;

Text T(absl::string_view text) { return *Text::From(text); }
OwnedText O(absl::string_view text) { return OwnedText(T(text)); }

SessionId Id(uint32_t slot) {
  SessionId id;
  id.generation = 1;
  id.slot = slot;
  return id;
}

// Server 7 is at 10.0.0.7:7773, and so on.
Sibling At(int32_t id) { return {id, 0x0A000000u + static_cast<uint32_t>(id), 7773}; }
MergeOffer Offer(int32_t id, const std::vector<int32_t>& siblings) {
  MergeOffer offer{id, {}};
  for (int32_t sibling : siblings) offer.siblings.push_back(At(sibling));
  return offer;
}

// ---- Mesh ----

constexpr int32_t kSelfId = 100;

TEST(MeshTest, OffersItselfFirstAndThoseThatCanBeTold) {
  Mesh mesh(kSelfId);
  EXPECT_EQ(mesh.Offer(std::nullopt), (MergeOffer{kSelfId, {}}));
  mesh.Add(Offer(7, {7}), Id(1), false);
  mesh.Add(Offer(8, {}), Id(2), true);  // says nothing of where it is
  mesh.Add(Offer(6, {7, 6}), Id(3), true);
  EXPECT_EQ(mesh.Offer(At(kSelfId)), Offer(kSelfId, {kSelfId, 6, 7}));
  EXPECT_EQ(mesh.Offer(std::nullopt), Offer(kSelfId, {6, 7}));
}

TEST(MeshTest, KnowsItsLinks) {
  Mesh mesh(kSelfId);
  mesh.Add(Offer(7, {7}), Id(1), true);
  EXPECT_EQ(mesh.ServerOf(Id(1)), 7);
  EXPECT_EQ(mesh.ServerOf(Id(2)), 0);
  ASSERT_NE(mesh.Find(7), nullptr);
  EXPECT_EQ(mesh.Find(7)->link, Id(1));
  EXPECT_EQ(mesh.Find(7)->at, At(7));
  EXPECT_TRUE(mesh.Find(7)->opened_here);
  EXPECT_EQ(mesh.Remove(Id(2)), 0);
  EXPECT_EQ(mesh.Remove(Id(1)), 7);
  EXPECT_EQ(mesh.Find(7), nullptr);
  EXPECT_EQ(mesh.Remove(Id(1)), 0);
}

TEST(MeshTest, TogetherTheyAreAtMostTen) {
  Mesh mesh(kSelfId);
  for (int32_t id = 1; id <= 4; ++id) mesh.Add(Offer(id, {id}), Id(id), false);
  EXPECT_EQ(mesh.Refusal(Offer(5, {5, 6, 7, 8, 9}), At(kSelfId)), std::nullopt);
  EXPECT_EQ(mesh.Refusal(Offer(5, {5, 6, 7, 8, 9, 10}), At(kSelfId)), MergeRefusal::kTooMany);
  // Who is in both networks counts once.
  EXPECT_EQ(mesh.Refusal(Offer(5, {5, 1, 2, 6, 7, 8, 9}), At(kSelfId)), std::nullopt);
  // Who does not say where it is counts all the same.
  EXPECT_EQ(mesh.Refusal(Offer(5, {6, 7, 8, 9}), std::nullopt), std::nullopt);
  EXPECT_EQ(mesh.Refusal(Offer(5, {6, 7, 8, 9, 10}), std::nullopt), MergeRefusal::kTooMany);
}

TEST(MeshTest, AnIdMeansOneServer) {
  Mesh mesh(kSelfId);
  mesh.Add(Offer(7, {7}), Id(1), false);
  mesh.Add(Offer(8, {}), Id(2), false);
  const std::optional<Sibling> self = At(kSelfId);
  const Sibling other_place = {7, 1, 1};
  // The same id at the same place is the same server.
  EXPECT_EQ(mesh.Refusal(Offer(5, {5, 7, kSelfId}), self), std::nullopt);
  EXPECT_EQ(mesh.Refusal({5, {other_place}}, self), MergeRefusal::kConflict);
  EXPECT_EQ(mesh.Refusal({5, {{kSelfId, 1, 1}}}, self), MergeRefusal::kConflict);
  EXPECT_EQ(mesh.Refusal({5, {At(6), {6, 1, 1}}}, self), MergeRefusal::kConflict);
  EXPECT_EQ(mesh.Refusal(Offer(kSelfId, {}), self), MergeRefusal::kConflict);
  // Where it is not known where a server is, nothing speaks against it.
  EXPECT_EQ(mesh.Refusal(Offer(5, {8}), self), std::nullopt);
  EXPECT_EQ(mesh.Refusal({5, {{kSelfId, 1, 1}}}, std::nullopt), std::nullopt);
}

TEST(MeshTest, WhoIsMergedCannotMergeAgain) {
  Mesh mesh(kSelfId);
  mesh.Add(Offer(7, {7}), Id(1), false);
  EXPECT_EQ(mesh.Refusal(Offer(7, {7}), At(kSelfId)), MergeRefusal::kMerged);
  EXPECT_EQ(mesh.Refusal(Offer(7, {}), At(kSelfId)), MergeRefusal::kMerged);
  // Another server, with the same id.
  EXPECT_EQ(mesh.Refusal({7, {{7, 1, 1}}}, At(kSelfId)), MergeRefusal::kConflict);
}

TEST(MeshTest, NamesTheServersThatAreMissing) {
  Mesh mesh(kSelfId);
  mesh.Add(Offer(7, {7}), Id(1), false);
  EXPECT_THAT(mesh.Missing(Offer(8, {8, 7, kSelfId, 9, 9})), ElementsAre(At(9)));
}

// However long the list of a hostile one is.
TEST(MeshTest, NamesNoMoreMissingServersThanCanBeMerged) {
  Mesh mesh(kSelfId);
  mesh.Add(Offer(7, {7}), Id(1), false);
  std::vector<int32_t> many(999, 8);
  EXPECT_THAT(mesh.Missing(Offer(7, many)), ElementsAre(At(8)));
  for (int32_t id = 9; id < 100; ++id) many.push_back(id);
  EXPECT_EQ(mesh.Missing(Offer(7, many)).size(), kMaxServers - 2);
}

TEST(MeshTest, SeesWhomTheOtherHasNotBeenToldOf) {
  Mesh mesh(kSelfId);
  mesh.Add(Offer(7, {7}), Id(1), false);
  EXPECT_FALSE(mesh.AllKnowEachOther(Offer(kSelfId, {}), Offer(8, {8})));
  EXPECT_TRUE(mesh.AllKnowEachOther(Offer(kSelfId, {kSelfId, 7}), Offer(8, {8})));
  EXPECT_TRUE(mesh.AllKnowEachOther(Offer(kSelfId, {}), Offer(8, {8, 7})));
  mesh.Add(Offer(6, {}), Id(2), false);  // of whom nobody can be told
  EXPECT_TRUE(mesh.AllKnowEachOther(Offer(kSelfId, {7}), Offer(8, {8})));
}

// ---- Hub ----

const FakeDialect& Free() {
  static const FakeDialect dialect({.name = "free", .takes_files = true});
  return dialect;
}
const FakeDialect& Consent() {
  static const FakeDialect dialect({.name = "consent",
                                    .answers = {RequestKind::kTalk},
                                    .private_messages = PrivateMessages::kTalks,
                                    .ascii_names = true});
  return dialect;
}
const FakeDialect& None() {
  static const FakeDialect dialect(
      {.name = "none", .answers = {}, .private_messages = PrivateMessages::kNone});
  return dialect;
}

Limits SmallWindow() {
  Limits limits;
  limits.file_window = 4 * kFileChunkBytes;
  return limits;
}

// Server 100, with two users who are free to write to everybody, one who needs consent, and one who
// writes to nobody. Links are played by hand: "l7" is how news name the one to server 7.
class HubMeshTest : public ::testing::Test {
 protected:
  explicit HubMeshTest(int32_t server_id = kSelfId)
      : hub_({.dialects = {&Free(), &Consent(), &None()},
              .shards = 1,
              .limits = SmallWindow(),
              .wake = [](uint32_t) {},
              .server_id = server_id,
              .dial = [this](const Sibling& server) { dialed_.push_back(server.id); },
              .random = [] { return 1; },
              .now = [this] { return now_; }}) {
    freda_ = In("freda", 0, 1);
    frank_ = In("frank", 0, 2);
    conny_ = In("conny", 1, 3);
    nora_ = In("nora", 2, 4);
  }

  SessionId In(const std::string& name, size_t dialect, uint32_t slot) {
    Hub::LoginReply reply = hub_.Login(Id(slot), dialect, name);
    EXPECT_EQ(reply.result, LoginResult::kAccepted);
    names_[slot] = name;
    if (name == "freda") out_.Follow(std::move(reply.start));
    return Id(slot);
  }
  std::optional<Sibling> Self() const { return At(hub_.server_id()); }
  SessionId Link(int32_t server, uint32_t more = 0) {
    const uint32_t slot = 100 + 10 * static_cast<uint32_t>(server) + more;
    names_[slot] = absl::StrCat("l", server, more == 0 ? "" : absl::StrCat(".", more));
    return Id(slot);
  }
  // Server `id` asks to merge, and is.
  SessionId Merged(int32_t id, const std::vector<int32_t>& siblings = {}) {
    const SessionId link = Link(id);
    std::vector<int32_t> all = {id};
    all.insert(all.end(), siblings.begin(), siblings.end());
    hub_.AskToMerge(link, Offer(id, all), Self());
    std::vector<Mail> mail;
    hub_.TakeMail(0, mail);
    const Event* event = mail.empty() ? nullptr : std::get_if<Event>(&mail.back().what);
    EXPECT_TRUE(event != nullptr && std::holds_alternative<MergeAnswer>(*event) &&
                std::get<MergeAnswer>(*event).accepted);
    return link;
  }
  bool Forward(SessionId link, const Event& event) {
    bool wait = false;
    const bool taken = hub_.Forward(link, event, &wait);
    EXPECT_FALSE(wait);
    return taken;
  }
  std::vector<std::string> News() {
    std::vector<Mail> mail;
    hub_.TakeMail(0, mail);
    std::vector<std::string> lines;
    for (const Mail& one : mail) {
      const Event* event = std::get_if<Event>(&one.what);
      const char* other = std::holds_alternative<Cut>(one.what)        ? "Cut"
                          : std::holds_alternative<FileRoom>(one.what) ? "Room"
                                                                       : "something else";
      lines.push_back(
          absl::StrCat(names_[one.to.slot], ": ", event == nullptr ? other : ToString(*event)));
    }
    return lines;
  }
  std::vector<int32_t> Servers() {
    std::vector<int32_t> ids;
    for (const ServerInfo& server : hub_.Servers()) ids.push_back(server.id);
    return ids;
  }
  std::vector<int32_t> TakeDialed() { return std::exchange(dialed_, {}); }
  // What was said publicly to those of the first dialect since the last time.
  std::string Room() {
    std::string said;
    iovec pieces[8];
    while (const size_t n = out_.Gather(hub_.log(0).head(), 1 << 20, absl::MakeSpan(pieces))) {
      size_t bytes = 0;
      for (size_t i = 0; i < n; ++i) {
        said.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
        bytes += pieces[i].iov_len;
      }
      out_.Consume(bytes);
    }
    return said;
  }
  uint64_t Count(Counter counter) { return hub_.counters().value(counter); }

  absl::Time now_ = absl::UnixEpoch();
  std::map<uint32_t, std::string> names_;
  std::vector<int32_t> dialed_;
  Hub hub_;
  fanout::Outbox out_;  // freda's
  SessionId freda_, frank_, conny_, nora_;
};

// ---- Merging ----

TEST_F(HubMeshTest, AnswersWithItsOwnSiblingsAndConnectsToTheOthers) {
  hub_.AskToMerge(Link(7), Offer(7, {7, 8}), Self());
  EXPECT_THAT(News(), ElementsAre(absl::StrCat(
                          "l7: ", ToString(Event(MergeAnswer{Offer(kSelfId, {kSelfId})})))));
  EXPECT_THAT(TakeDialed(), ElementsAre(8));
  hub_.AskToMerge(Link(9), Offer(9, {}), Self());
  EXPECT_THAT(News(), ElementsAre(absl::StrCat(
                          "l9: ", ToString(Event(MergeAnswer{Offer(kSelfId, {kSelfId, 7})})))));
  EXPECT_THAT(Servers(), ElementsAre(7, 9));
  EXPECT_THAT(TakeDialed(), IsEmpty());
}

TEST_F(HubMeshTest, RefusesWithTheReasonAndChangesNothing) {
  Merged(7);
  const auto refused = [&](const MergeOffer& offer) {
    hub_.AskToMerge(Link(5), offer, Self());
    std::vector<Mail> mail;
    hub_.TakeMail(0, mail);
    const MergeAnswer answer = std::get<MergeAnswer>(std::get<Event>(mail.at(0).what));
    EXPECT_FALSE(answer.accepted);
    return answer.refusal;
  };
  EXPECT_EQ(refused(Offer(7, {7})), MergeRefusal::kMerged);
  EXPECT_EQ(refused(Offer(5, {5, 1, 2, 3, 4, 6, 8, 9, 10})), MergeRefusal::kTooMany);
  EXPECT_EQ(refused({5, {{7, 1, 1}}}), MergeRefusal::kConflict);
  EXPECT_THAT(Servers(), ElementsAre(7));
  EXPECT_THAT(TakeDialed(), IsEmpty());
  EXPECT_EQ(Count(Counter::kRefusedMerges), 3);
  EXPECT_EQ(hub_.LinkEnded(Link(5)), 0);
  EXPECT_THAT(Servers(), ElementsAre(7));
}

TEST_F(HubMeshTest, AnAcceptedOfferMerges) {
  EXPECT_EQ(hub_.OfferMerge(Link(7), At(7), Self()), Offer(kSelfId, {kSelfId}));
  EXPECT_THAT(Servers(), IsEmpty());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {Offer(7, {7, 8})}, Self()), LinkResult::kMerged);
  EXPECT_THAT(Servers(), ElementsAre(7));
  EXPECT_THAT(TakeDialed(), ElementsAre(8));
  EXPECT_TRUE(hub_.Servers()[0].opened_here);
  EXPECT_EQ(hub_.Servers()[0].at, At(7));
}

TEST_F(HubMeshTest, ARefusedOfferDoesNot) {
  for (const auto& [refusal, result] : std::vector<std::pair<MergeRefusal, LinkResult>>{
           {MergeRefusal::kMerged, LinkResult::kAlready},
           {MergeRefusal::kTooMany, LinkResult::kRefused},
           {MergeRefusal::kConflict, LinkResult::kRefused}}) {
    hub_.OfferMerge(Link(7), At(7), Self());
    EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {std::nullopt, refusal}, Self()), result);
  }
  EXPECT_THAT(Servers(), IsEmpty());
}

TEST_F(HubMeshTest, AnAnswerThatWouldMakeTooManyIsRefused) {
  hub_.OfferMerge(Link(7), At(7), Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {Offer(7, {7, 1, 2, 3, 4, 5, 6, 8, 9, 10})}, Self()),
            LinkResult::kRefused);
  hub_.OfferMerge(Link(7), At(7), Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {Offer(kSelfId, {})}, Self()), LinkResult::kRefused);
  EXPECT_THAT(Servers(), IsEmpty());
  EXPECT_THAT(TakeDialed(), IsEmpty());
  EXPECT_EQ(Count(Counter::kRefusedMerges), 2);
}

TEST_F(HubMeshTest, OnlyWhoWasAskedAnswers) {
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {Offer(7, {7})}, Self()), LinkResult::kRefused);
  hub_.OfferMerge(Link(7), At(7), Self());
  hub_.LinkEnded(Link(7));
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {Offer(7, {7})}, Self()), LinkResult::kRefused);
  EXPECT_THAT(Servers(), IsEmpty());
}

// 7 joins while 8 considers an offer that does not tell of 7; 7 was not told of 8 either.
TEST_F(HubMeshTest, AnOfferThatIsTooOldIsMadeAnew) {
  hub_.OfferMerge(Link(8), At(8), Self());
  Merged(7);
  EXPECT_EQ(hub_.OnMergeAnswer(Link(8), {Offer(8, {8})}, Self()), LinkResult::kAgain);
  EXPECT_THAT(Servers(), ElementsAre(7));
  EXPECT_EQ(hub_.OfferMerge(Link(8, 1), At(8), Self()), Offer(kSelfId, {kSelfId, 7}));
  EXPECT_EQ(hub_.OnMergeAnswer(Link(8, 1), {Offer(8, {8})}, Self()), LinkResult::kMerged);
  EXPECT_THAT(Servers(), ElementsAre(7, 8));
}

// ---- Both at once ----

// This server is the lower or the higher id of the two; its own connection is answered first, or
// the other's is.
class BothAtOnceTest : public HubMeshTest {
 protected:
  BothAtOnceTest() : HubMeshTest(5) {}
};

TEST_F(BothAtOnceTest, TheLowerIdRefusesWhileItAsksItself) {
  hub_.OfferMerge(Link(7), At(7), Self());
  hub_.AskToMerge(Link(7, 1), Offer(7, {7}), Self());
  EXPECT_THAT(News(),
              ElementsAre(absl::StrCat(
                  "l7.1: ", ToString(Event(MergeAnswer{std::nullopt, MergeRefusal::kMerged})))));
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7), {Offer(7, {7})}, Self()), LinkResult::kMerged);
  EXPECT_EQ(hub_.Servers()[0].link, Link(7));
}

TEST_F(BothAtOnceTest, TheLowerIdRefusesOneThatDoesNotSayWhereItIsByItsId) {
  hub_.OfferMerge(Link(7), At(7), Self());
  hub_.AskToMerge(Link(7, 1), Offer(7, {}), Self());
  EXPECT_THAT(Servers(), IsEmpty());
  hub_.AskToMerge(Link(8), Offer(8, {8}), Self());  // somebody else is not concerned
  EXPECT_THAT(Servers(), ElementsAre(8));
}

TEST_F(BothAtOnceTest, TheHigherIdAcceptsWhileItAsksItself) {
  hub_.OfferMerge(Link(3), At(3), Self());
  hub_.AskToMerge(Link(3, 1), Offer(3, {3}), Self());
  EXPECT_THAT(Servers(), ElementsAre(3));
  EXPECT_EQ(hub_.OnMergeAnswer(Link(3), {std::nullopt, MergeRefusal::kMerged}, Self()),
            LinkResult::kAlready);
  EXPECT_EQ(hub_.Servers()[0].link, Link(3, 1));
}

// The other's question came before this server's connection was there: both accept both.
TEST_F(BothAtOnceTest, IfBothAcceptedTheLowerIdsConnectionSurvivesHere) {
  const SessionId theirs = Merged(7);
  hub_.OfferMerge(Link(7, 1), {0, At(7).ipv4, At(7).port}, Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(7, 1), {Offer(7, {7, 8})}, Self()), LinkResult::kMerged);
  EXPECT_THAT(News(), ElementsAre("l7: Cut"));
  EXPECT_EQ(hub_.Servers()[0].link, Link(7, 1));
  EXPECT_TRUE(hub_.Servers()[0].opened_here);
  EXPECT_EQ(hub_.LinkEnded(theirs), 0);
  EXPECT_THAT(Servers(), ElementsAre(7));
}

TEST_F(BothAtOnceTest, IfBothAcceptedTheLowerIdsConnectionSurvivesThere) {
  const SessionId theirs = Merged(3);
  hub_.OfferMerge(Link(3, 1), At(3), Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(3, 1), {Offer(3, {3, 8})}, Self()), LinkResult::kAlready);
  EXPECT_THAT(News(), IsEmpty());
  EXPECT_EQ(hub_.Servers()[0].link, theirs);
  EXPECT_THAT(TakeDialed(), ElementsAre(8));  // whom it has met meanwhile
}

// Its end was not seen here yet, but there.
TEST_F(BothAtOnceTest, TheNewerOfTwoThatWereOpenedHereSurvives) {
  hub_.OfferMerge(Link(3), At(3), Self());
  hub_.OnMergeAnswer(Link(3), {Offer(3, {3})}, Self());
  hub_.OfferMerge(Link(3, 1), At(3), Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(3, 1), {Offer(3, {3})}, Self()), LinkResult::kMerged);
  EXPECT_THAT(News(), ElementsAre("l3: Cut"));
  EXPECT_EQ(hub_.Servers()[0].link, Link(3, 1));
}

TEST_F(BothAtOnceTest, NobodyTakesAServersPlaceByItsId) {
  const SessionId link = Merged(7);
  hub_.OfferMerge(Link(8), At(8), Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(8), {Offer(7, {7})}, Self()), LinkResult::kAlready);
  hub_.OfferMerge(Link(8), At(8), Self());
  EXPECT_EQ(hub_.OnMergeAnswer(Link(8), {MergeOffer{7, {{7, At(8).ipv4, 7773}}}}, Self()),
            LinkResult::kRefused);
  EXPECT_THAT(News(), IsEmpty());
  EXPECT_EQ(hub_.Servers()[0].link, link);
}

// ---- Public messages ----

TEST_F(HubMeshTest, EachServerIsToldWhatIsSaidHereAndNothingElse) {
  const SessionId link = Merged(7);
  Merged(8);
  hub_.Publish(freda_, {T("hi")}, nullptr);
  EXPECT_THAT(News(), ElementsAre("l7: Announcement by freda: \"hi\"",
                                  "l8: Announcement by freda: \"hi\""));
  EXPECT_TRUE(Forward(link, Announcement{{"bob", 7}, O("hello")}));
  hub_.Say(T("the server's own"));
  EXPECT_THAT(News(), IsEmpty());
  EXPECT_EQ(Room(), "1 freda: hi\n2 bob: hello\n3 server: the server's own\n");
  EXPECT_EQ(Count(Counter::kMessagesForwarded), 3);  // two there, one here
}

TEST_F(HubMeshTest, WhoClaimsToBeOfAnotherServerIsNotHeard) {
  const SessionId link = Merged(7);
  Merged(8);
  for (int32_t origin : {0, 8, 9, kSelfId, -7}) {
    EXPECT_FALSE(Forward(link, Announcement{{"bob", origin}, O("hi")})) << origin;
    EXPECT_FALSE(Forward(link, PrivateMessage{{"bob", origin}, {"freda"}, O("hi")})) << origin;
    EXPECT_FALSE(Forward(link, FileChunk{{"bob", origin}, {"freda"}, 1, "f", 1, "x"})) << origin;
    EXPECT_FALSE(Forward(link, Undelivered{{"", origin}, {"freda"}})) << origin;
  }
  for (const char* name : {"", "b b", "bob@7", "b\nb"}) {
    EXPECT_FALSE(Forward(link, Announcement{{name, 7}, O("hi")})) << name;
    EXPECT_FALSE(Forward(link, PrivateMessage{{name, 7}, {"freda"}, O("hi")})) << name;
    EXPECT_FALSE(Forward(link, FileChunk{{name, 7}, {"freda"}, 1, "f", 1, "x"})) << name;
  }
  EXPECT_FALSE(Forward(link, Announcement{{"bob", 7}, O(std::string(kMaxMessageBytes + 1, 'x'))}));
  EXPECT_FALSE(Forward(link, TalkClosed{1, {"bob", 7}}));
  EXPECT_FALSE(Forward(Link(9), Announcement{{"bob", 9}, O("hi")}));
  EXPECT_THAT(News(), IsEmpty());
  EXPECT_EQ(Room(), "");
}

// ---- Private messages ----

TEST_F(HubMeshTest, PrivateMessagesCross) {
  const SessionId link = Merged(7);
  EXPECT_EQ(hub_.SendPrivate(freda_, {"bob", 7}, T("hi")), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("l7: PrivateMessage freda -> bob@7: \"hi\""));
  EXPECT_TRUE(Forward(link, PrivateMessage{{"bob", 7}, {"frank"}, O("hello")}));
  EXPECT_THAT(News(), ElementsAre("frank: PrivateMessage bob@7 -> frank: \"hello\""));
  EXPECT_EQ(Count(Counter::kMessagesForwarded), 2);
}

TEST_F(HubMeshTest, WhatCannotCrossIsRefused) {
  EXPECT_EQ(hub_.SendPrivate(freda_, {"bob", 7}, T("hi")), Delivery::kNoSuchServer);
  Merged(7);
  EXPECT_EQ(hub_.SendPrivate(freda_, {"bob", 8}, T("hi")), Delivery::kNoSuchServer);
  EXPECT_EQ(hub_.SendPrivate(freda_, {"b b", 7}, T("hi")), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendPrivate(nora_, {"bob", 7}, T("hi")), Delivery::kNoConsent);
  EXPECT_EQ(hub_.SendPrivate(freda_, {"bob", 7}, T(std::string(kMaxMessageBytes + 1, 'x'))),
            Delivery::kNotPossible);
  EXPECT_EQ(hub_.Ask(freda_, RequestKind::kRelay, {"bob", 7}, Text()), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.Ask(conny_, RequestKind::kTalk, {"bob", 8}, Text()), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.Ask(conny_, RequestKind::kTalk, {"b b", 7}, Text()), Delivery::kNoSuchUser);
  EXPECT_FALSE(hub_.Kick("bob@7"));
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(HubMeshTest, WhatDoesNotArriveIsReportedToItsServer) {
  const SessionId link = Merged(7);
  for (const char* to : {"nobody", "nora"}) {
    EXPECT_TRUE(Forward(link, PrivateMessage{{"bob", 7}, {to}, O("hi")}));
  }
  EXPECT_THAT(News(), ElementsAre("l7: Undelivered to nobody from bob@7",
                                  "l7: Undelivered to nora from bob@7"));
}

TEST_F(HubMeshTest, OnesOwnReportsComeBack) {
  const SessionId link = Merged(7);
  EXPECT_TRUE(Forward(link, Undelivered{{"", 7}, {"freda"}}));
  EXPECT_TRUE(Forward(link, Undelivered{{"", 7}, {"gone"}}));
  EXPECT_EQ(News().size(), 1);
}

TEST_F(HubMeshTest, AFullMailboxTakesNoMoreReports) {
  const SessionId link = Merged(7);
  Limits limits = SmallWindow();
  limits.mailbox = 2;
  hub_.SetLimits(limits);
  for (int i = 0; i < 5; ++i) Forward(link, Undelivered{{"", 7}, {"freda"}});
  EXPECT_EQ(News().size(), 2);
  EXPECT_EQ(Count(Counter::kRefusedMailbox), 3);
  for (int i = 0; i < 2; ++i) hub_.SendPrivate(freda_, {"bob", 7}, T("hi"));
  EXPECT_EQ(hub_.SendPrivate(freda_, {"bob", 7}, T("hi")), Delivery::kNotPossible);
}

// ---- Consent ----

TEST_F(HubMeshTest, AMessageFromThereWaitsForConsentHere) {
  const SessionId link = Merged(7);
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("one")});
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("two")});
  EXPECT_THAT(News(), ElementsAre("conny: Request talk bob@7 -> conny: \"one\""));
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"bob", 7}, true), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Answer talk bob@7 -> conny: accepted grant 1",
                                  "conny: PrivateMessage bob@7 -> conny: \"one\" (talk 1)",
                                  "conny: PrivateMessage bob@7 -> conny: \"two\" (talk 1)"));
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("three")});
  EXPECT_EQ(hub_.SendPrivate(conny_, {"bob", 7}, T("four")), Delivery::kSent);
  EXPECT_EQ(hub_.SendInTalk(conny_, 1, {"bob", 7}, T("five")), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: PrivateMessage bob@7 -> conny: \"three\" (talk 1)",
                                  "l7: PrivateMessage conny -> bob@7: \"four\" (talk 1)",
                                  "l7: PrivateMessage conny -> bob@7: \"five\" (talk 1)"));
}

TEST_F(HubMeshTest, WithoutConsentTheirServerIsTold) {
  const SessionId link = Merged(7);
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("one")});
  News();
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"bob", 7}, false), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("l7: Undelivered to conny from bob@7"));
  // Nor in time; two of one user's at once.
  In("chris", 1, 5);
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("two")});
  Forward(link, PrivateMessage{{"bob", 7}, {"chris"}, O("three")});
  News();
  now_ += Limits().request;
  hub_.Tick();
  EXPECT_THAT(News(), ElementsAre("l7: Undelivered to conny from bob@7",
                                  "l7: Undelivered to chris from bob@7"));
  // Nor does one who leaves consent.
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("four")});
  News();
  hub_.Logout(conny_);
  EXPECT_THAT(News(), ElementsAre("l7: Undelivered to conny from bob@7"));
}

TEST_F(HubMeshTest, OneWhoNeedsConsentAsksAndHasIt) {
  const SessionId link = Merged(7);
  EXPECT_EQ(hub_.SendPrivate(conny_, {"bob", 7}, T("hi")), Delivery::kNoConsent);
  EXPECT_EQ(hub_.Ask(conny_, RequestKind::kTalk, {"bob", 7}, Text()), Delivery::kSent);
  EXPECT_EQ(hub_.SendPrivate(conny_, {"bob", 7}, T("hi")), Delivery::kSent);
  Forward(link, PrivateMessage{{"bob", 7}, {"conny"}, O("hello")});
  EXPECT_THAT(News(), ElementsAre("conny: Answer talk conny -> bob@7: accepted grant 1",
                                  "l7: PrivateMessage conny -> bob@7: \"hi\" (talk 1)",
                                  "conny: PrivateMessage bob@7 -> conny: \"hello\" (talk 1)"));
  EXPECT_EQ(hub_.CloseTalk(conny_, 1, {"bob", 7}), Delivery::kSent);
  EXPECT_EQ(hub_.talk_count(), 0);
  EXPECT_EQ(hub_.SendPrivate(conny_, {"bob", 7}, T("hi")), Delivery::kNoConsent);
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(HubMeshTest, ATalkEndsWithItsUser) {
  Merged(7);
  hub_.Ask(conny_, RequestKind::kTalk, {"bob", 7}, Text());
  hub_.Logout(conny_);
  EXPECT_EQ(hub_.talk_count(), 0);
}

TEST_F(HubMeshTest, ANameFromThereIsTakenBackAsItIsShownInAscii) {
  const SessionId link = Merged(7);
  Forward(link, PrivateMessage{{"zoé", 7}, {"conny"}, O("one")});
  News();
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"zo?", 7}, true), Delivery::kSent);
  News();
  EXPECT_EQ(hub_.SendPrivate(conny_, {"zo?", 7}, T("hi")), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("l7: PrivateMessage conny -> zo\\xc3\\xa9@7: \"hi\" (talk 1)"));
  // Not if it means two.
  Forward(link, PrivateMessage{{"zoè", 7}, {"conny"}, O("one")});
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"zo?", 7}, true),
            Delivery::kNoSuchUser);
  // Again once it means one.
  hub_.LinkEnded(link);
  Merged(7);
  Forward(link, PrivateMessage{{"zoè", 7}, {"conny"}, O("one")});
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"zo?", 7}, true), Delivery::kSent);
}

// ---- A link ends ----

TEST_F(HubMeshTest, UsersOfALostServerAreGoneAtOnce) {
  const SessionId link = Merged(7);
  const SessionId other = Merged(8);
  In("chris", 1, 5);
  for (const char* to : {"conny", "chris"}) {
    Forward(link, PrivateMessage{{"bob", 7}, {to}, O("one")});
  }
  Forward(other, PrivateMessage{{"eve", 8}, {"conny"}, O("two")});
  hub_.Ask(conny_, RequestKind::kTalk, {"carl", 7}, Text());
  hub_.Ask(conny_, RequestKind::kTalk, {"dora", 8}, Text());
  EXPECT_EQ(hub_.talk_count(), 2);
  News();
  EXPECT_EQ(hub_.LinkEnded(link), 7);
  EXPECT_THAT(News(), ElementsAre("conny: TalkClosed (talk 1) by carl@7"));
  EXPECT_THAT(Servers(), ElementsAre(8));
  EXPECT_EQ(hub_.talk_count(), 1);
  EXPECT_EQ(hub_.SendPrivate(freda_, {"bob", 7}, T("hi")), Delivery::kNoSuchServer);
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"bob", 7}, true),
            Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.AnswerRequest(conny_, RequestKind::kTalk, {"eve", 8}, true), Delivery::kSent);
  EXPECT_FALSE(Forward(link, Announcement{{"bob", 7}, O("hi")}));
  EXPECT_EQ(hub_.LinkEnded(link), 0);
  EXPECT_EQ(Room(), "");
}

TEST_F(HubMeshTest, ALostServerMayComeBack) {
  hub_.LinkEnded(Merged(7));
  const SessionId link = Merged(7);
  EXPECT_THAT(Servers(), ElementsAre(7));
  EXPECT_TRUE(Forward(link, Announcement{{"bob", 7}, O("back")}));
  EXPECT_EQ(Room(), "1 bob: back\n");
}

// ---- Files ----

FileChunk Chunk(User from, User to) {
  return {std::move(from), std::move(to), 3, "f", 1, std::string(kFileChunkBytes, 'x')};
}

TEST_F(HubMeshTest, FilesCross) {
  const SessionId link = Merged(7);
  bool wait = false;
  EXPECT_EQ(hub_.SendFileChunk(freda_, Chunk({"anybody"}, {"bob", 7}), &wait), Delivery::kSent);
  EXPECT_THAT(News(),
              ElementsAre("l7: FileChunk freda -> bob@7: transfer 3 \"f\" 1024 bytes of 1 chunks"));
  EXPECT_TRUE(Forward(link, Chunk({"bob", 7}, {"freda"})));
  EXPECT_THAT(
      News(),
      ElementsAre("freda: FileChunk bob@7 -> freda: transfer 3 \"f\" 1024 bytes of 1 chunks"));
  EXPECT_FALSE(wait);
  EXPECT_EQ(Count(Counter::kFileBytes), 2 * kFileChunkBytes);
}

TEST_F(HubMeshTest, FilesReachOnlyThoseWhoTakeThem) {
  const SessionId link = Merged(7);
  bool wait = false;
  EXPECT_EQ(hub_.SendFileChunk(freda_, Chunk({}, {"conny"}), &wait), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendFileChunk(freda_, Chunk({}, {"nobody"}), &wait), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendFileChunk(freda_, Chunk({}, {"b b", 7}), &wait), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendFileChunk(freda_, Chunk({}, {"bob", 8}), &wait), Delivery::kNoSuchServer);
  EXPECT_THAT(News(), IsEmpty());
  for (const char* to : {"conny", "nobody"}) Forward(link, Chunk({"bob", 7}, {to}));
  EXPECT_THAT(News(), ElementsAre("l7: Undelivered to conny from bob@7",
                                  "l7: Undelivered to nobody from bob@7"));
}

TEST_F(HubMeshTest, ARefusedFileIsToldToItsSender) {
  bool wait = false;
  hub_.SendFileChunk(freda_, Chunk({}, {"frank"}), &wait);
  News();
  EXPECT_EQ(hub_.RefuseFile(frank_, {"freda"}), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("freda: Undelivered to frank from freda"));
  EXPECT_EQ(Count(Counter::kRefusedFiles), 1);
  // One refusal for each file, and only of who has sent one.
  EXPECT_EQ(hub_.RefuseFile(frank_, {"freda"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.RefuseFile(frank_, {"conny"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.RefuseFile(freda_, {"frank"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.RefuseFile(Id(99), {"freda"}), Delivery::kNotPossible);
  EXPECT_THAT(News(), IsEmpty());
  EXPECT_EQ(Count(Counter::kRefusedFiles), 1);

  hub_.SendFileChunk(freda_, Chunk({}, {"frank"}), &wait);
  EXPECT_EQ(hub_.RefuseFile(frank_, {"freda"}), Delivery::kSent);
}

TEST_F(HubMeshTest, ARefusedFileIsToldToItsSenderOnAnotherServer) {
  const SessionId link = Merged(7);
  Forward(link, Chunk({"bob", 7}, {"freda"}));
  News();
  EXPECT_EQ(hub_.RefuseFile(freda_, {"bob"}), Delivery::kNotPossible);  // somebody else
  EXPECT_EQ(hub_.RefuseFile(freda_, {"bob", 7}), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("l7: Undelivered to freda from bob@7"));
  EXPECT_EQ(hub_.RefuseFile(freda_, {"bob", 7}), Delivery::kNotPossible);

  Forward(link, Chunk({"bob", 7}, {"freda"}));
  hub_.LinkEnded(link);
  News();
  EXPECT_EQ(hub_.RefuseFile(freda_, {"bob", 7}), Delivery::kNoSuchServer);
}

TEST_F(HubMeshTest, ARefusedFileOfWhoHasLeftIsToldToNobody) {
  bool wait = false;
  hub_.SendFileChunk(freda_, Chunk({}, {"frank"}), &wait);
  hub_.Logout(freda_);
  News();
  EXPECT_EQ(hub_.RefuseFile(frank_, {"freda"}), Delivery::kNoSuchUser);
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(HubMeshTest, ASlowReceiverHoldsItsSendersUp) {
  bool wait = false;
  for (int i = 0; i < 3; ++i) hub_.SendFileChunk(freda_, Chunk({}, {"frank"}), &wait);
  EXPECT_FALSE(wait);
  hub_.SendFileChunk(freda_, Chunk({}, {"frank"}), &wait);
  EXPECT_TRUE(wait);
  EXPECT_EQ(News().size(), 4);
  hub_.FileBytesOut(frank_, kFileChunkBytes);
  EXPECT_THAT(News(), IsEmpty());
  hub_.FileBytesOut(frank_, kFileChunkBytes);
  EXPECT_THAT(News(), ElementsAre("freda: Room"));
}

TEST_F(HubMeshTest, SendersGoOnWhenTheReceiverLeaves) {
  const SessionId link = Merged(7);
  bool wait = false;
  for (int i = 0; i < 4; ++i) hub_.SendFileChunk(freda_, Chunk({}, {"frank"}), &wait);
  for (int i = 0; i < 4; ++i) hub_.SendFileChunk(frank_, Chunk({}, {"bob", 7}), &wait);
  News();
  hub_.Logout(frank_);
  hub_.LinkEnded(link);
  EXPECT_THAT(News(), ElementsAre("freda: Room", "frank: Room"));
}

TEST_F(HubMeshTest, ALinkWaitsForOneReceiverOnlySoLong) {
  const SessionId link = Merged(7);
  bool wait = false;
  for (int i = 0; i < 4; ++i) hub_.Forward(link, Chunk({"bob", 7}, {"freda"}), &wait);
  EXPECT_TRUE(wait);
  News();
  hub_.StopWaiting(link);
  wait = false;
  hub_.Forward(link, Chunk({"bob", 7}, {"freda"}), &wait);
  hub_.Forward(link, Chunk({"bob", 7}, {"frank"}), &wait);
  EXPECT_FALSE(wait);
  EXPECT_THAT(
      News(),
      ElementsAre("l7: Undelivered to freda from bob@7",
                  "frank: FileChunk bob@7 -> frank: transfer 3 \"f\" 1024 bytes of 1 chunks"));
  EXPECT_EQ(Count(Counter::kRefusedFiles), 1);
  hub_.FileBytesOut(freda_, 2 * kFileChunkBytes);
  hub_.Forward(link, Chunk({"bob", 7}, {"freda"}), &wait);
  EXPECT_THAT(
      News(),
      ElementsAre("freda: FileChunk bob@7 -> freda: transfer 3 \"f\" 1024 bytes of 1 chunks"));
}

}  // namespace
}  // namespace chat
