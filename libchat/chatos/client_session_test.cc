#include "libchat/chatos/client_session.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/chatos/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeClientHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class P>
std::string Bytes(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  return bytes;
}

std::string ErrorBytes(ErrorCode code) { return Bytes(Error{static_cast<int16_t>(code), "why"}); }

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

struct Client {
  Client() : session(host), feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  static std::unique_ptr<Client> LoggedIn() {
    auto client = std::make_unique<Client>();
    EXPECT_TRUE(client->session.Login("alice").ok());
    client->feeder.Feed(Bytes(Ack{0}));
    EXPECT_EQ(client->host.TakeSent(), Bytes(Login{"alice"}));
    EXPECT_THAT(client->host.TakeEvents(), ElementsAre("LoggedIn"));
    return client;
  }

  absl::Status Say(SendToken token) { return session.SendPublic(token, ToText("hi")); }
  absl::Status Whisper(SendToken token, absl::string_view to) {
    return session.SendPrivate(token, {to, 0}, ToText("psst"));
  }
  absl::Status Ask(absl::string_view name) {
    return session.Ask(RequestKind::kTalk, {name, 0}, Text());
  }
  absl::Status Answer(absl::string_view name, bool accept) {
    return session.Answer(RequestKind::kTalk, {name, 0}, accept);
  }
  template <class P>
  void Hear(const P& packet) {
    EXPECT_EQ(feeder.Feed(Bytes(packet)), Next::kMore);
  }
  void HearError(ErrorCode code) { EXPECT_EQ(feeder.Feed(ErrorBytes(code)), Next::kMore); }
  std::vector<std::string> Events() { return host.TakeEvents(); }

  FakeClientHost host;
  ClientSession session;
  Feeder feeder;
};

// ---- Login ----

