// What holds for every dialect of this build: its client and its server understand each other, and
// what one says is exactly one packet to the other.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/session_pair.h"

namespace chat::testing {
namespace {

using ::testing::ElementsAre;

struct Listener {
  const Dialect* dialect;
  DialectOptions options;
};

std::vector<Listener> Listeners() {
  std::vector<Listener> listeners;
  for (const Dialect* dialect : AllDialects()) {
    for (const DefaultListener& at : dialect->default_listeners()) {
      listeners.push_back({dialect, at.options});
    }
  }
  return listeners;
}

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

class Dialects : public ::testing::TestWithParam<Listener> {
 protected:
  Dialects() : pair_(*GetParam().dialect, GetParam().options) {}

  ClientTraits traits() const { return GetParam().dialect->client_traits(); }

  void LogIn(SessionPair& pair) {
    ASSERT_TRUE(pair.client().Login("alice").ok());
    pair.Exchange();
    ASSERT_THAT(pair.server_host().TakeCalls(), ElementsAre("Login alice"));
    ASSERT_THAT(pair.client_host().TakeEvents(), ElementsAre("LoggedIn"));
  }

  SessionPair pair_;
};

TEST_P(Dialects, ARefusedNameMayBeFollowedByAnother) {
  pair_.server_host().login = LoginResult::kTaken;
  ASSERT_TRUE(pair_.client().Login("alice").ok());
  pair_.Exchange();
  ASSERT_EQ(pair_.client_host().events.size(), 1u);
  EXPECT_TRUE(absl::StartsWith(pair_.client_host().TakeEvents()[0], "LoginRefused"));
  pair_.server_host().login = LoginResult::kAccepted;
  ASSERT_TRUE(pair_.client().Login("alicia").ok());
  pair_.Exchange();
  EXPECT_THAT(pair_.client_host().events, ElementsAre("LoggedIn"));
  EXPECT_THAT(pair_.server_host().calls, ElementsAre("Login alice", "Login alicia"));
}

TEST_P(Dialects, PublicMessagesArriveInSegmentsOfAnySize) {
  if (!traits().public_room) GTEST_SKIP() << "no public room";
  for (size_t segment = 1; segment < 40; ++segment) {
    SessionPair pair(*GetParam().dialect, GetParam().options);
    LogIn(pair);
    ASSERT_TRUE(pair.client().SendPublic(1, ToText("hello")).ok());
    ASSERT_TRUE(pair.client().SendPublic(2, ToText("there")).ok());
    pair.Exchange(segment);
    EXPECT_THAT(pair.server_host().TakeCalls(),
                ElementsAre("Publish \"hello\"", "Publish \"there\""));
    pair.Say(User("bob"), "hi");
    pair.Exchange(segment);
    EXPECT_THAT(pair.client_host().events, ElementsAre("Received bob -> everyone: \"hi\""));
  }
}

TEST_P(Dialects, AnEchoConfirms) {
  if (traits().public_confirmation != Confirmation::kEcho) GTEST_SKIP() << "no echo";
  LogIn(pair_);
  ASSERT_TRUE(pair_.client().SendPublic(7, ToText("hello")).ok());
  pair_.Exchange();
  pair_.Say(User("alice"), "hello");
  pair_.Exchange();
  EXPECT_THAT(pair_.client_host().events,
              ElementsAre("Received alice -> everyone: \"hello\"", "Confirmed 7"));
}

TEST_P(Dialects, PrivateMessagesArrive) {
  LogIn(pair_);
  if (pair_.client().SendPrivate(1, User("bob"), ToText("psst")).code() ==
      absl::StatusCode::kUnimplemented) {
    GTEST_SKIP() << "no private messages";
  }
  pair_.Exchange();
  EXPECT_THAT(pair_.server_host().calls, ElementsAre("SendPrivate bob \"psst\""));
  pair_.server().OnEvent(PrivateMessage{User("bob", 7), User("alice"), OwnedText(ToText("what?"))});
  pair_.Exchange();
  EXPECT_THAT(pair_.client_host().events, ElementsAre("Received bob@7 -> alice: \"what?\""));
}

TEST_P(Dialects, RelaysAreAgreedOn) {
  if (!traits().relays) GTEST_SKIP() << "no relays";
  EXPECT_TRUE(GetParam().dialect->answers(RequestKind::kRelay));
  LogIn(pair_);
  ASSERT_TRUE(pair_.client().Ask(RequestKind::kRelay, User("bob"), Text()).ok());
  pair_.Exchange();
  EXPECT_THAT(pair_.server_host().TakeCalls(), ElementsAre("Ask relay bob"));
  pair_.server().OnEvent(Request{RequestKind::kRelay, User("bob"), User("alice"), {}});
  pair_.Exchange();
  EXPECT_THAT(pair_.client_host().TakeEvents(), ElementsAre("Asked for relay by bob"));
  ASSERT_TRUE(pair_.client().Answer(RequestKind::kRelay, User("bob"), true).ok());
  ASSERT_TRUE(pair_.client().Answer(RequestKind::kRelay, User("bob"), false).ok());
  pair_.Exchange();
  EXPECT_THAT(pair_.server_host().TakeCalls(),
              ElementsAre("AnswerRequest relay bob yes", "AnswerRequest relay bob no"));
  const User alice("alice"), bob("bob");
  pair_.server().OnEvent(Answer{RequestKind::kRelay, alice, bob, Verdict::kRefused, 0});
  pair_.server().OnEvent(Answer{RequestKind::kRelay, bob, alice, Verdict::kAccepted, 2147483647});
  pair_.Exchange();
  EXPECT_THAT(
      pair_.client_host().TakeEvents(),
      ElementsAre("Refused relay by bob", "RelayGranted bob -> alice connect_id 2147483647"));
  ASSERT_TRUE(pair_.client().CloseRelay({bob, alice, 2147483647}).ok());
  pair_.Exchange();
  EXPECT_THAT(pair_.server_host().TakeCalls(), ElementsAre("CloseRelay 2147483647 bob"));
  pair_.server().OnEvent(RelayClosing{2147483647, bob});
  pair_.Exchange();
  EXPECT_THAT(pair_.client_host().TakeEvents(), ElementsAre("RelayEnding by bob"));
}

TEST_P(Dialects, RelaysAreJoined) {
  if (!traits().relays) GTEST_SKIP() << "no relays";
  ASSERT_TRUE(pair_.client().PresentTicket(2147483647).ok());
  pair_.client_host().Send("early");
  pair_.Exchange(3);
  EXPECT_EQ(pair_.server_next(), Next::kRelay);
  EXPECT_THAT(pair_.server_host().calls, ElementsAre("PresentTicket 2147483647"));
  pair_.server().OnEvent(RelayEstablished{});
  pair_.Exchange(3);
  EXPECT_EQ(pair_.client_next(), Next::kRelay);
  EXPECT_THAT(pair_.client_host().events, ElementsAre("RelayOpen"));
}

// Text as hostile as it may be: packets of all dialects are made of such bytes.
std::string RandomText(std::mt19937& random, size_t max_bytes, bool ascii_only) {
  static const auto& kParts = *new std::vector<std::string>{
      "a",  "hello", " ",  "\n",   "\r\n",   "\r",     "\t",     "\x01",    "\x03",     "\x7f",
      "\"", "alice", "=",  ":",    ": ",     "@",      "@7",     "TXT",     "Status=1", "\x1b[2J",
      "\\", "é",     "山", "🦊", "\u202e", "\uFFFF", "\u0085", "\x0a\x0a"};
  std::string text;
  while (true) {
    const std::string& part = kParts[random() % kParts.size()];
    if (text.size() + part.size() > max_bytes) return text;
    if (ascii_only && static_cast<unsigned char>(part[0]) >= 0x80) continue;
    if (random() % 64 == 0) return text;
    text += part;
  }
}

TEST_P(Dialects, OneMessageIsOnePacket) {
  if (!traits().public_room) GTEST_SKIP() << "no public room";
  LogIn(pair_);
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::string body = RandomText(random, traits().max_message_bytes, traits().ascii_only);
    pair_.Say(User("bob"), body);
    pair_.Exchange();
    ASSERT_EQ(pair_.client_next(), Next::kMore) << i;
    ASSERT_THAT(pair_.client_host().TakeEvents(),
                ElementsAre(ToString(ClientEvent(Received{false, User("bob"), User(), body}))));

    ASSERT_TRUE(pair_.client().SendPublic(1, ToText(body)).ok());
    pair_.Exchange();
    FakeHost expected;
    expected.Publish(ToText(body));
    ASSERT_EQ(pair_.server_host().TakeCalls(), expected.calls);
    ASSERT_EQ(pair_.server_next(), Next::kMore) << i;
  }
}

TEST_P(Dialects, OnePrivateMessageIsOnePacket) {
  LogIn(pair_);
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string body = RandomText(random, traits().max_message_bytes, traits().ascii_only);
    pair_.server().OnEvent(PrivateMessage{User("bob"), User("alice"), OwnedText(ToText(body))});
    pair_.Exchange();
    ASSERT_EQ(pair_.client_next(), Next::kMore) << i;
    ASSERT_THAT(
        pair_.client_host().TakeEvents(),
        ElementsAre(ToString(ClientEvent(Received{true, User("bob"), User("alice"), body}))));
  }
}

