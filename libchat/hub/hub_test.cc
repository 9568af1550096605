#include "libchat/hub/hub.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/fanout/outbox.h"
#include "libchat/hub/fake_dialect.h"

namespace chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kShards = 3;
constexpr absl::string_view kAddress = "192.0.2.1/32";

// Indexes of the dialects.
constexpr size_t kEcho = 0;
constexpr size_t kLeave = 1;   // leaves its sender out
constexpr size_t kNoRoom = 2;  // has no public room; answers every kind of request
constexpr size_t kDialects = 3;

SessionId Id(uint32_t shard, uint32_t slot) {
  SessionId id;
  id.generation = 1;
  id.slot = slot;
  id.shard = shard;
  return id;
}

Text T(absl::string_view text) { return *Text::From(text); }

struct Describe {
  std::string operator()(const Event& event) const { return ToString(event); }
  std::string operator()(const JoinRelay& join) const {
    return absl::StrCat("Join ", join.tunnel, " on ", join.shard, " as ", join.half);
  }
  std::string operator()(const Cut& cut) const {
    return cut.reason == Farewell::kKicked ? "Cut" : "Cut otherwise";
  }
  std::string operator()(const FileRoom&) const { return "Room"; }
  std::string operator()(const EndRelay& end) const {
    return absl::StrCat("End ", end.tunnel, end.when_idle ? " idle for " : " in ",
                        absl::FormatDuration(end.grace));
  }
  std::string operator()(const ClosingNotice& notice) const {
    return absl::StrCat(ToString(notice.event), ", then tell ", notice.tunnel, " on ",
                        notice.shard);
  }
};

class HubTest : public ::testing::Test {
 protected:
  Hub::LoginReply Login(SessionId session, size_t dialect, absl::string_view name) {
    return hub_.Login(session, dialect, name);
  }
  // Logs in and reads along from there.
  fanout::Outbox Reader(SessionId session, size_t dialect, absl::string_view name) {
    Hub::LoginReply reply = Login(session, dialect, name);
    EXPECT_EQ(reply.result, LoginResult::kAccepted) << name;
    fanout::Outbox outbox;
    outbox.Follow(std::move(reply.start));
    return outbox;
  }
  void LogInThree() {
    ASSERT_EQ(Login(alice_, kEcho, "alice").result, LoginResult::kAccepted);
    ASSERT_EQ(Login(bob_, kEcho, "bob").result, LoginResult::kAccepted);
    ASSERT_EQ(Login(carol_, kEcho, "carol").result, LoginResult::kAccepted);
  }
  void Publish(SessionId session, std::vector<absl::string_view> bodies, LogRange* own = nullptr) {
    std::vector<Text> texts;
    for (absl::string_view body : bodies) texts.push_back(T(body));
    hub_.Publish(session, texts, own);
  }
  // What is due to a reader, taken from it.
  std::string Read(fanout::Outbox& outbox, size_t dialect) {
    std::string read;
    iovec pieces[16];
    const uint64_t head = hub_.log(dialect).head();
    while (const size_t n = outbox.Gather(head, 1 << 20, absl::MakeSpan(pieces))) {
      size_t bytes = 0;
      for (size_t i = 0; i < n; ++i) {
        read.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
        bytes += pieces[i].iov_len;
      }
      outbox.Consume(bytes);
    }
    return read;
  }
  // A shard's mail, a line each: the receiver's slot and what it is.
  std::vector<std::string> MailOf(uint32_t shard) {
    std::vector<Mail> mail;
    hub_.TakeMail(shard, mail);
    std::vector<std::string> lines;
    for (const Mail& m : mail) {
      EXPECT_EQ(m.to.shard, shard);
      lines.push_back(absl::StrCat(m.to.slot, " ", std::visit(Describe{}, m.what)));
    }
    return lines;
  }
  std::vector<uint64_t> Heads() const {
    std::vector<uint64_t> heads;
    for (size_t d = 0; d < kDialects; ++d) heads.push_back(hub_.log(d).head());
    return heads;
  }
  // All shards go to sleep, having seen everything.
  void AllSleep() {
    for (uint32_t shard = 0; shard < kShards; ++shard) {
      MailOf(shard);
      ASSERT_TRUE(hub_.Sleep(shard, Heads()));
    }
    woken_.clear();
  }
  std::vector<uint32_t> TakeWoken() { return std::exchange(woken_, {}); }

  uint64_t Count(Counter counter) { return hub_.counters().value(counter); }
  std::vector<ServerEvent> Events() {
    return hub_.events().Read(1, EventFeed::kCapacity, absl::ZeroDuration());
  }

  Delivery AskRelay(SessionId asker, absl::string_view target) {
    return hub_.Ask(asker, RequestKind::kRelay, {target}, Text());
  }
  Delivery AnswerRelay(SessionId target, absl::string_view asker, bool accept) {
    return hub_.AnswerRequest(target, RequestKind::kRelay, {asker}, accept);
  }
  // Alice and bob agree on a relay. Returns its connect_id.
  int64_t Agree() {
    EXPECT_EQ(AskRelay(alice_, "bob"), Delivery::kSent);
    EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kSent);
    MailOf(alice_.shard);
    MailOf(bob_.shard);
    return static_cast<int64_t>(random_);
  }
  TicketResult Present(SessionId session, int64_t connect_id, absl::string_view address = "") {
    return hub_.PresentTicket(session, connect_id, address);
  }
  // The same, and both halves have come. Returns the tunnel's id.
  uint64_t Establish() {
    const int64_t connect_id = Agree();
    EXPECT_EQ(Present(half1_, connect_id), TicketResult::kAccepted);
    EXPECT_EQ(Present(half2_, connect_id), TicketResult::kAccepted);
    MailOf(half1_.shard);
    MailOf(half2_.shard);
    return hub_.Tunnels(0, 1000).back().id;
  }

  const SessionId alice_ = Id(0, 1);
  const SessionId bob_ = Id(1, 2);
  const SessionId carol_ = Id(1, 3);
  const SessionId half1_ = Id(2, 11);
  const SessionId half2_ = Id(0, 12);

  const FakeDialect echo_{{.name = "echo"}};
  const FakeDialect leave_{{.name = "leave", .own_public = OwnPublic::kLeftOut}};
  const FakeDialect no_room_{
      {.name = "noroom",
       .has_public_room = false,
       .answers = {RequestKind::kTalk, RequestKind::kRelay, RequestKind::kDirect}}};
  absl::Time now_ = absl::UnixEpoch();
  uint64_t random_ = 100;
  std::vector<uint32_t> woken_;
  Hub hub_{{.dialects = {&echo_, &leave_, &no_room_},
            .shards = kShards,
            .limits = Limits(),
            .wake = [this](uint32_t shard) { woken_.push_back(shard); },
            .random = [this] { return ++random_; },
            .now = [this] { return now_; }}};
};

