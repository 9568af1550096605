// Where dialects meet: private messages and requests between users whose dialects differ in what
// consent they need.

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/hub/fake_dialect.h"
#include "libchat/hub/hub.h"

namespace chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Text T(absl::string_view text) { return *Text::From(text); }

const FakeDialect& Free() {
  static const FakeDialect dialect({.name = "free"});
  return dialect;
}
const FakeDialect& Consent() {
  static const FakeDialect dialect({.name = "consent",
                                    .answers = {RequestKind::kTalk},
                                    .private_messages = PrivateMessages::kTalks,
                                    .ascii_names = true});
  return dialect;
}
const FakeDialect& Session() {
  static const FakeDialect dialect({.name = "session",
                                    .has_public_room = false,
                                    .answers = {RequestKind::kTalk},
                                    .private_messages = PrivateMessages::kTalks,
                                    .max_private_bytes = 4096,
                                    .shows_reason = true});
  return dialect;
}
const FakeDialect& Direct() {
  static const FakeDialect dialect({.name = "direct",
                                    .answers = {RequestKind::kDirect},
                                    .private_messages = PrivateMessages::kNone});
  return dialect;
}

constexpr size_t kFree = 0;
constexpr size_t kConsent = 1;
constexpr size_t kSession = 2;
constexpr size_t kDirect = 3;

// One user of each dialect, and another of the first two.
class MeetingTest : public ::testing::Test {
 protected:
  MeetingTest()
      : hub_({.dialects = {&Free(), &Consent(), &Session(), &Direct()},
              .shards = 1,
              .limits = Limits(),
              .wake = [](uint32_t) {},
              // Talks get the numbers 1, 99999, 99998, ...
              .random = [] { return 1; },
              .now = [this] { return now_; }}) {
    freda_ = In("freda", kFree);
    frank_ = In("frank", kFree);
    conny_ = In("conny", kConsent);
    chris_ = In("chris", kConsent);
    sessy_ = In("sessy", kSession);
    dirk_ = In("dirk", kDirect);
  }

  SessionId In(const std::string& name, size_t dialect) {
    SessionId id;
    id.generation = 1;
    id.slot = static_cast<uint32_t>(names_.size());
    names_.push_back(name);
    EXPECT_EQ(hub_.Login(id, dialect, name).result, LoginResult::kAccepted);
    return id;
  }
  Delivery Say(SessionId from, absl::string_view to, absl::string_view body) {
    return hub_.SendPrivate(from, {to}, T(body));
  }
  Delivery AskTalk(SessionId from, absl::string_view to, absl::string_view reason = "") {
    return hub_.Ask(from, RequestKind::kTalk, {to}, T(reason));
  }
  Delivery AnswerTalk(SessionId by, absl::string_view asker, bool accept) {
    return hub_.AnswerRequest(by, RequestKind::kTalk, {asker}, accept);
  }
  // Two who have to agree. Returns the number of their talk.
  TalkNumber Agree(SessionId asker, SessionId target) {
    EXPECT_EQ(AskTalk(asker, names_[target.slot]), Delivery::kSent);
    EXPECT_EQ(AnswerTalk(target, names_[asker.slot], true), Delivery::kSent);
    std::vector<Mail> mail;
    hub_.TakeMail(0, mail);
    EXPECT_EQ(mail.size(), 3u);
    return static_cast<TalkNumber>(std::get<Answer>(std::get<Event>(mail.back().what)).grant);
  }
  // A line each: the receiver, and what it got.
  std::vector<std::string> News() {
    std::vector<Mail> mail;
    hub_.TakeMail(0, mail);
    std::vector<std::string> lines;
    for (const Mail& one : mail) {
      const Event* event = std::get_if<Event>(&one.what);
      lines.push_back(absl::StrCat(names_[one.to.slot], ": ",
                                   event == nullptr ? "something else" : ToString(*event)));
    }
    return lines;
  }
  uint64_t Count(Counter counter) { return hub_.counters().value(counter); }

  absl::Time now_ = absl::UnixEpoch();
  std::vector<std::string> names_;
  Hub hub_;
  SessionId freda_, frank_, conny_, chris_, sessy_, dirk_;
};