TEST(ClientLoginTest, MayBeTriedAgainAfterARefusal) {
  const struct {
    ErrorCode code;
    const char* event;
  } kCases[] = {
      {ErrorCode::kNameRefused, "LoginRefused taken, try another name"},
      {ErrorCode::kBadData, "LoginRefused name, try another name"},
      {ErrorCode::kMissingData, "LoginRefused name, try another name"},
  };
  for (const auto& c : kCases) {
    Client client;
    EXPECT_TRUE(client.session.Login("alice").ok());
    EXPECT_EQ(client.session.Login("alicia").code(), absl::StatusCode::kFailedPrecondition);
    client.HearError(c.code);
    EXPECT_TRUE(client.session.Login("alicia").ok());
    client.Hear(Ack{0});
    EXPECT_EQ(client.host.sent, Bytes(Login{"alice"}) + Bytes(Login{"alicia"}));
    EXPECT_THAT(client.Events(), ElementsAre(c.event, "LoggedIn"));
    EXPECT_EQ(client.session.Login("again").code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(ClientLoginTest, NamesTheLimitOfABadName) {
  for (const std::string& name : {std::string(), std::string(31, 'a'), std::string("a b"),
                                  std::string("a@b"), std::string("h\u00E9ros")}) {
    Client client;
    const absl::Status status = client.session.Login(name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("30 bytes of ASCII"));
    EXPECT_EQ(client.host.sent, "");
  }
}

// ---- Messages ----

TEST(ClientSendTest, AcksConfirmInOrder) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  EXPECT_TRUE(client->session.SendPrivate(12, {"bob", 7}, ToText("two")).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(Chat{1, "", "one"}) + Bytes(Chat{2, "bob@7", "two"}));
  client->Hear(Ack{1});
  EXPECT_THAT(client->Events(), ElementsAre("Confirmed 11"));
  client->Hear(Ack{1});  // again: of nothing that is due
  client->Hear(Ack{99});
  EXPECT_THAT(client->Events(), IsEmpty());
  client->Hear(Ack{2});
  EXPECT_THAT(client->Events(), ElementsAre("Confirmed 12"));
}

TEST(ClientSendTest, WhatTheServerPassesOverIsNotConfirmed) {
  const auto client = Client::LoggedIn();
  for (SendToken token : {11, 12, 13}) EXPECT_TRUE(client->Say(token).ok());
  client->Hear(Ack{3});
  EXPECT_THAT(client->Events(),
              ElementsAre("Rejected 11: other", "Rejected 12: other", "Confirmed 13"));
}

TEST(ClientSendTest, NamesTheLimitOfAMessage) {
  const auto client = Client::LoggedIn();
  const std::string most(1024, 'x'), more(1025, 'x');
  EXPECT_TRUE(client->session.SendPublic(1, ToText(most)).ok());
  EXPECT_TRUE(client->session.SendPrivate(2, User("bob"), ToText(most)).ok());
  client->host.TakeSent();
  for (const absl::Status& status : {client->session.SendPublic(3, ToText(more)),
                                     client->session.SendPrivate(4, User("bob"), ToText(more))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("1024"));
  }
  for (const absl::Status& status :
       {client->session.SendPublic(5, ToText("caf\u00E9")),
        client->session.SendPrivate(6, User("bob"), ToText("\u5C71"))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("ASCII"));
  }
  for (const char* name : {"", "no body", "h\u00E9ros"}) {
    EXPECT_EQ(client->Whisper(7, name).code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(client->Ask(name).code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(client->Answer(name, true).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(client->host.sent, "");
  EXPECT_THAT(client->Events(), IsEmpty());
}

TEST(ClientSendTest, AnErrorConcernsTheOldestMessage) {
  const struct {
    ErrorCode code;
    const char* event;
    bool ack_follows;
  } kCases[] = {
      {ErrorCode::kMissingData, "Rejected 11: other", false},
      {ErrorCode::kBadData, "Rejected 11: other", false},
      {ErrorCode::kNoSuchUser, "Rejected 11: no such user", true},
      {ErrorCode::kNoConsent, "Rejected 11: not allowed", true},
      {ErrorCode::kNotLoggedIn, "Rejected 11: other", false},
      {ErrorCode::kTooLong, "Rejected 11: too long", false},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    EXPECT_TRUE(client->Whisper(11, "bob").ok());
    EXPECT_TRUE(client->Whisper(12, "carol").ok());
    client->HearError(c.code);
    EXPECT_THAT(client->Events(), ElementsAre(c.event));
    if (c.ack_follows) client->Hear(Ack{1});
    EXPECT_THAT(client->Events(), IsEmpty());
    client->Hear(Ack{2});
    EXPECT_THAT(client->Events(), ElementsAre("Confirmed 12"));
  }
}

TEST(ClientSendTest, EachMessageHasItsOwnError) {
  const auto client = Client::LoggedIn();
  for (SendToken token : {11, 12, 13}) EXPECT_TRUE(client->Whisper(token, "bob").ok());
  client->HearError(ErrorCode::kNoConsent);
  client->Hear(Ack{1});
  client->HearError(ErrorCode::kNoSuchUser);
  client->Hear(Ack{2});
  client->Hear(Ack{3});
  EXPECT_THAT(client->Events(),
              ElementsAre("Rejected 11: not allowed", "Rejected 12: no such user", "Confirmed 13"));
}

TEST(ClientSendTest, AServerMayLeaveOutTheAckOfWhatItRefuses) {
  const auto client = Client::LoggedIn();
  for (SendToken token : {11, 12, 13}) EXPECT_TRUE(client->Whisper(token, "bob").ok());
  client->HearError(ErrorCode::kNoConsent);
  client->HearError(ErrorCode::kNoConsent);
  client->Hear(Ack{3});
  EXPECT_THAT(client->Events(),
              ElementsAre("Rejected 11: not allowed", "Rejected 12: not allowed", "Confirmed 13"));
}

TEST(ClientSendTest, ErrorsThatConcernNothingAreNotices) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Say(11).ok());
  // Public messages have no addressee; the others are about the connection.
  for (int16_t code : {3, 4, 8, 9, 0, 77, -1}) {
    client->Hear(Error{code, "why"});
    EXPECT_THAT(client->Events(), ElementsAre(absl::StrCat("Notice: error ", code, ": why")));
  }
  client->Hear(Ack{1});
  EXPECT_THAT(client->Events(), ElementsAre("Confirmed 11"));
  for (int16_t code : {1, 2, 6, 7}) {
    client->Hear(Error{code, "why"});
    EXPECT_THAT(client->Events(), ElementsAre(absl::StrCat("Notice: error ", code, ": why")));
  }
}

TEST(ClientSendTest, ErrorFiveAfterTheLoginSaysThatItIsOver) {
  const auto client = Client::LoggedIn();
  client->HearError(ErrorCode::kNameRefused);
  EXPECT_THAT(client->Events(), ElementsAre("Replaced"));
}

TEST(ClientReceiveTest, EachMessageIsAcknowledged) {
  for (const Segments& segments :
       EveryWay(Bytes(Chat{5, "bob@7", "hi\n"}) + Bytes(Chat{9, "carol", "\xe9"}), 10)) {
    const auto client = Client::LoggedIn();
    for (const std::string& segment : segments) client->feeder.Feed(segment);
    EXPECT_THAT(client->Events(), ElementsAre("Received bob@7 -> everyone: \"hi\\n\"",
                                              "Received carol -> everyone: \"\\xe9\""));
    EXPECT_EQ(client->host.TakeSent(), Bytes(Ack{5}) + Bytes(Ack{9}));
    EXPECT_EQ(client->feeder.rest(), "");
  }
}

// ---- Requests ----

TEST(ClientTalkTest, OneRequestAtATime) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Ask("bob").ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateAsk{"bob"}));
  const absl::Status second = client->Ask("carol");
  EXPECT_EQ(second.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.message()), HasSubstr("bob"));
  EXPECT_EQ(client->host.TakeSent(), "");
  client->Hear(PrivateAcceptation{1, "alice"});
  EXPECT_THAT(client->Events(), ElementsAre("TalkOpened with bob"));
  EXPECT_TRUE(client->Ask("carol").ok());
  client->Hear(PrivateAcceptation{0, "alice"});
  EXPECT_THAT(client->Events(), ElementsAre("Refused talk by carol"));
  EXPECT_TRUE(client->Ask("dave").ok());
  client->HearError(ErrorCode::kNoSuchUser);
  EXPECT_THAT(client->Events(), ElementsAre("Refused talk, absent dave"));
  EXPECT_TRUE(client->Ask("erin").ok());
  client->HearError(ErrorCode::kBadData);
  EXPECT_THAT(client->Events(), ElementsAre("Refused talk by erin"));
  EXPECT_EQ(client->session.Ask(RequestKind::kRelay, User("bob"), Text()).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ClientTalkTest, WhoAcceptsIsInTheTalkAtOnce) {
  const auto client = Client::LoggedIn();
  client->Hear(PrivateAsk{"bob@7"});
  EXPECT_THAT(client->Events(), ElementsAre("Asked for talk by bob@7"));
  EXPECT_TRUE(client->session.Answer(RequestKind::kTalk, User("bob", 7), true).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateAcceptation{1, "bob@7"}));
  EXPECT_THAT(client->Events(), ElementsAre("TalkOpened with bob@7"));
  EXPECT_TRUE(client->Answer("carol", false).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateAcceptation{0, "carol"}));
  EXPECT_THAT(client->Events(), IsEmpty());
  EXPECT_EQ(client->session.Answer(RequestKind::kDirect, User("bob"), true).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ClientTalkTest, AnAnswerThatComesTooLateEndsTheTalk) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Answer("bob", true).ok());
  EXPECT_TRUE(client->Answer("carol", false).ok());
  EXPECT_TRUE(client->Say(11).ok());
  EXPECT_THAT(client->Events(), ElementsAre("TalkOpened with bob"));
  client->HearError(ErrorCode::kBadData);
  EXPECT_THAT(client->Events(), ElementsAre("TalkEnded with bob"));
  client->HearError(ErrorCode::kBadData);
  EXPECT_THAT(client->Events(), IsEmpty());
  client->Hear(Ack{1});
  EXPECT_THAT(client->Events(), ElementsAre("Confirmed 11"));
}

