// What holds for every dialect of this build: its client and its server understand each other, and
// what one says is exactly one packet to the other.

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/random_text.h"
#include "libchat/testing/session_pair.h"

namespace chat::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::StartsWith;

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

constexpr char kPassword[] = "secret1";
constexpr TalkNumber kTalk = 42;

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

class Dialects : public ::testing::TestWithParam<Listener> {
 protected:
  Dialects() : pair_(*GetParam().dialect, GetParam().options) {}

  ClientTraits traits() const { return GetParam().dialect->client_traits(); }

  void LogIn(SessionPair& pair) {
    if (traits().passwords == Passwords::kRequired) {
      LogInWithPassword(pair);
    } else {
      ASSERT_TRUE(pair.client().Login("alice").ok());
      pair.Exchange();
      ASSERT_THAT(pair.server_host().TakeCalls(), ElementsAre("Login alice"));
    }
    ASSERT_THAT(pair.client_host().TakeEvents(), ElementsAre("LoggedIn"));
  }
  void LogInWithPassword(SessionPair& pair) {
    ASSERT_TRUE(pair.client().LoginWithPassword("alice", kPassword).ok());
    pair.Exchange();
    ASSERT_THAT(pair.server_host().TakeCalls(),
                ElementsAre(StartsWith("Authenticate alice \"secret1\"")));
    ASSERT_EQ(pair.server_next(), Next::kPause);
    pair.Tell(Authenticated{LoginResult::kAccepted});
    pair.Exchange();
  }
  // Alice asks bob to talk, and he accepts.
  void Agree(SessionPair& pair) {
    ASSERT_TRUE(pair.client().Ask(RequestKind::kTalk, User("bob"), Text()).ok());
    pair.Exchange();
    ASSERT_THAT(pair.server_host().TakeCalls(), ElementsAre("Ask talk bob"));
    pair.Tell(Answer{RequestKind::kTalk, User("alice"), User("bob"), Verdict::kAccepted, kTalk});
    pair.Exchange();
    ASSERT_THAT(pair.client_host().TakeEvents(), ElementsAre("TalkOpened with bob"));
  }
  // One event, which says what `message` says as far as the dialect can.
  static void ExpectReceived(const std::vector<std::string>& events, Received message) {
    ASSERT_THAT(events, SizeIs(1));
    std::string heard;
    ASSERT_TRUE(absl::CUnescape(events[0], &heard));
    ASSERT_TRUE(absl::EndsWith(heard, "\""));
    heard.pop_back();
    const std::string body = std::exchange(message.body, "");
    std::string head = ToString(ClientEvent(message));
    head.pop_back();  // the quote
    ASSERT_TRUE(absl::StartsWith(heard, head)) << heard;
    EXPECT_EQ(Gist(heard.substr(head.size())), Gist(body));
  }
  // What the client has learnt.
  static std::vector<std::string> Events(SessionPair& pair) {
    return pair.client_host().TakeEvents();
  }
  // The same but confirmations, and what the server was asked for but the client's.
  static std::vector<std::string> News(SessionPair& pair) {
    return Without("Confirmed", Events(pair));
  }
  static std::vector<std::string> Calls(SessionPair& pair) {
    return Without("Acknowledge", pair.server_host().TakeCalls());
  }

  SessionPair pair_;

 private:
  static std::vector<std::string> Without(absl::string_view word, std::vector<std::string> lines) {
    const auto has = [&](const std::string& line) { return absl::StartsWith(line, word); };
    lines.erase(std::remove_if(lines.begin(), lines.end(), has), lines.end());
    return lines;
  }
};