// ---- Names ----

TEST_F(HubTest, NameIsTakenByOneOfAnyDialect) {
  EXPECT_EQ(Login(alice_, kEcho, "alice").result, LoginResult::kAccepted);
  EXPECT_EQ(Login(bob_, kEcho, "alice").result, LoginResult::kTaken);
  EXPECT_EQ(Login(bob_, kNoRoom, "alice").result, LoginResult::kTaken);
  EXPECT_EQ(Login(bob_, kNoRoom, "Alice").result, LoginResult::kAccepted);
  EXPECT_EQ(hub_.user_count(), 2u);
  EXPECT_THAT(hub_.users_by_dialect(), ElementsAre(1, 0, 1));
  EXPECT_EQ(Count(Counter::kLogins), 2u);
  EXPECT_EQ(Count(Counter::kLoginsRefused), 2u);
}

TEST_F(HubTest, NobodyIsCalledServer) {
  EXPECT_EQ(Login(alice_, kEcho, kServerName).result, LoginResult::kTaken);
  EXPECT_EQ(hub_.user_count(), 0u);
}

TEST_F(HubTest, InvalidNames) {
  for (absl::string_view name : {"", "a b", "a@7", "a\nb", "\x01", "\xff", "a\xE2\x80\xAE",
                                 "1234567890123456789012345678901"}) {
    EXPECT_EQ(Login(alice_, kEcho, name).result, LoginResult::kNotAName) << name;
  }
  EXPECT_EQ(Login(alice_, kEcho, "123456789012345678901234567890").result, LoginResult::kAccepted);
}

TEST_F(HubTest, FirstNameStays) {
  EXPECT_EQ(Login(alice_, kEcho, "alice").result, LoginResult::kAccepted);
  EXPECT_EQ(Login(alice_, kEcho, "other").result, LoginResult::kAlreadyIn);
  EXPECT_THAT(hub_.Users("", 10), SizeIs(1));
  EXPECT_EQ(hub_.Users("", 10)[0].name, "alice");
  EXPECT_EQ(Login(bob_, kEcho, "other").result, LoginResult::kAccepted);
}

TEST_F(HubTest, NameIsFreeAfterLogout) {
  EXPECT_EQ(Login(alice_, kEcho, "alice").result, LoginResult::kAccepted);
  hub_.Logout(alice_);
  EXPECT_EQ(hub_.user_count(), 0u);
  EXPECT_THAT(hub_.users_by_dialect(), ElementsAre(0, 0, 0));
  EXPECT_EQ(Login(bob_, kLeave, "alice").result, LoginResult::kAccepted);
  EXPECT_EQ(hub_.Logout(alice_), std::nullopt);  // is not in: does nothing
  EXPECT_EQ(hub_.user_count(), 1u);
}

TEST_F(HubTest, UsersComeInPages) {
  for (uint32_t i = 0; i < 5; ++i) {
    ASSERT_EQ(Login(Id(i % kShards, i), i % kDialects, absl::StrCat("user", 4 - i)).result,
              LoginResult::kAccepted);
  }
  std::vector<std::string> names;
  std::string after;
  for (;;) {
    const std::vector<UserInfo> page = hub_.Users(after, 2);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 2u);
    for (const UserInfo& user : page) names.push_back(absl::StrCat(user.name, " ", user.dialect));
    after = page.back().name;
  }
  EXPECT_THAT(
      names, ElementsAre("user0 leave", "user1 echo", "user2 noroom", "user3 leave", "user4 echo"));
  EXPECT_EQ(hub_.Users("user3", 10)[0].session, Id(0, 0));
  EXPECT_THAT(hub_.Users("", 0), IsEmpty());
}

TEST_F(HubTest, LoginsAndLogoutsAreEvents) {
  Login(alice_, kEcho, "alice");
  Login(bob_, kEcho, "alice");
  hub_.Logout(alice_);
  const std::vector<ServerEvent> events = Events();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].kind, ServerEvent::Kind::kLogin);
  EXPECT_EQ(events[0].user, "alice");
  EXPECT_EQ(events[0].dialect, "echo");
  EXPECT_EQ(events[1].kind, ServerEvent::Kind::kLogout);
  EXPECT_EQ(events[1].user, "alice");
}

// ---- What is said to everyone ----

TEST_F(HubTest, EverybodyHearsTheSameInTheSameOrder) {
  fanout::Outbox alice = Reader(alice_, kEcho, "alice");
  fanout::Outbox bob = Reader(bob_, kLeave, "bob");
  Publish(alice_, {"one", "two"});
  Publish(bob_, {"three"});
  hub_.Say(T("four"));
  const std::string all = "1 alice: one\n2 alice: two\n3 bob: three\n4 server: four\n";
  EXPECT_EQ(Read(alice, kEcho), all);
  EXPECT_EQ(Read(bob, kLeave), all);
  EXPECT_EQ(Count(Counter::kMessagesPublic), 3u);
  EXPECT_EQ(Count(Counter::kMessagesServer), 1u);
}

TEST_F(HubTest, NobodyHearsWhatWasSaidBefore) {
  fanout::Outbox alice = Reader(alice_, kEcho, "alice");
  Publish(alice_, {"one"});
  fanout::Outbox bob = Reader(bob_, kEcho, "bob");
  Publish(alice_, {"two"});
  EXPECT_EQ(Read(bob, kEcho), "2 alice: two\n");
}