TEST(ClientTalkTest, AnAckSaysThatAnswersBeforeItWereRight) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Answer("bob", true).ok());
  EXPECT_TRUE(client->Say(11).ok());
  EXPECT_TRUE(client->Say(12).ok());
  client->Hear(Ack{1});
  client->HearError(ErrorCode::kBadData);
  EXPECT_THAT(client->Events(),
              ElementsAre("TalkOpened with bob", "Confirmed 11", "Rejected 12: other"));
}

TEST(ClientTalkTest, OnlySoManyAnswersAreKept) {
  const auto client = Client::LoggedIn();
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(client->Answer(absl::StrCat("u", i), true).ok());
  client->Events();
  for (int i = 1000 - 64; i < 1000; ++i) {
    client->HearError(ErrorCode::kBadData);
    EXPECT_THAT(client->Events(), ElementsAre(absl::StrCat("TalkEnded with u", i)));
  }
  client->HearError(ErrorCode::kBadData);
  EXPECT_THAT(client->Events(), ElementsAre("Notice: error 2: why"));
}

// ---- Whose error 3? ----

TEST(ClientDoubtTest, AMessageBeforeTheRequestHasItsErrorFirst) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Whisper(11, "bob").ok());
  EXPECT_TRUE(client->Ask("carol").ok());
  client->Hear(Ack{1});
  client->HearError(ErrorCode::kNoSuchUser);
  EXPECT_THAT(client->Events(), ElementsAre("Confirmed 11", "Refused talk, absent carol"));

  EXPECT_TRUE(client->Whisper(12, "bob").ok());
  EXPECT_TRUE(client->Ask("carol").ok());
  client->HearError(ErrorCode::kNoConsent);
  client->Hear(Ack{2});
  client->Hear(PrivateAcceptation{1, "alice"});
  EXPECT_THAT(client->Events(), ElementsAre("Rejected 12: not allowed", "TalkOpened with carol"));
}