TEST_P(Dialects, ARefusedNameMayBeFollowedByAnother) {
  if (traits().passwords == Passwords::kRequired) GTEST_SKIP() << "no open login";
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

TEST_P(Dialects, PasswordIsAskedOfTheHost) {
  if (traits().passwords == Passwords::kNever) {
    EXPECT_EQ(pair_.client().LoginWithPassword("alice", kPassword).code(),
              absl::StatusCode::kUnimplemented);
    return;
  }
  LogInWithPassword(pair_);
  EXPECT_THAT(pair_.client_host().TakeEvents(), ElementsAre("LoggedIn"));
  SessionPair wrong(*GetParam().dialect, GetParam().options);
  ASSERT_TRUE(wrong.client().LoginWithPassword("alice", "other11").ok());
  wrong.Exchange();
  wrong.Tell(Authenticated{LoginResult::kWrongPassword});
  wrong.Exchange();
  EXPECT_THAT(wrong.client_host().TakeEvents(), ElementsAre("LoginRefused password"));
}

TEST_P(Dialects, AccountIsMade) {
  if (!traits().registers) {
    EXPECT_EQ(pair_.client().Register("alice", kPassword).code(), absl::StatusCode::kUnimplemented);
    return;
  }
  for (bool successful : {false, true}) {
    ASSERT_TRUE(pair_.client().Register("alice", kPassword).ok());
    pair_.Exchange();
    EXPECT_THAT(pair_.server_host().TakeCalls(), ElementsAre("Register alice \"secret1\""));
    EXPECT_EQ(pair_.server_next(), Next::kPause);
    pair_.Tell(Registered{successful});
    pair_.Exchange();
    EXPECT_THAT(pair_.client_host().TakeEvents(),
                ElementsAre(successful ? "AccountMade" : "AccountRefused"));
  }
  LogIn(pair_);
}

TEST_P(Dialects, PublicMessagesArriveInSegmentsOfAnySize) {
  if (!traits().public_room) GTEST_SKIP() << "no public room";
  for (size_t segment = 1; segment < 40; ++segment) {
    SessionPair pair(*GetParam().dialect, GetParam().options);
    LogIn(pair);
    ASSERT_TRUE(pair.client().SendPublic(1, ToText("hello")).ok());
    ASSERT_TRUE(pair.client().SendPublic(2, ToText("there")).ok());
    pair.Exchange(segment);
    EXPECT_THAT(Calls(pair), ElementsAre("Publish \"hello\"", "Publish \"there\""));
    pair.Say(User("bob"), "hi");
    pair.Exchange(segment);
    EXPECT_THAT(News(pair), ElementsAre("Received bob -> everyone: \"hi\""));
  }
}

TEST_P(Dialects, AnEchoConfirms) {
  if (traits().public_confirmation != Confirmation::kEcho) GTEST_SKIP() << "no echo";
  LogIn(pair_);
  ASSERT_TRUE(pair_.client().SendPublic(7, ToText("hello")).ok());
  pair_.Exchange();
  pair_.Say(User("alice"), "hello");
  pair_.Exchange();
  EXPECT_THAT(Events(pair_), ElementsAre("Received alice -> everyone: \"hello\"", "Confirmed 7"));
}

TEST_P(Dialects, AnAcknowledgementConfirms) {
  if (traits().public_confirmation != Confirmation::kAck) GTEST_SKIP() << "none";
  LogIn(pair_);
  ASSERT_TRUE(pair_.client().SendPublic(7, ToText("hello")).ok());
  pair_.Exchange();
  EXPECT_THAT(pair_.client_host().events, ElementsAre("Confirmed 7"));
  pair_.Say(User("bob"), "hi");
  pair_.Exchange();
  EXPECT_THAT(pair_.server_host().calls, ElementsAre("Publish \"hello\"", "Acknowledge 1"));
}

TEST_P(Dialects, PrivateMessagesArrive) {
  LogIn(pair_);
  const bool talks = traits().private_way == PrivateWay::kTalk;
  if (talks) Agree(pair_);
  const absl::Status sent = pair_.client().SendPrivate(1, User("bob"), ToText("psst"));
  if (traits().private_way == PrivateWay::kDirect) {
    EXPECT_EQ(sent.code(), absl::StatusCode::kUnimplemented);
    return;
  }
  ASSERT_TRUE(sent.ok()) << sent;
  pair_.Exchange();
  // By name, or by the number of their talk.
  EXPECT_THAT(Calls(pair_),
              ElementsAre(AnyOf("SendPrivate bob \"psst\"", "SendInTalk 42 bob \"psst\"")));
  pair_.Tell(PrivateMessage{User("bob", 7), User("alice"), OwnedText(ToText("what?")), 1, kTalk});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre(absl::StrCat("Received bob@7 -> ",
                                                    traits().tells_private ? "alice" : "everyone",
                                                    ": \"what?\"")));
}

TEST_P(Dialects, TalksAreAgreedOn) {
  LogIn(pair_);
  if (traits().private_way != PrivateWay::kTalk) {
    EXPECT_FALSE(GetParam().dialect->answers(RequestKind::kTalk));
    EXPECT_EQ(pair_.client().Ask(RequestKind::kTalk, User("bob"), Text()).code(),
              absl::StatusCode::kUnimplemented);
    return;
  }
  EXPECT_TRUE(GetParam().dialect->answers(RequestKind::kTalk));
  ASSERT_TRUE(pair_.client().Ask(RequestKind::kTalk, User("bob"), Text()).ok());
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_), ElementsAre("Ask talk bob"));
  pair_.Tell(Answer{RequestKind::kTalk, User("alice"), User("bob"), Verdict::kRefused, 0});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre("Refused talk by bob"));
  pair_.server_host().ask_delivery = Delivery::kNoSuchUser;
  ASSERT_TRUE(pair_.client().Ask(RequestKind::kTalk, User("bob"), Text()).ok());
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_), Contains("Ask talk bob"));
  EXPECT_THAT(News(pair_), ElementsAre("Refused talk, absent bob"));
  pair_.server_host().ask_delivery = Delivery::kSent;
  Agree(pair_);
  pair_.Tell(Request{RequestKind::kTalk, User("carol"), User("alice"), {}});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre("Asked for talk by carol"));
  ASSERT_TRUE(pair_.client().Answer(RequestKind::kTalk, User("carol"), false).ok());
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_), ElementsAre("AnswerRequest talk carol no"));
  pair_.Tell(Request{RequestKind::kTalk, User("carol"), User("alice"), {}});
  pair_.Exchange();
  ASSERT_TRUE(pair_.client().Answer(RequestKind::kTalk, User("carol"), true).ok());
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_), ElementsAre("AnswerRequest talk carol yes"));
  pair_.Tell(Answer{RequestKind::kTalk, User("carol"), User("alice"), Verdict::kAccepted, 43});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre("Asked for talk by carol", "TalkOpened with carol"));
  pair_.Tell(TalkClosed{kTalk, User("bob")});
  pair_.Exchange();
  EXPECT_EQ(pair_.client_next(), Next::kMore);
}