TEST_F(HubTest, LogoutSaysWhereItsPartOfTheLogEnds) {
  fanout::Outbox alice = Reader(alice_, kEcho, "alice");
  fanout::Outbox bob = Reader(bob_, kEcho, "bob");
  Publish(alice_, {"one"});
  const uint64_t end = *hub_.Logout(bob_);
  EXPECT_EQ(end, hub_.log(kEcho).head());
  Publish(alice_, {"two"});
  bob.Unfollow(end);
  EXPECT_EQ(Read(bob, kEcho), "1 alice: one\n");
}

TEST_F(HubTest, OwnRangeIsWhatTheSenderSaid) {
  fanout::Outbox alice = Reader(alice_, kLeave, "alice");
  fanout::Outbox bob = Reader(bob_, kLeave, "bob");
  fanout::Outbox carol = Reader(carol_, kEcho, "carol");
  Publish(bob_, {"before"});
  LogRange own;
  Publish(alice_, {"mine", "mine too"}, &own);
  alice.Skip(own.begin, own.end);
  Publish(bob_, {"after"});
  EXPECT_EQ(Read(alice, kLeave), "1 bob: before\n4 bob: after\n");
  EXPECT_EQ(Read(carol, kEcho), "1 bob: before\n2 alice: mine\n3 alice: mine too\n4 bob: after\n");
}

TEST_F(HubTest, OnlyLogsWithReceiversGrow) {
  Login(alice_, kEcho, "alice");
  Publish(alice_, {"one"});
  EXPECT_EQ(hub_.log(kLeave).head(), 0u);
  Login(bob_, kLeave, "bob");
  Publish(alice_, {"two"});
  const uint64_t head = hub_.log(kLeave).head();
  EXPECT_EQ(head, strlen("2 alice: two\n"));
  hub_.Logout(bob_);
  Publish(alice_, {"three"});
  EXPECT_EQ(hub_.log(kLeave).head(), head);
}

TEST_F(HubTest, DialectWithoutAPublicRoomHearsNothingButCanSpeak) {
  fanout::Outbox alice = Reader(alice_, kEcho, "alice");
  Login(bob_, kNoRoom, "bob");
  LogRange own{7, 7};
  Publish(bob_, {"hello"}, &own);
  EXPECT_EQ(hub_.log(kNoRoom).head(), 0u);
  EXPECT_EQ(own.begin, own.end);
  EXPECT_EQ(Read(alice, kEcho), "1 bob: hello\n");
}

TEST_F(HubTest, WhoIsNotInSaysNothing) {
  fanout::Outbox alice = Reader(alice_, kEcho, "alice");
  LogRange own{3, 3};
  Publish(bob_, {"hello"}, &own);
  hub_.Logout(alice_);
  Publish(alice_, {"hello"}, &own);
  EXPECT_EQ(own.begin, 3u);
  EXPECT_EQ(own.end, 3u);
  EXPECT_EQ(Read(alice, kEcho), "");
  EXPECT_EQ(Count(Counter::kMessagesPublic), 0u);
}

TEST_F(HubTest, LongMessagesStayWholeAcrossChunks) {
  fanout::Outbox alice = Reader(alice_, kEcho, "alice");
  const std::string body(kMaxMessageBytes, 'x');
  std::string all;
  for (int i = 1; i <= 200; ++i) {
    Publish(alice_, {body});
    absl::StrAppend(&all, i, " alice: ", body, "\n");
  }
  EXPECT_GT(all.size(), 3 * fanout::Chunk::kBytes);
  EXPECT_EQ(hub_.log_bytes(), (kDialects + 3) * sizeof(fanout::Chunk));
  EXPECT_EQ(Read(alice, kEcho), all);
  EXPECT_EQ(hub_.log_bytes(), kDialects * sizeof(fanout::Chunk));
}

TEST_F(HubTest, ServerSpeaksEvenToNobody) {
  hub_.Say(T("anybody there?"));
  const std::vector<ServerEvent> events = Events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].kind, ServerEvent::Kind::kSay);
  EXPECT_EQ(events[0].detail, "anybody there?");
}

// ---- Sleep ----

TEST_F(HubTest, AwakeShardsAreNotWoken) {
  LogInThree();
  Publish(alice_, {"hello"});
  hub_.SendPrivate(alice_, {"bob"}, T("psst"));
  EXPECT_THAT(TakeWoken(), IsEmpty());
}

TEST_F(HubTest, ShardsWithReceiversAreWokenOnceABatch) {
  Login(alice_, kEcho, "alice");
  Login(bob_, kLeave, "bob");
  Login(Id(2, 1), kNoRoom, "dave");
  AllSleep();
  Publish(alice_, {"one", "two", "three"});
  EXPECT_THAT(TakeWoken(), ElementsAre(0, 1));
  // They are awake until they say otherwise.
  Publish(alice_, {"four"});
  EXPECT_THAT(TakeWoken(), IsEmpty());
  ASSERT_TRUE(hub_.Sleep(1, Heads()));
  hub_.Say(T("five"));
  EXPECT_THAT(TakeWoken(), ElementsAre(1));
}

TEST_F(HubTest, ShardWhoseReceiversLeftIsNotWoken) {
  Login(alice_, kEcho, "alice");
  Login(bob_, kEcho, "bob");
  hub_.Logout(bob_);
  AllSleep();
  Publish(alice_, {"one"});
  EXPECT_THAT(TakeWoken(), ElementsAre(0));
}

TEST_F(HubTest, MailWakesItsShardAlone) {
  LogInThree();
  AllSleep();
  hub_.SendPrivate(alice_, {"bob"}, T("one"));
  hub_.SendPrivate(alice_, {"carol"}, T("two"));
  EXPECT_THAT(TakeWoken(), ElementsAre(1));
}

TEST_F(HubTest, NoSleepWithMail) {
  LogInThree();
  hub_.SendPrivate(alice_, {"bob"}, T("psst"));
  EXPECT_FALSE(hub_.Sleep(1, Heads()));
  EXPECT_TRUE(hub_.Sleep(0, Heads()));
  MailOf(1);
  EXPECT_TRUE(hub_.Sleep(1, Heads()));
}