// The line dies at every byte of a conversation: what is heard is a beginning of what is heard
// without, and nothing is confirmed that the server has not published.
TEST_P(Dialects, ADeadLineLosesOnlyTheEnd) {
  if (!traits().public_room) GTEST_SKIP() << "no public room";
  const auto converse = [&](SessionPair& pair) {
    EXPECT_TRUE(pair.client().Login("alice").ok());
    pair.Exchange();
    (void)pair.client().SendPublic(1, ToText("one"));
    (void)pair.client().SendPublic(2, ToText("two"));
    pair.Exchange();
    for (const std::string& call : pair.server_host().calls) {
      if (call == "Publish \"one\"") pair.Say(User("alice"), "one");
      if (call == "Publish \"two\"") pair.Say(User("alice"), "two");
    }
    pair.Exchange();
  };
  SessionPair whole(*GetParam().dialect, GetParam().options);
  converse(whole);
  const std::vector<std::string>& all = whole.client_host().events;
  size_t heard = 0;
  for (size_t life = 0; heard < all.size(); ++life) {
    SessionPair pair(*GetParam().dialect, GetParam().options);
    pair.DieAfter(life);
    converse(pair);
    const std::vector<std::string>& events = pair.client_host().events;
    ASSERT_LE(events.size(), all.size()) << life;
    ASSERT_TRUE(std::equal(events.begin(), events.end(), all.begin())) << life;
    ASSERT_GE(events.size(), heard) << life;
    ASSERT_LT(life, 10000u);
    heard = events.size();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Dialects, ::testing::ValuesIn(Listeners()), [](const auto& info) {
  return absl::StrCat(std::string(info.param.dialect->name()), "_", info.index);
});

}  // namespace
}  // namespace chat::testing