TEST_F(MeetingTest, WhoNeedsNoConsentWritesAtOnce) {
  EXPECT_EQ(Say(freda_, "frank", "hi"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("frank: PrivateMessage freda -> frank: \"hi\""));
}

TEST_F(MeetingTest, WhoseDialectHasConsentNeedsItTowardsEverybody) {
  EXPECT_EQ(Say(conny_, "chris", "hi"), Delivery::kNoConsent);
  EXPECT_EQ(Say(conny_, "freda", "hi"), Delivery::kNoConsent);
  EXPECT_EQ(Say(conny_, "sessy", "hi"), Delivery::kNoConsent);
  EXPECT_EQ(Say(conny_, "nobody", "hi"), Delivery::kNoSuchUser);
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(MeetingTest, NobodyWritesThroughTheServerToOneWithoutPrivateMessages) {
  EXPECT_EQ(Say(freda_, "dirk", "hi"), Delivery::kNoSuchUser);
  EXPECT_EQ(Say(conny_, "dirk", "hi"), Delivery::kNoSuchUser);
  EXPECT_EQ(AskTalk(conny_, "dirk"), Delivery::kNoSuchUser);
  EXPECT_EQ(AskTalk(sessy_, "dirk"), Delivery::kNoSuchUser);
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(MeetingTest, RequestsReachOnlyThoseWhoCanAnswerThem) {
  for (const char* target : {"conny", "sessy", "dirk"}) {
    EXPECT_EQ(hub_.Ask(freda_, RequestKind::kRelay, {target}, Text()), Delivery::kNoSuchUser);
  }
  for (const char* target : {"freda", "conny", "sessy"}) {
    EXPECT_EQ(hub_.Ask(dirk_, RequestKind::kDirect, {target}, Text()), Delivery::kNoSuchUser);
  }
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(MeetingTest, AcceptedRequestIsConsentInBothDirections) {
  EXPECT_EQ(AskTalk(conny_, "chris", "why not"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("chris: Request talk conny -> chris: \"why not\""));
  EXPECT_EQ(Say(conny_, "chris", "hi"), Delivery::kNoConsent);
  EXPECT_EQ(AnswerTalk(chris_, "conny", true), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Answer talk conny -> chris: accepted grant 1",
                                  "chris: Answer talk conny -> chris: accepted grant 1"));
  EXPECT_EQ(Say(conny_, "chris", "hi"), Delivery::kSent);
  EXPECT_EQ(Say(chris_, "conny", "hello"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("chris: PrivateMessage conny -> chris: \"hi\" (talk 1)",
                                  "conny: PrivateMessage chris -> conny: \"hello\" (talk 1)"));
  EXPECT_EQ(hub_.talk_count(), 1u);
}

TEST_F(MeetingTest, RefusedOrUnansweredRequestIsNoConsent) {
  AskTalk(conny_, "chris");
  EXPECT_EQ(AnswerTalk(chris_, "conny", false), Delivery::kSent);
  EXPECT_EQ(AnswerTalk(chris_, "conny", true), Delivery::kNotPossible);
  AskTalk(conny_, "sessy");
  now_ += absl::Seconds(60);
  hub_.Tick();
  EXPECT_EQ(AnswerTalk(sessy_, "conny", true), Delivery::kNotPossible);
  EXPECT_THAT(News(), ElementsAre("chris: Request talk conny -> chris",
                                  "conny: Answer talk conny -> chris: refused",
                                  "sessy: Request talk conny -> sessy",
                                  "conny: Answer talk conny -> sessy: refused"));
  EXPECT_EQ(Say(conny_, "chris", "hi"), Delivery::kNoConsent);
  EXPECT_EQ(hub_.talk_count(), 0u);
}

TEST_F(MeetingTest, WhoNeedsNoConsentAcceptsAtOnce) {
  EXPECT_EQ(AskTalk(conny_, "freda", "unheard"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Answer talk conny -> freda: accepted grant 1"));
  EXPECT_EQ(Say(conny_, "freda", "hi"), Delivery::kSent);
  EXPECT_EQ(Say(freda_, "conny", "hello"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("freda: PrivateMessage conny -> freda: \"hi\" (talk 1)",
                                  "conny: PrivateMessage freda -> conny: \"hello\" (talk 1)"));
}

TEST_F(MeetingTest, AskingAgainGivesTheSameTalkWithoutAsking) {
  const TalkNumber talk = Agree(conny_, sessy_);
  EXPECT_EQ(AskTalk(sessy_, "conny"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre(absl::StrCat("sessy: Answer talk sessy -> conny: accepted grant ",
                                               talk)));
  EXPECT_EQ(hub_.talk_count(), 1u);
}

TEST_F(MeetingTest, TwoWhoAskEachOtherGetOneTalk) {
  AskTalk(conny_, "sessy");
  AskTalk(sessy_, "conny");
  News();
  EXPECT_EQ(AnswerTalk(conny_, "sessy", true), Delivery::kSent);
  EXPECT_EQ(AnswerTalk(sessy_, "conny", true), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("sessy: Answer talk sessy -> conny: accepted grant 1",
                                  "conny: Answer talk sessy -> conny: accepted grant 1",
                                  "conny: Answer talk conny -> sessy: accepted grant 1",
                                  "sessy: Answer talk conny -> sessy: accepted grant 1"));
  EXPECT_EQ(hub_.talk_count(), 1u);
}

TEST_F(MeetingTest, OneMayTalkToOneself) {
  EXPECT_EQ(AskTalk(conny_, "conny"), Delivery::kSent);
  EXPECT_EQ(AnswerTalk(conny_, "conny", true), Delivery::kSent);
  EXPECT_EQ(Say(conny_, "conny", "note"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Request talk conny -> conny",
                                  "conny: Answer talk conny -> conny: accepted grant 1",
                                  "conny: PrivateMessage conny -> conny: \"note\" (talk 1)"));
  hub_.Logout(conny_);
  EXPECT_EQ(hub_.talk_count(), 0u);
  EXPECT_THAT(News(), IsEmpty());
}

// ---- Talks by number ----

TEST_F(MeetingTest, TalkBelongsToItsTwoUsers) {
  const TalkNumber talk = Agree(sessy_, conny_);
  EXPECT_EQ(hub_.SendInTalk(sessy_, talk, {"conny"}, T("hi")), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: PrivateMessage sessy -> conny: \"hi\" (talk 1)"));
  EXPECT_EQ(hub_.SendInTalk(sessy_, talk - 1, {"conny"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.SendInTalk(sessy_, kNoTalk, {"conny"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.SendInTalk(sessy_, talk, {"chris"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.SendInTalk(sessy_, talk, {"nobody"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.SendInTalk(chris_, talk, {"conny"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.SendInTalk(chris_, kNoTalk, {"conny"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseTalk(chris_, talk, {"conny"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseTalk(chris_, kNoTalk, {"conny"}), Delivery::kNotPossible);
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(MeetingTest, ClosedTalkIsOver) {
  const TalkNumber talk = Agree(sessy_, conny_);
  EXPECT_EQ(hub_.CloseTalk(sessy_, talk, {"conny"}), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: TalkClosed (talk 1) by sessy"));
  EXPECT_EQ(hub_.SendInTalk(sessy_, talk, {"conny"}, T("hi")), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseTalk(conny_, talk, {"sessy"}), Delivery::kNotPossible);
  EXPECT_EQ(Say(conny_, "sessy", "hi"), Delivery::kNoConsent);
}

TEST_F(MeetingTest, TalksEndWithTheirUser) {
  Agree(sessy_, conny_);
  Agree(sessy_, chris_);
  hub_.Logout(sessy_);
  EXPECT_THAT(News(), ElementsAre("conny: TalkClosed (talk 1) by sessy",
                                  "chris: TalkClosed (talk 99999) by sessy"));
  EXPECT_EQ(hub_.talk_count(), 0u);
  // Who has the name next has no consent.
  In("sessy", kSession);
  EXPECT_EQ(Say(conny_, "sessy", "hi"), Delivery::kNoConsent);
}

TEST_F(MeetingTest, TalksAreBounded) {
  Limits limits;
  limits.talks_per_user = 1;
  hub_.SetLimits(limits);
  Agree(conny_, sessy_);
  EXPECT_EQ(AskTalk(conny_, "freda"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Answer talk conny -> freda: failed"));
  EXPECT_EQ(AskTalk(chris_, "sessy"), Delivery::kSent);
  EXPECT_EQ(AnswerTalk(sessy_, "chris", true), Delivery::kNotPossible);
  EXPECT_THAT(News(), ElementsAre("sessy: Request talk chris -> sessy",
                                  "chris: Answer talk chris -> sessy: failed"));
  EXPECT_EQ(Count(Counter::kRefusedTalksPerUser), 2u);
}

TEST_F(MeetingTest, TalksInAllAreBounded) {
  Limits limits;
  limits.talks_per_user = kUnlimited;
  hub_.SetLimits(limits);
  std::vector<SessionId> users;
  while (hub_.talk_count() < static_cast<size_t>(kMaxTalks)) {
    users.push_back(In(absl::StrCat("user", users.size()), kConsent));
    for (size_t i = 0; i + 1 < users.size(); ++i) {
      if (hub_.talk_count() == static_cast<size_t>(kMaxTalks)) break;
      Agree(users[i], users.back());
    }
  }
  AskTalk(conny_, "chris");
  EXPECT_EQ(AnswerTalk(chris_, "conny", true), Delivery::kNotPossible);
  EXPECT_THAT(News(), ElementsAre("chris: Request talk conny -> chris",
                                  "conny: Answer talk conny -> chris: failed"));
  EXPECT_EQ(Count(Counter::kRefusedTalks), 1u);
  EXPECT_EQ(Count(Counter::kTalksOpened), static_cast<uint64_t>(kMaxTalks));
}

// ---- Messages that wait for consent ----

TEST_F(MeetingTest, MessageOfOneWhoCannotAskWaitsForConsent) {
  EXPECT_EQ(Say(freda_, "conny", "one"), Delivery::kSent);
  EXPECT_EQ(Say(freda_, "conny", "two"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Request talk freda -> conny: \"one\""));
  EXPECT_TRUE(hub_.WaitsForConsent(freda_));
  EXPECT_EQ(AnswerTalk(conny_, "freda", true), Delivery::kSent);
  EXPECT_FALSE(hub_.WaitsForConsent(freda_));
  EXPECT_EQ(Say(freda_, "conny", "three"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("freda: Answer talk freda -> conny: accepted grant 1",
                                  "conny: Answer talk freda -> conny: accepted grant 1",
                                  "conny: PrivateMessage freda -> conny: \"one\" (talk 1)",
                                  "conny: PrivateMessage freda -> conny: \"two\" (talk 1)",
                                  "conny: PrivateMessage freda -> conny: \"three\" (talk 1)"));
}

TEST_F(MeetingTest, WhatTheRequestHasShownIsNotSaidAgain) {
  Say(freda_, "sessy", "one");
  Say(freda_, "sessy", "two");
  EXPECT_EQ(AnswerTalk(sessy_, "freda", true), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("sessy: Request talk freda -> sessy: \"one\"",
                                  "freda: Answer talk freda -> sessy: accepted grant 1",
                                  "sessy: Answer talk freda -> sessy: accepted grant 1",
                                  "sessy: PrivateMessage freda -> sessy: \"two\" (talk 1)"));
}

TEST_F(MeetingTest, WithoutConsentEachMessageIsReportedLost) {
  Say(freda_, "conny", "one");
  Say(freda_, "conny", "two");
  AnswerTalk(conny_, "freda", false);
  Say(frank_, "conny", "three");
  now_ += absl::Seconds(60);
  hub_.Tick();
  Say(freda_, "chris", "four");
  hub_.Logout(chris_);
  EXPECT_THAT(
      News(),
      ElementsAre(
          "conny: Request talk freda -> conny: \"one\"",
          "freda: Answer talk freda -> conny: refused", "freda: Undelivered to conny from freda",
          "freda: Undelivered to conny from freda", "conny: Request talk frank -> conny: \"three\"",
          "frank: Answer talk frank -> conny: refused", "frank: Undelivered to conny from frank",
          "chris: Request talk freda -> chris: \"four\"",
          "freda: Answer talk freda -> chris: absent", "freda: Undelivered to chris from freda"));
}

TEST_F(MeetingTest, WhatWaitsIsDeliveredWhenTheOtherAsks) {
  Say(freda_, "conny", "one");
  AskTalk(conny_, "freda");
  EXPECT_THAT(News(), ElementsAre("conny: Request talk freda -> conny: \"one\"",
                                  "conny: Answer talk conny -> freda: accepted grant 1",
                                  "conny: PrivateMessage freda -> conny: \"one\" (talk 1)"));
  // The request that the message was for is still there to be answered.
  EXPECT_EQ(AnswerTalk(conny_, "freda", true), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("freda: Answer talk freda -> conny: accepted grant 1",
                                  "conny: Answer talk freda -> conny: accepted grant 1"));
}

TEST_F(MeetingTest, WhatWaitsDiesWithItsSender) {
  Say(freda_, "conny", "one");
  News();
  hub_.Logout(freda_);
  EXPECT_EQ(AnswerTalk(conny_, "freda", true), Delivery::kNoSuchUser);
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(MeetingTest, WhatWaitsIsBounded) {
  Limits limits;
  limits.held_messages = 2;
  limits.held_bytes = 10;
  limits.held_bytes_in_all = 15;
  hub_.SetLimits(limits);
  EXPECT_EQ(Say(freda_, "conny", "12345"), Delivery::kSent);
  EXPECT_EQ(Say(freda_, "conny", "123456"), Delivery::kNotPossible);
  EXPECT_EQ(Say(freda_, "conny", "12345"), Delivery::kSent);
  EXPECT_EQ(Say(freda_, "conny", ""), Delivery::kNotPossible);
  EXPECT_EQ(Count(Counter::kRefusedHeldPerPair), 2u);
  EXPECT_EQ(Say(freda_, "chris", "123456"), Delivery::kNotPossible);
  EXPECT_EQ(Count(Counter::kRefusedHeldInAll), 1u);
  EXPECT_EQ(Say(frank_, "conny", "12345"), Delivery::kSent);
  AnswerTalk(conny_, "freda", false);
  EXPECT_EQ(Say(freda_, "chris", "123456"), Delivery::kSent);
  EXPECT_EQ(Count(Counter::kMessagesHeld), 4u);
}

TEST_F(MeetingTest, HeldMessageKeepsTheBoundsOfRequests) {
  Limits limits;
  limits.requests_per_sender = 1;
  hub_.SetLimits(limits);
  EXPECT_EQ(Say(freda_, "conny", "one"), Delivery::kSent);
  EXPECT_EQ(Say(freda_, "chris", "two"), Delivery::kNotPossible);
  EXPECT_EQ(Count(Counter::kRefusedRequestsPerSender), 1u);
  News();
  // Nothing of it was kept.
  Agree(chris_, conny_);
  EXPECT_EQ(AskTalk(chris_, "freda"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("chris: Answer talk chris -> freda: accepted grant 99999"));
}

// ---- What a dialect can take ----

TEST_F(MeetingTest, MessageTooLongForItsReceiverIsRefused) {
  const std::string longer(kMaxMessageBytes + 1, 'x');
  EXPECT_EQ(Say(freda_, "frank", longer), Delivery::kNotPossible);
  EXPECT_EQ(Say(freda_, "conny", longer), Delivery::kNotPossible);
  EXPECT_EQ(Say(freda_, "sessy", longer), Delivery::kSent);
  EXPECT_EQ(AskTalk(sessy_, "conny", longer), Delivery::kNotPossible);
  News();
  const TalkNumber talk = Agree(sessy_, chris_);
  EXPECT_EQ(hub_.SendInTalk(sessy_, talk, {"chris"}, T(longer)), Delivery::kNotPossible);
}

TEST_F(MeetingTest, NameIsTakenBackAsItIsShownInAscii) {
  In("ren\u00e9", kFree);
  EXPECT_EQ(AskTalk(conny_, "ren?"), Delivery::kSent);
  EXPECT_THAT(News(), ElementsAre("conny: Answer talk conny -> ren\\xc3\\xa9: accepted grant 1"));
  EXPECT_EQ(Say(conny_, "ren?", "hi"), Delivery::kSent);
  // Only for those who cannot say it otherwise.
  EXPECT_EQ(Say(freda_, "ren?", "hi"), Delivery::kNoSuchUser);
  // Not if it may be two.
  const SessionId second = In("ren\u00e8", kFree);
  EXPECT_EQ(Say(conny_, "ren?", "hi"), Delivery::kNoSuchUser);
  hub_.Logout(second);
  EXPECT_EQ(Say(conny_, "ren?", "hi"), Delivery::kSent);
  // A name that is written so is nobody else's.
  In("ren?", kFree);
  EXPECT_EQ(Say(conny_, "ren?", "hi"), Delivery::kNoConsent);
}

// ---- Direct connections ----

TEST_F(MeetingTest, OnlyTheAskerLearnsWhereToConnect) {
  const SessionId dora = In("dora", kDirect);
  const DirectAddress at{std::string("\x7f\0\0\x01", 4), 7000, 42};
  EXPECT_EQ(hub_.AcceptDirect(dora, {"dirk"}, at), Delivery::kNotPossible);
  EXPECT_EQ(hub_.Ask(dirk_, RequestKind::kDirect, {"dora"}, Text()), Delivery::kSent);
  EXPECT_EQ(hub_.AcceptDirect(dirk_, {"dora"}, at), Delivery::kNotPossible);
  EXPECT_EQ(hub_.AcceptDirect(dora, {"dirk"}, at), Delivery::kSent);
  EXPECT_EQ(hub_.AcceptDirect(dora, {"dirk"}, at), Delivery::kNotPossible);
  EXPECT_EQ(hub_.AcceptDirect(dora, {"nobody"}, at), Delivery::kNoSuchUser);
  EXPECT_THAT(News(), ElementsAre("dora: Request direct dirk -> dora",
                                  "dirk: Answer direct dirk -> dora: accepted port 7000"));
}

// ---- Accounts ----

TEST_F(MeetingTest, RightPasswordTakesTheNameOver) {
  Agree(sessy_, conny_);
  SessionId newer;
  newer.generation = 1;
  newer.slot = 100;
  EXPECT_EQ(hub_.Login(newer, kFree, "sessy", Hub::LoginRight::kOpen).result, LoginResult::kTaken);
  EXPECT_EQ(hub_.Login(newer, kFree, "sessy", Hub::LoginRight::kAccount).result,
            LoginResult::kTaken);
  EXPECT_EQ(hub_.Login(newer, kFree, "sessy", Hub::LoginRight::kAccountTakeover).result,
            LoginResult::kAccepted);
  std::vector<Mail> mail;
  hub_.TakeMail(0, mail);
  ASSERT_EQ(mail.size(), 2u);
  EXPECT_EQ(mail[0].to, sessy_);
  EXPECT_EQ(std::get<Cut>(mail[0].what).reason, Farewell::kReplaced);
  EXPECT_EQ(std::get<Event>(mail[1].what), Event(TalkClosed{1, User("sessy")}));
  // The older one is out at once, whatever it still says.
  EXPECT_EQ(Say(sessy_, "frank", "hi"), Delivery::kNotPossible);
  EXPECT_EQ(hub_.Logout(sessy_), std::nullopt);
  EXPECT_TRUE(hub_.IsConnected("sessy"));
  EXPECT_EQ(hub_.user_count(), names_.size());
}

TEST_F(MeetingTest, OnlyAUserOfAnAccountIsKickedWithIt) {
  EXPECT_FALSE(hub_.KickAccount("freda"));
  SessionId id;
  id.generation = 1;
  id.slot = 100;
  ASSERT_EQ(hub_.Login(id, kFree, "owner", Hub::LoginRight::kAccount).result,
            LoginResult::kAccepted);
  EXPECT_TRUE(hub_.KickAccount("owner"));
  std::vector<Mail> mail;
  hub_.TakeMail(0, mail);
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0].to, id);
  EXPECT_EQ(std::get<Cut>(mail[0].what).reason, Farewell::kKicked);
  EXPECT_FALSE(hub_.KickAccount("nobody"));
}

}  // namespace
}  // namespace chat