TEST_F(HubTest, NoSleepBehindALogWithReceivers) {
  Login(alice_, kEcho, "alice");
  Login(bob_, kLeave, "bob");
  const std::vector<uint64_t> before = Heads();
  Publish(alice_, {"hello"});
  EXPECT_FALSE(hub_.Sleep(0, before));
  EXPECT_FALSE(hub_.Sleep(1, before));
  EXPECT_TRUE(hub_.Sleep(2, before));
  // Of the other's log it need not know.
  EXPECT_TRUE(hub_.Sleep(0, {{Heads()[kEcho], 0, 0}}));
  EXPECT_TRUE(hub_.Sleep(1, {{0, Heads()[kLeave], 0}}));
}

TEST_F(HubTest, ShardThatDidNotSleepIsNotWoken) {
  LogInThree();
  const std::vector<uint64_t> before = Heads();
  Publish(alice_, {"hello"});
  ASSERT_FALSE(hub_.Sleep(0, before));
  Publish(alice_, {"hello"});
  EXPECT_THAT(TakeWoken(), IsEmpty());
}

TEST_F(HubTest, MailIsTakenInOrderBehindWhatIsThere) {
  LogInThree();
  hub_.SendPrivate(alice_, {"bob"}, T("one"));
  hub_.SendPrivate(carol_, {"bob"}, T("two"));
  std::vector<Mail> mail;
  hub_.TakeMail(1, mail);
  hub_.SendPrivate(bob_, {"carol"}, T("three"));
  hub_.TakeMail(1, mail);
  hub_.TakeMail(1, mail);
  ASSERT_THAT(mail, SizeIs(3));
  std::vector<std::string> bodies;
  for (const Mail& m : mail) bodies.push_back(std::visit(Describe{}, m.what));
  EXPECT_THAT(bodies, ElementsAre("PrivateMessage alice -> bob: \"one\"",
                                  "PrivateMessage carol -> bob: \"two\"",
                                  "PrivateMessage bob -> carol: \"three\""));
  EXPECT_EQ(mail[2].to, carol_);
}

// ---- Private messages ----

TEST_F(HubTest, PrivateMessageReachesOneAlone) {
  LogInThree();
  EXPECT_EQ(hub_.SendPrivate(alice_, {"bob"}, T("psst")), Delivery::kSent);
  EXPECT_THAT(MailOf(0), IsEmpty());
  EXPECT_THAT(MailOf(1), ElementsAre("2 PrivateMessage alice -> bob: \"psst\""));
  EXPECT_EQ(Count(Counter::kMessagesPrivate), 1u);
}

TEST_F(HubTest, PrivateMessageToOneself) {
  LogInThree();
  EXPECT_EQ(hub_.SendPrivate(alice_, {"alice"}, T("note")), Delivery::kSent);
  EXPECT_THAT(MailOf(0), ElementsAre("1 PrivateMessage alice -> alice: \"note\""));
}

TEST_F(HubTest, PrivateMessageToNobody) {
  LogInThree();
  EXPECT_EQ(hub_.SendPrivate(alice_, {"dave"}, T("psst")), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendPrivate(alice_, {"bob", 7}, T("psst")), Delivery::kNoSuchServer);
  EXPECT_EQ(hub_.SendPrivate(alice_, {""}, T("psst")), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendPrivate(alice_, {kServerName}, T("psst")), Delivery::kNoSuchUser);
  hub_.Logout(bob_);
  EXPECT_EQ(hub_.SendPrivate(alice_, {"bob"}, T("psst")), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.SendPrivate(bob_, {"alice"}, T("psst")), Delivery::kNotPossible);
  EXPECT_THAT(MailOf(0), IsEmpty());
  EXPECT_THAT(MailOf(1), IsEmpty());
}

TEST_F(HubTest, PrivateMessageKeepsItsPlaceAmongThePublicOnes) {
  fanout::Outbox bob = Reader(bob_, kLeave, "bob");
  Login(alice_, kEcho, "alice");
  Publish(alice_, {"one"});
  hub_.SendPrivate(alice_, {"bob"}, T("psst"));
  Publish(alice_, {"two"});
  std::vector<Mail> mail;
  hub_.TakeMail(1, mail);
  ASSERT_THAT(mail, SizeIs(1));
  EXPECT_EQ(mail[0].at, strlen("1 alice: one\n"));
  bob.Append("psst\n", mail[0].at);
  EXPECT_EQ(Read(bob, kLeave), "1 alice: one\npsst\n3 alice: two\n");
}

TEST_F(HubTest, MailboxIsBounded) {
  LogInThree();
  Limits limits;
  limits.mailbox = 2;
  hub_.SetLimits(limits);
  EXPECT_EQ(hub_.SendPrivate(alice_, {"bob"}, T("1")), Delivery::kSent);
  EXPECT_EQ(hub_.SendPrivate(alice_, {"carol"}, T("2")), Delivery::kSent);
  EXPECT_EQ(hub_.SendPrivate(alice_, {"bob"}, T("3")), Delivery::kNotPossible);
  EXPECT_EQ(AskRelay(alice_, "bob"), Delivery::kNotPossible);
  EXPECT_EQ(hub_.SendPrivate(bob_, {"alice"}, T("4")), Delivery::kSent);
  EXPECT_EQ(Count(Counter::kRefusedMailbox), 2u);
  EXPECT_THAT(MailOf(1), SizeIs(2));
  EXPECT_EQ(hub_.SendPrivate(alice_, {"bob"}, T("3")), Delivery::kSent);
}

// ---- Requests ----

TEST_F(HubTest, RefusedRequest) {
  LogInThree();
  EXPECT_EQ(AskRelay(alice_, "bob"), Delivery::kSent);
  EXPECT_THAT(MailOf(1), ElementsAre("2 Request relay alice -> bob"));
  EXPECT_EQ(AnswerRelay(bob_, "alice", false), Delivery::kSent);
  EXPECT_THAT(MailOf(0), ElementsAre("1 Answer relay alice -> bob: refused"));
  EXPECT_THAT(MailOf(1), IsEmpty());
  EXPECT_EQ(AnswerRelay(bob_, "alice", false), Delivery::kNotPossible);
  EXPECT_EQ(hub_.tunnel_count(), 0u);
}