TEST_P(Dialects, DirectConnectionsAreAgreedOn) {
  LogIn(pair_);
  const DirectAddress at{std::string("\x7f\0\0\x01", 4), 7000, 5};
  if (traits().private_way != PrivateWay::kDirect) {
    EXPECT_FALSE(GetParam().dialect->answers(RequestKind::kDirect));
    EXPECT_EQ(pair_.client().AcceptDirect(User("bob"), at).code(),
              absl::StatusCode::kUnimplemented);
    return;
  }
  EXPECT_TRUE(GetParam().dialect->answers(RequestKind::kDirect));
  ASSERT_TRUE(pair_.client().Ask(RequestKind::kDirect, User("bob"), Text()).ok());
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_), ElementsAre("Ask direct bob"));
  pair_.Tell(Answer{RequestKind::kDirect, User("alice"), User("bob"), Verdict::kAccepted, 0, at});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre("DirectGranted by bob port 7000 id 5"));
  pair_.Tell(Request{RequestKind::kDirect, User("carol"), User("alice"), {}});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre("Asked for direct by carol"));
  ASSERT_TRUE(pair_.client().AcceptDirect(User("carol"), at).ok());
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_), ElementsAre("AcceptDirect carol 127.0.0.1:7000 id 5"));
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

TEST_P(Dialects, FilesTravelThroughTheServer) {
  LogIn(pair_);
  const std::string piece(kFileChunkBytes, 'x');
  const absl::Status sent =
      pair_.client().SendFileChunk(User("bob", 7), 3, "a.txt", kFileChunkBytes, piece);
  EXPECT_EQ(GetParam().dialect->takes_files(), traits().file_way == FileWay::kServer);
  if (traits().file_way != FileWay::kServer) {
    EXPECT_EQ(sent.code(), absl::StatusCode::kUnimplemented);
    return;
  }
  ASSERT_TRUE(sent.ok()) << sent;
  pair_.Exchange();
  EXPECT_THAT(Calls(pair_),
              ElementsAre("SendFileChunk bob@7 transfer 3 \"a.txt\" 1024 bytes of 1"));
  pair_.Tell(FileChunk{User("bob", 7), User("alice"), 4, "b.txt", 1, piece});
  pair_.Exchange();
  EXPECT_THAT(News(pair_),
              ElementsAre("FileChunkReceived bob@7: transfer 4 \"b.txt\" 1024 bytes of 1024"));
  pair_.Tell(Undelivered{User("", 7), User("alice"), true});
  pair_.Exchange();
  EXPECT_THAT(News(pair_), ElementsAre("Undeliverable: no such server"));
}

TEST_P(Dialects, OneMessageIsOnePacket) {
  if (!traits().public_room) GTEST_SKIP() << "no public room";
  LogIn(pair_);
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::string heard = RandomText(random, kMaxMessageBytes, false);
    pair_.Say(User("bob"), heard);
    pair_.Exchange();
    ASSERT_EQ(pair_.client_next(), Next::kMore) << i;
    ExpectReceived(News(pair_), Received{false, User("bob"), User(), heard});

    const std::string said = RandomText(random, traits().max_message_bytes, traits().ascii_only);
    (void)Calls(pair_);
    ASSERT_TRUE(pair_.client().SendPublic(1, ToText(said)).ok());
    pair_.Exchange();
    FakeHost expected;
    expected.Publish(ToText(said));
    ASSERT_EQ(Calls(pair_), expected.calls);
    ASSERT_EQ(pair_.server_next(), Next::kMore) << i;
  }
}

TEST_P(Dialects, OnePrivateMessageIsOnePacket) {
  if (traits().private_way == PrivateWay::kDirect) GTEST_SKIP() << "not through the server";
  LogIn(pair_);
  if (traits().private_way == PrivateWay::kTalk) Agree(pair_);
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string body = RandomText(random, kMaxMessageBytes, false);
    pair_.Tell(PrivateMessage{User("bob"), User("alice"), OwnedText(ToText(body)), i + 1, kTalk});
    pair_.Exchange();
    ASSERT_EQ(pair_.client_next(), Next::kMore) << i;
    ExpectReceived(News(pair_), Received{traits().tells_private, User("bob"), User("alice"), body});
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
      if (GetParam().dialect->own_public() == OwnPublic::kLeftOut) break;
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