TEST(ClientDoubtTest, APublicMessageBehindTheRequestIsNoDoubt) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Ask("carol").ok());
  EXPECT_TRUE(client->Say(11).ok());
  client->HearError(ErrorCode::kNoSuchUser);
  client->Hear(Ack{1});
  EXPECT_THAT(client->Events(), ElementsAre("Refused talk, absent carol", "Confirmed 11"));
}

TEST(ClientDoubtTest, AnAckBehindTheRequestSaysThatItWasLetThrough) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->Ask("carol").ok());
  EXPECT_TRUE(client->Say(11).ok());
  client->Hear(Ack{1});
  client->host.TakeSent();
  EXPECT_TRUE(client->Whisper(12, "bob").ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(Chat{2, "bob", "psst"}));
  client->HearError(ErrorCode::kNoSuchUser);
  client->Hear(Ack{2});
  client->Hear(PrivateAcceptation{1, "alice"});
  EXPECT_THAT(client->Events(),
              ElementsAre("Confirmed 11", "Rejected 12: no such user", "TalkOpened with carol"));
}

TEST(ClientDoubtTest, APrivateMessageBehindTheRequestWaits) {
  const auto expect_held = [](Client& client) {
    EXPECT_TRUE(client.Ask("carol").ok());
    client.host.TakeSent();
    EXPECT_TRUE(client.Whisper(11, "bob").ok());
    EXPECT_TRUE(client.Say(12).ok());  // in the order of sending
    EXPECT_EQ(client.host.TakeSent(), "");
  };
  const std::string messages = Bytes(Chat{1, "bob", "psst"}) + Bytes(Chat{2, "", "hi"});

  const auto answered = Client::LoggedIn();
  expect_held(*answered);
  answered->Hear(PrivateAcceptation{0, "alice"});
  EXPECT_EQ(answered->host.TakeSent(), messages);
  answered->HearError(ErrorCode::kNoSuchUser);
  answered->Hear(Ack{1});
  answered->Hear(Ack{2});
  EXPECT_THAT(answered->Events(),
              ElementsAre("Refused talk by carol", "Rejected 11: no such user", "Confirmed 12"));

  const auto absent = Client::LoggedIn();
  expect_held(*absent);
  absent->HearError(ErrorCode::kNoSuchUser);
  EXPECT_EQ(absent->host.TakeSent(), messages);
  absent->Hear(Ack{1});
  absent->Hear(Ack{2});
  EXPECT_THAT(absent->Events(),
              ElementsAre("Refused talk, absent carol", "Confirmed 11", "Confirmed 12"));

  const auto passed = Client::LoggedIn();
  EXPECT_TRUE(passed->Say(10).ok());
  EXPECT_TRUE(passed->Ask("carol").ok());
  EXPECT_TRUE(passed->Say(11).ok());
  passed->host.TakeSent();
  EXPECT_TRUE(passed->Whisper(12, "bob").ok());
  EXPECT_EQ(passed->host.TakeSent(), "");
  passed->Hear(Ack{1});  // was said before the request
  EXPECT_EQ(passed->host.TakeSent(), "");
  passed->Hear(Ack{2});
  EXPECT_EQ(passed->host.TakeSent(), Bytes(Chat{3, "bob", "psst"}));
}