TEST_F(HubTest, AcceptedRelayIsGrantedToBoth) {
  LogInThree();
  AskRelay(alice_, "bob");
  MailOf(1);
  EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kSent);
  const std::string answer = absl::StrCat("Answer relay alice -> bob: accepted grant ", random_);
  EXPECT_THAT(MailOf(0), ElementsAre("1 " + answer));
  EXPECT_THAT(MailOf(1), ElementsAre("2 " + answer));
  EXPECT_EQ(hub_.tunnel_count(), 1u);
  EXPECT_EQ(Count(Counter::kTunnelsOpened), 1u);
}

TEST_F(HubTest, RequestsOfAPairAreAnsweredInOrder) {
  LogInThree();
  AskRelay(alice_, "bob");
  AskRelay(alice_, "bob");
  AskRelay(carol_, "bob");
  MailOf(1);
  AnswerRelay(bob_, "alice", false);
  AnswerRelay(bob_, "alice", true);
  EXPECT_THAT(MailOf(0),
              ElementsAre("1 Answer relay alice -> bob: refused",
                          absl::StrCat("1 Answer relay alice -> bob: accepted grant ", random_)));
  EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kNotPossible);
  EXPECT_EQ(AnswerRelay(bob_, "carol", false), Delivery::kSent);
}

TEST_F(HubTest, AnswerNeedsItsRequest) {
  LogInThree();
  EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kNotPossible);
  EXPECT_EQ(AnswerRelay(bob_, "nobody", true), Delivery::kNoSuchUser);
  AskRelay(alice_, "bob");
  EXPECT_EQ(AnswerRelay(carol_, "alice", true), Delivery::kNotPossible);
  EXPECT_EQ(AnswerRelay(alice_, "bob", true), Delivery::kNotPossible);
  EXPECT_EQ(hub_.AnswerRequest(bob_, RequestKind::kTalk, {"alice"}, true), Delivery::kNotPossible);
  EXPECT_EQ(AnswerRelay(Id(2, 9), "alice", true), Delivery::kNotPossible);
  EXPECT_EQ(hub_.tunnel_count(), 0u);
}

TEST_F(HubTest, RequestToNobodyOrToOneWhoCannotAnswer) {
  LogInThree();
  EXPECT_EQ(AskRelay(alice_, "nobody"), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.Ask(alice_, RequestKind::kRelay, {"bob", 7}, Text()), Delivery::kNoSuchUser);
  EXPECT_EQ(hub_.Ask(alice_, RequestKind::kDirect, {"bob"}, Text()), Delivery::kNoSuchUser);
  EXPECT_EQ(AskRelay(Id(2, 9), "bob"), Delivery::kNotPossible);
  EXPECT_THAT(MailOf(1), IsEmpty());
}

// Nothing is ever turned into something that nobody asked for.
TEST_F(HubTest, OnlyARelayBecomesARelay) {
  LogInThree();
  const SessionId dave = Id(2, 1);
  Login(dave, kNoRoom, "dave");
  hub_.Ask(alice_, RequestKind::kDirect, {"dave"}, Text());
  MailOf(2);
  EXPECT_EQ(hub_.AnswerRequest(dave, RequestKind::kDirect, {"alice"}, true), Delivery::kSent);
  EXPECT_THAT(MailOf(0), ElementsAre("1 Answer direct alice -> dave: failed"));
  EXPECT_THAT(MailOf(2), IsEmpty());
  EXPECT_EQ(hub_.tunnel_count(), 0u);
}

TEST_F(HubTest, RequestThatIsNotAnsweredIsRefusedInTheEnd) {
  LogInThree();
  AskRelay(alice_, "bob");
  MailOf(1);
  now_ += absl::Seconds(60) - absl::Nanoseconds(1);
  hub_.Tick();
  EXPECT_THAT(MailOf(0), IsEmpty());
  AllSleep();
  now_ += absl::Nanoseconds(1);
  hub_.Tick();
  EXPECT_THAT(TakeWoken(), ElementsAre(0));
  EXPECT_THAT(MailOf(0), ElementsAre("1 Answer relay alice -> bob: refused"));
  EXPECT_EQ(Count(Counter::kRequestsTimedOut), 1u);
  EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kNotPossible);
}

TEST_F(HubTest, AskerOfOneWhoLeavesIsTold) {
  LogInThree();
  AskRelay(alice_, "bob");
  AskRelay(carol_, "bob");
  MailOf(1);
  hub_.Logout(bob_);
  EXPECT_THAT(MailOf(0), ElementsAre("1 Answer relay alice -> bob: absent"));
  EXPECT_THAT(MailOf(1), ElementsAre("3 Answer relay carol -> bob: absent"));
}

TEST_F(HubTest, RequestsOfOneWhoLeavesEnd) {
  LogInThree();
  AskRelay(alice_, "bob");
  hub_.Logout(alice_);
  EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kNoSuchUser);
  // Nor does another one of that name inherit them.
  Login(Id(2, 1), kEcho, "alice");
  EXPECT_EQ(AnswerRelay(bob_, "alice", true), Delivery::kNotPossible);
  now_ += absl::Minutes(2);
  hub_.Tick();
  EXPECT_THAT(MailOf(2), IsEmpty());
  EXPECT_EQ(Count(Counter::kRequestsTimedOut), 0u);
}

TEST_F(HubTest, OneWhoAskedHimselfLeaves) {
  LogInThree();
  EXPECT_EQ(AskRelay(alice_, "alice"), Delivery::kSent);
  MailOf(0);
  hub_.Logout(alice_);
  EXPECT_THAT(MailOf(0), IsEmpty());
}

TEST_F(HubTest, RequestsAreBounded) {
  LogInThree();
  Limits limits;
  limits.relay_requests_per_pair = 2;
  limits.requests_per_sender = 3;
  limits.requests_per_target = 4;
  hub_.SetLimits(limits);
  EXPECT_EQ(AskRelay(alice_, "bob"), Delivery::kSent);
  EXPECT_EQ(AskRelay(alice_, "bob"), Delivery::kSent);
  EXPECT_EQ(AskRelay(alice_, "bob"), Delivery::kNotPossible);
  EXPECT_EQ(Count(Counter::kRefusedRequestsPerPair), 1u);
  EXPECT_EQ(AskRelay(alice_, "carol"), Delivery::kSent);
  EXPECT_EQ(AskRelay(alice_, "alice"), Delivery::kNotPossible);
  EXPECT_EQ(Count(Counter::kRefusedRequestsPerSender), 1u);
  EXPECT_EQ(AskRelay(bob_, "carol"), Delivery::kSent);
  EXPECT_EQ(AskRelay(bob_, "carol"), Delivery::kSent);
  EXPECT_EQ(AskRelay(carol_, "carol"), Delivery::kSent);
  EXPECT_EQ(AskRelay(carol_, "carol"), Delivery::kNotPossible);
  EXPECT_EQ(Count(Counter::kRefusedRequestsPerTarget), 1u);
  // Who is refused has asked for nothing.
  EXPECT_THAT(MailOf(0), IsEmpty());
  EXPECT_THAT(MailOf(1), SizeIs(6));
}

TEST_F(HubTest, AcceptedRelayFailsWhereThereIsNoRoom) {
  LogInThree();
  Limits limits;
  limits.tunnels = 2;
  limits.tunnels_per_user = 1;
  hub_.SetLimits(limits);
  Agree();
  AskRelay(carol_, "bob");
  MailOf(1);
  EXPECT_EQ(AnswerRelay(bob_, "carol", true), Delivery::kSent);
  EXPECT_THAT(MailOf(1), ElementsAre("3 Answer relay carol -> bob: failed"));
  EXPECT_EQ(Count(Counter::kRefusedTunnelsPerUser), 1u);

  limits.tunnels = 1;
  hub_.SetLimits(limits);
  AskRelay(carol_, "carol");
  MailOf(1);
  EXPECT_EQ(AnswerRelay(carol_, "carol", true), Delivery::kSent);
  EXPECT_THAT(MailOf(1), ElementsAre("3 Answer relay carol -> carol: failed"));
  EXPECT_EQ(Count(Counter::kRefusedTunnels), 1u);
  EXPECT_EQ(hub_.tunnel_count(), 1u);
}

TEST_F(HubTest, PendingRelaysAreCountedForTheAddressOfTheirAsker) {
  hub_.Login(alice_, kEcho, "alice", Hub::LoginRight::kOpen, "192.0.2.1");
  hub_.Login(bob_, kEcho, "bob", Hub::LoginRight::kOpen, "192.0.2.2");
  Limits limits;
  limits.pending_tunnels_per_address = 1;
  hub_.SetLimits(limits);
  const int64_t connect_id = Agree();
  AskRelay(alice_, "bob");
  AnswerRelay(bob_, "alice", true);
  EXPECT_THAT(MailOf(0), ElementsAre("1 Answer relay alice -> bob: failed"));
  EXPECT_EQ(Count(Counter::kRefusedPendingTunnels), 1u);
  // The address of who accepts does not count.
  AskRelay(bob_, "alice");
  AnswerRelay(alice_, "bob", true);
  EXPECT_EQ(hub_.tunnel_count(), 2u);
  MailOf(0);
  MailOf(1);

  Present(half1_, connect_id);
  Present(half2_, connect_id);
  AskRelay(alice_, "bob");
  AnswerRelay(bob_, "alice", true);
  EXPECT_EQ(hub_.tunnel_count(), 3u);
}

// ---- Relays ----

TEST_F(HubTest, TwoHalvesMeetWhereTheFirstOneLives) {
  LogInThree();
  const int64_t connect_id = Agree();
  EXPECT_EQ(Present(half1_, connect_id), TicketResult::kAccepted);
  EXPECT_THAT(MailOf(2), IsEmpty());
  AllSleep();
  EXPECT_EQ(Present(half2_, connect_id), TicketResult::kAccepted);
  EXPECT_THAT(TakeWoken(), ElementsAre(0, 2));
  EXPECT_THAT(MailOf(2), ElementsAre("11 Join 1 on 2 as 0"));
  EXPECT_THAT(MailOf(0), ElementsAre("12 Join 1 on 2 as 1"));
  EXPECT_EQ(Count(Counter::kTunnelsEstablished), 1u);
  EXPECT_EQ(Events().back().kind, ServerEvent::Kind::kTunnelOpen);
  EXPECT_EQ(Events().back().user, "alice");
  EXPECT_EQ(Events().back().detail, "with bob");
}

TEST_F(HubTest, TicketIsValidForExactlyTwo) {
  LogInThree();
  const int64_t connect_id = Agree();
  EXPECT_EQ(Present(half1_, connect_id), TicketResult::kAccepted);
  EXPECT_EQ(Present(half2_, connect_id), TicketResult::kAccepted);
  EXPECT_EQ(Present(Id(2, 13), connect_id), TicketResult::kRefused);
  EXPECT_EQ(Count(Counter::kBadConnectIds), 1u);
  EXPECT_THAT(MailOf(2), SizeIs(1));
}

TEST_F(HubTest, HalfThatWentTakesTheTicketAlong) {
  LogInThree();
  const int64_t connect_id = Agree();
  EXPECT_EQ(Present(half1_, connect_id), TicketResult::kAccepted);
  hub_.AbandonTicket(half2_);  // waits for nothing
  EXPECT_EQ(hub_.tunnel_count(), 1u);
  hub_.AbandonTicket(half1_);
  EXPECT_EQ(hub_.tunnel_count(), 0u);
  EXPECT_EQ(Present(half2_, connect_id), TicketResult::kRefused);
}

TEST_F(HubTest, HalfOfACompleteRelayAbandonsNothing) {
  LogInThree();
  Establish();
  hub_.AbandonTicket(half1_);
  hub_.AbandonTicket(half2_);
  EXPECT_EQ(hub_.tunnel_count(), 1u);
}

TEST_F(HubTest, TicketExpires) {
  LogInThree();
  const int64_t connect_id = Agree();
  now_ += absl::Seconds(60);
  EXPECT_EQ(Present(half1_, connect_id), TicketResult::kRefused);
  hub_.Tick();
  EXPECT_EQ(hub_.tunnel_count(), 0u);
  EXPECT_EQ(Count(Counter::kConnectIdsExpired), 1u);
}

TEST_F(HubTest, HalfWhoseOtherDoesNotComeIsCut) {
  LogInThree();
  const int64_t connect_id = Agree();
  EXPECT_EQ(Present(half1_, connect_id), TicketResult::kAccepted);
  now_ += absl::Seconds(60);
  hub_.Tick();
  EXPECT_THAT(MailOf(2), ElementsAre("11 Cut"));
  EXPECT_EQ(Present(half2_, connect_id), TicketResult::kRefused);
  hub_.AbandonTicket(half1_);
  EXPECT_EQ(hub_.tunnel_count(), 0u);
}