// ---- States ----

TEST(ClientStateTest, WhatNeedsALoginSaysSo) {
  Client fresh;
  Client logging_in;
  EXPECT_TRUE(logging_in.session.Login("alice").ok());
  const auto broken = Client::LoggedIn();
  EXPECT_EQ(broken->feeder.Feed("\xff\xff"), Next::kClose);
  for (Client* client : {&fresh, &logging_in, broken.get()}) {
    client->host.TakeSent();
    for (const absl::Status& status : {client->Say(1), client->Whisper(2, "bob"),
                                       client->Ask("bob"), client->Answer("bob", true)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_FALSE(status.message().empty());
    }
    EXPECT_EQ(client->host.sent, "");
    EXPECT_EQ(client->session.PresentTicket(1).code(), absl::StatusCode::kUnimplemented);
  }
}

// A server may be hostile: what it may not say now, or not at all, ends the session.
TEST(ClientStateTest, EachPacketOutOfPlaceBreaksTheSession) {
  const std::string packets[kOpcodes] = {
      Bytes(Login{"alice"}),  Bytes(Chat{7, "bob", "hi"}), Bytes(Ack{0}),
      Bytes(Error{9, "why"}), Bytes(PrivateAsk{"bob"}),    Bytes(PrivateAcceptation{1, "alice"}),
  };
  // Each column: what is fine when nothing was asked, while logging in, logged in, asking.
  const bool kFine[kOpcodes][4] = {
      /* LOGIN */ {false, false, false, false},
      /* CHAT */ {false, true, true, true},
      /* ACK */ {false, true, true, true},
      /* ERROR */ {true, true, true, true},
      /* PRIVATE_ASK */ {false, false, true, true},
      /* PRIVATE_ACCEPTATION */ {false, false, false, true},
  };
  for (size_t opcode = 0; opcode < kOpcodes; ++opcode) {
    const auto fresh = std::make_unique<Client>();
    const auto logging_in = std::make_unique<Client>();
    ASSERT_TRUE(logging_in->session.Login("alice").ok());
    const auto logged_in = Client::LoggedIn();
    const auto asking = Client::LoggedIn();
    ASSERT_TRUE(asking->Ask("bob").ok());
    Client* const columns[] = {fresh.get(), logging_in.get(), logged_in.get(), asking.get()};
    for (size_t state = 0; state < 4; ++state) {
      const Next next = columns[state]->feeder.Feed(packets[opcode]);
      EXPECT_EQ(next != Next::kClose, kFine[opcode][state]) << opcode << " in " << state;
      if (!kFine[opcode][state]) {
        EXPECT_THAT(columns[state]->Events(), IsEmpty()) << opcode << " in " << state;
      }
    }
  }
}

TEST(ClientStateTest, WhatCannotBeFollowedBreaksTheSession) {
  for (const char* hex :
       {"0006", "ffff", "0001 0000000000000001 61*42", "0001 0000000000000001 00 61*65530",
        "0003 0001 61*65540", "0004 61*42", "0005 02 \"alice\" 00", "0005 01 \"bob\" 00"}) {
    const std::string bytes = Hex(hex);
    // What is not taken yet is copied for each piece: the long ones are not cut into single bytes.
    for (size_t piece : {bytes.size() / 1000 + 1, bytes.size()}) {
      const auto client = Client::LoggedIn();
      ASSERT_TRUE(client->Ask("bob").ok());
      for (size_t at = 0; at < bytes.size(); at += piece) {
        client->feeder.Feed(bytes.substr(at, piece));
      }
      EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(client->Events(), IsEmpty()) << hex;
    }
  }
}

TEST(ClientStateTest, AnotherIdThanZeroAcceptsNoLogin) {
  Client client;
  ASSERT_TRUE(client.session.Login("alice").ok());
  EXPECT_EQ(client.feeder.Feed(Bytes(Ack{1})), Next::kClose);
  EXPECT_THAT(client.Events(), IsEmpty());
}

TEST(ClientStateTest, LongMessagesAreHandedOn) {
  const auto client = Client::LoggedIn();
  client->Hear(Chat{1, "bob", std::string(60000, 'x')});
  ASSERT_EQ(client->host.events.size(), 1u);
}

}  // namespace
}  // namespace chat::chatos