TEST_F(HubTest, CompleteRelayDoesNotExpire) {
  LogInThree();
  Establish();
  now_ += absl::Hours(24);
  hub_.Tick();
  EXPECT_EQ(hub_.tunnel_count(), 1u);
  EXPECT_THAT(MailOf(2), IsEmpty());
}

TEST_F(HubTest, GuessesOfAnAddressAreBounded) {
  LogInThree();
  const int64_t connect_id = Agree();
  Limits limits;
  limits.bad_connect_ids_per_minute = 2;
  hub_.SetLimits(limits);
  EXPECT_EQ(Present(half1_, 1, kAddress), TicketResult::kRefused);
  EXPECT_EQ(Present(half1_, 2, kAddress), TicketResult::kRefused);
  EXPECT_EQ(Count(Counter::kBadConnectIds), 2u);
  // Not even the right one is looked at any more, from there.
  EXPECT_EQ(Present(half1_, connect_id, kAddress), TicketResult::kRefused);
  EXPECT_EQ(Count(Counter::kRefusedBadConnectIds), 1u);
  EXPECT_EQ(Present(half1_, connect_id, "192.0.2.2/32"), TicketResult::kAccepted);
  now_ += absl::Minutes(1);
  const int64_t another = Agree();
  EXPECT_EQ(Present(half2_, another, kAddress), TicketResult::kAccepted);
}

TEST_F(HubTest, GuessesInAllAreBounded) {
  LogInThree();
  const int64_t connect_id = Agree();
  Limits limits;
  limits.bad_connect_ids_per_second = 3;
  hub_.SetLimits(limits);
  for (int i = 0; i < 3; ++i) Present(half1_, 1, absl::StrCat("198.51.100.", i, "/32"));
  EXPECT_EQ(Present(half1_, connect_id, kAddress), TicketResult::kRefused);
  // Those who are exempt are looked at.
  EXPECT_EQ(Present(half1_, connect_id, ""), TicketResult::kAccepted);
  now_ += absl::Seconds(1);
  EXPECT_EQ(Present(half2_, connect_id, kAddress), TicketResult::kAccepted);
}

TEST_F(HubTest, GuessesOfTheExemptAreNotBounded) {
  LogInThree();
  const int64_t connect_id = Agree();
  for (int i = 0; i < 1000; ++i) Present(half1_, 1, "");
  EXPECT_EQ(Present(half1_, connect_id, kAddress), TicketResult::kAccepted);
  EXPECT_EQ(Count(Counter::kBadConnectIds), 1000u);
}

TEST_F(HubTest, EitherPartyClosesItsRelay) {
  LogInThree();
  const uint64_t first = Establish();
  const int64_t first_id = static_cast<int64_t>(random_);
  EXPECT_EQ(hub_.CloseRelay(alice_, first_id, {"bob"}), Delivery::kSent);
  EXPECT_THAT(MailOf(1), ElementsAre(absl::StrCat("2 RelayClosing ", first_id,
                                                  " by alice, then tell ", first, " on 2")));
  EXPECT_THAT(MailOf(2), ElementsAre(absl::StrCat("11 End ", first, " idle for 10s")));
  EXPECT_EQ(hub_.CloseRelay(bob_, first_id, {"alice"}), Delivery::kSent);
  EXPECT_THAT(MailOf(0), ElementsAre(absl::StrCat("1 RelayClosing ", first_id,
                                                  " by bob, then tell ", first, " on 2")));
  // It is there until its shard says that it has ended.
  EXPECT_EQ(hub_.tunnel_count(), 1u);
  hub_.RelayEnded(first, "closed");
  EXPECT_EQ(hub_.tunnel_count(), 0u);
  EXPECT_EQ(hub_.CloseRelay(alice_, first_id, {"bob"}), Delivery::kNotPossible);
}

TEST_F(HubTest, OnlyThePartiesCloseTheirRelay) {
  LogInThree();
  Establish();
  const int64_t connect_id = static_cast<int64_t>(random_);
  EXPECT_EQ(hub_.CloseRelay(carol_, connect_id, {"bob"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseRelay(carol_, connect_id, {"alice"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"carol"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"alice"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"bob", 7}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id + 1, {"bob"}), Delivery::kNotPossible);
  EXPECT_EQ(hub_.CloseRelay(half1_, connect_id, {"bob"}), Delivery::kNotPossible);
  for (uint32_t shard = 0; shard < kShards; ++shard) EXPECT_THAT(MailOf(shard), IsEmpty());
}

TEST_F(HubTest, RelayThatIsNotCompleteIsClosedAtOnce) {
  LogInThree();
  const int64_t connect_id = Agree();
  Present(half1_, connect_id);
  EXPECT_EQ(hub_.CloseRelay(bob_, connect_id, {"alice"}), Delivery::kSent);
  EXPECT_THAT(MailOf(0), ElementsAre(absl::StrCat("1 RelayClosing ", connect_id, " by bob")));
  EXPECT_THAT(MailOf(2), ElementsAre("11 Cut"));
  EXPECT_EQ(hub_.tunnel_count(), 0u);
  EXPECT_EQ(Present(half2_, connect_id), TicketResult::kRefused);
}

TEST_F(HubTest, RelayIsClosedAlthoughTheOtherPartyLeft) {
  LogInThree();
  const uint64_t tunnel = Establish();
  hub_.Logout(bob_);
  EXPECT_EQ(hub_.tunnel_count(), 1u);
  EXPECT_EQ(hub_.CloseRelay(alice_, static_cast<int64_t>(random_), {"bob"}), Delivery::kSent);
  EXPECT_THAT(MailOf(1), IsEmpty());
  EXPECT_THAT(MailOf(2), ElementsAre(absl::StrCat("11 End ", tunnel, " idle for 10s")));
}

// A client that asks again and again fills no mailbox but to its bound.
TEST_F(HubTest, ClosingAgainAndAgainIsBounded) {
  LogInThree();
  Establish();
  const int64_t connect_id = static_cast<int64_t>(random_);
  Limits limits;
  limits.mailbox = 5;
  hub_.SetLimits(limits);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"bob"}), Delivery::kSent);
  }
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"bob"}), Delivery::kNotPossible);
  EXPECT_THAT(MailOf(1), SizeIs(5));
  // The mailbox of the relay's own shard counts, too.
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"bob"}), Delivery::kNotPossible);
  EXPECT_THAT(MailOf(2), SizeIs(5));
  EXPECT_EQ(hub_.CloseRelay(alice_, connect_id, {"bob"}), Delivery::kSent);
  EXPECT_EQ(Count(Counter::kRefusedMailbox), 2u);
}

TEST_F(HubTest, EndedRelayIsCountedAndTold) {
  LogInThree();
  const int64_t connect_id = Agree();
  Present(half1_, connect_id);
  Present(half2_, connect_id);
  std::vector<Mail> mail;
  hub_.TakeMail(2, mail);
  ASSERT_THAT(mail, SizeIs(1));
  const auto traffic = std::get<JoinRelay>(mail[0].what).traffic;
  traffic->from_first = 30;
  traffic->from_second = 12;
  const TunnelInfo info = hub_.Tunnels(0, 1)[0];
  EXPECT_TRUE(info.established);
  EXPECT_EQ(info.bytes_from_first, 30u);
  EXPECT_EQ(info.bytes_from_second, 12u);

  hub_.RelayEnded(info.id, "both have ended");
  EXPECT_EQ(Count(Counter::kTunnelBytes), 42u);
  EXPECT_EQ(Events().back().kind, ServerEvent::Kind::kTunnelClosed);
  EXPECT_EQ(Events().back().detail, "with bob: both have ended");
  EXPECT_EQ(Events().back().number, info.id);
  const size_t events = Events().size();
  hub_.RelayEnded(info.id, "again");
  EXPECT_EQ(Count(Counter::kTunnelBytes), 42u);
  EXPECT_THAT(Events(), SizeIs(events));
}

TEST_F(HubTest, RelaysLiveOnAfterLogout) {
  LogInThree();
  Establish();
  hub_.Logout(alice_);
  hub_.Logout(bob_);
  EXPECT_THAT(MailOf(2), IsEmpty());
  EXPECT_EQ(hub_.tunnel_count(), 1u);
}

// ---- Operators ----

TEST_F(HubTest, TunnelsComeInPages) {
  LogInThree();
  Agree();
  Agree();
  Establish();
  std::vector<uint64_t> ids;
  for (std::vector<TunnelInfo> page;
       !(page = hub_.Tunnels(ids.empty() ? 0 : ids.back(), 2)).empty();) {
    EXPECT_LE(page.size(), 2u);
    for (const TunnelInfo& tunnel : page) ids.push_back(tunnel.id);
  }
  EXPECT_THAT(ids, ElementsAre(1, 2, 3));
  EXPECT_FALSE(hub_.Tunnels(0, 1)[0].established);
  EXPECT_EQ(hub_.Tunnels(0, 1)[0].asker, "alice");
  EXPECT_EQ(hub_.Tunnels(0, 1)[0].target, "bob");
}

TEST_F(HubTest, KickEndsAUsersConnectionAndTunnels) {
  LogInThree();
  Agree();                                // 1
  const uint64_t complete = Establish();  // 2
  AskRelay(bob_, "carol");
  AnswerRelay(carol_, "bob", true);  // 3
  MailOf(1);
  AllSleep();
  EXPECT_TRUE(hub_.Kick("alice"));
  EXPECT_THAT(TakeWoken(), ElementsAre(0, 2));
  EXPECT_THAT(MailOf(0), ElementsAre("1 Cut"));
  EXPECT_THAT(MailOf(1), IsEmpty());
  EXPECT_THAT(MailOf(2), ElementsAre(absl::StrCat("11 End ", complete, " in 0")));
  hub_.RelayEnded(complete, "closed");
  EXPECT_EQ(hub_.tunnel_count(), 1u);
  EXPECT_EQ(hub_.Tunnels(0, 10)[0].id, 3u);
}

TEST_F(HubTest, KickOfNobody) {
  LogInThree();
  EXPECT_FALSE(hub_.Kick("dave"));
  EXPECT_FALSE(hub_.Kick("alice@7"));
  EXPECT_FALSE(hub_.Kick(""));
  EXPECT_THAT(MailOf(0), IsEmpty());
}

TEST_F(HubTest, CloseTunnel) {
  LogInThree();
  const uint64_t tunnel = Establish();
  EXPECT_TRUE(hub_.CloseTunnel(tunnel));
  EXPECT_THAT(MailOf(2), ElementsAre(absl::StrCat("11 End ", tunnel, " in 0")));
  hub_.RelayEnded(tunnel, "closed");
  EXPECT_FALSE(hub_.CloseTunnel(tunnel));

  Present(half1_, Agree());
  EXPECT_TRUE(hub_.CloseTunnel(tunnel + 1));
  EXPECT_THAT(MailOf(2), ElementsAre("11 Cut"));
  EXPECT_EQ(hub_.tunnel_count(), 0u);
}

TEST_F(HubTest, EndTunnels) {
  LogInThree();
  const uint64_t complete = Establish();
  Agree();
  Present(Id(1, 21), Agree());
  hub_.EndTunnels(absl::Seconds(30));
  EXPECT_THAT(MailOf(2), ElementsAre(absl::StrCat("11 End ", complete, " in 30s")));
  EXPECT_THAT(MailOf(1), ElementsAre("21 Cut"));
  EXPECT_EQ(hub_.tunnel_count(), 1u);
}

TEST_F(HubTest, LimitsChangeWhileItRuns) {
  EXPECT_EQ(hub_.limits().request, absl::Seconds(60));
  Limits limits;
  limits.request = absl::Seconds(5);
  hub_.SetLimits(limits);
  EXPECT_EQ(hub_.limits().request, absl::Seconds(5));
  LogInThree();
  AskRelay(alice_, "bob");
  now_ += absl::Seconds(5);
  hub_.Tick();
  EXPECT_THAT(MailOf(0), ElementsAre("1 Answer relay alice -> bob: refused"));
}

}  // namespace
}  // namespace chat
