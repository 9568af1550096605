#include "libchat/crp/client_session.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/crp/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::crp {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeClientHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

std::string Ended(Command command, absl::string_view status) {
  return Encode({.command = command, .status = status, .user_id = "alice"});
}
std::string Invt(absl::string_view from, absl::string_view to = "alice") {
  return Encode({.command = Command::kInvt, .source_user = from, .target_user = to});
}
std::string Rsp(absl::string_view asker, absl::string_view target, absl::string_view status,
                Header session_id = std::nullopt) {
  return Encode({.command = Command::kRsp,
                 .session_id = session_id,
                 .source_user = asker,
                 .target_user = target,
                 .status = status});
}
std::string Txt(absl::string_view from, absl::string_view to, const std::string& body) {
  return Encode({.command = Command::kTxt,
                 .session_id = "S00042",
                 .source_user = from,
                 .target_user = to,
                 .body = body});
}
std::string Close(absl::string_view from, absl::string_view to,
                  absl::string_view session_id = "S00042") {
  return Encode({.command = Command::kClose,
                 .session_id = session_id,
                 .source_user = from,
                 .target_user = to});
}

struct Client {
  explicit Client(Compat compat = Compat::kDocument)
      : session(compat, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  static std::unique_ptr<Client> SignedIn(Compat compat = Compat::kDocument) {
    auto client = std::make_unique<Client>(compat);
    EXPECT_TRUE(client->session.LoginWithPassword("alice", "secret1").ok());
    client->feeder.Feed(Ended(Command::kSign, kSuccessful));
    EXPECT_EQ(client->host.TakeSent(),
              Encode({.command = Command::kSign, .user_id = "alice", .password = "secret1"}));
    EXPECT_THAT(client->host.TakeEvents(), ElementsAre("LoggedIn"));
    return client;
  }

  // With a talk with "bobby".
  static std::unique_ptr<Client> Talking() {
    auto client = SignedIn();
    client->feeder.Feed(Rsp("alice", "bobby", kAccepted, "S00042"));
    EXPECT_THAT(client->host.TakeEvents(), ElementsAre("TalkOpened with bobby"));
    return client;
  }

  FakeClientHost host;
  ClientSession session;
  Feeder feeder;
};

// ---- Accounts ----

TEST(ClientRegisterTest, ComesBeforeSigningIn) {
  Client client;
  EXPECT_TRUE(client.session.Register("alice", "secret1").ok());
  EXPECT_EQ(client.host.TakeSent(),
            Encode({.command = Command::kReg, .user_id = "alice", .password = "secret1"}));
  EXPECT_EQ(client.session.Register("alice", "secret1").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(client.session.LoginWithPassword("alice", "secret1").code(),
            absl::StatusCode::kFailedPrecondition);
  client.feeder.Feed(Ended(Command::kReg, kFailed));
  EXPECT_TRUE(client.session.Register("alicia", "secret1").ok());
  client.feeder.Feed(Ended(Command::kReg, kSuccessful));
  EXPECT_TRUE(client.session.LoginWithPassword("alicia", "secret1").ok());
  EXPECT_THAT(client.host.events, ElementsAre("AccountRefused", "AccountMade"));
}

TEST(ClientRegisterTest, NamesTheRuleThatIsBroken) {
  Client client;
  absl::Status status = client.session.Register("al", "secret1");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("5 to 10"));
  status = client.session.Register("alice", "not-it");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("6 to 13"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("not-it")));
  EXPECT_EQ(client.host.sent, "");
}

TEST(ClientLoginTest, NeedsAPassword) {
  Client client;
  EXPECT_EQ(client.session.Login("alice").code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(client.host.sent, "");
}

TEST(ClientLoginTest, SaysWhyItWasRefused) {
  Client client;
  EXPECT_TRUE(client.session.LoginWithPassword("alice", "secret1").ok());
  client.feeder.Feed(Ended(Command::kSign, kNotExist));
  EXPECT_TRUE(client.session.LoginWithPassword("alice", "secret1").ok());
  client.feeder.Feed(Ended(Command::kSign, kFailed));
  EXPECT_THAT(client.host.events, ElementsAre("LoginRefused no account", "LoginRefused password"));
  EXPECT_EQ(client.feeder.next(), Next::kMore);
}

TEST(ClientLoginTest, RefusesWhatWouldBeNoHeader) {
  Client client;
  for (const std::string& name :
       {std::string(), std::string(31, 'a'), std::string("a b"), std::string("a@b")}) {
    EXPECT_EQ(client.session.LoginWithPassword(name, "secret1").code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  for (const std::string& password :
       {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3), std::string(129, 'x')}) {
    const absl::Status status = client.session.LoginWithPassword("alice", password);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("128"));
  }
  EXPECT_EQ(client.host.sent, "");
  EXPECT_TRUE(client.session.LoginWithPassword("\u00e9lo", std::string(128, 'x')).ok());
}

// ---- Talks ----

TEST(ClientTalkTest, IsAskedForAndOpened) {
  const auto client = Client::SignedIn();
  EXPECT_TRUE(client->session.Ask(RequestKind::kTalk, User("bobby"), ToText("why\nnot")).ok());
  EXPECT_EQ(client->host.TakeSent(), Encode({.command = Command::kInvt,
                                             .source_user = "alice",
                                             .target_user = "bobby",
                                             .body = "why\nnot"}));
  EXPECT_TRUE(client->session.Ask(RequestKind::kTalk, User("carol", 7), Text()).ok());
  EXPECT_EQ(client->host.TakeSent(), Invt("alice", "carol@7"));
  const std::string in = Rsp("alice", "bobby", kAccepted, "S00042") +
                         // As the programs of the document's author say it.
                         Rsp("alice", "carol@7", kSuccessful, "S00043");
  for (const Segments& segments : EveryWay(in, 10)) {
    const auto other = Client::SignedIn();
    for (const std::string& segment : segments) other->feeder.Feed(segment);
    EXPECT_THAT(other->host.events,
                ElementsAre("TalkOpened with bobby", "TalkOpened with carol@7"));
    EXPECT_TRUE(other->session.SendPrivate(1, User("carol", 7), ToText("hi")).ok());
    EXPECT_EQ(other->host.sent, Encode({.command = Command::kTxt,
                                        .session_id = "S00043",
                                        .source_user = "alice",
                                        .target_user = "carol@7",
                                        .body = "hi"}));
  }
}

TEST(ClientTalkTest, IsAnswered) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Encode({.command = Command::kInvt,
                              .source_user = "bobby@7",
                              .target_user = "alice",
                              .body = "why\nnot"}) +
                      Invt("carol"));
  EXPECT_THAT(client->host.TakeEvents(),
              ElementsAre("Asked for talk by bobby@7: why\\nnot", "Asked for talk by carol"));
  EXPECT_TRUE(client->session.Answer(RequestKind::kTalk, User("bobby", 7), true).ok());
  EXPECT_EQ(client->host.TakeSent(), Rsp("bobby@7", "alice", kAccepted));
  EXPECT_TRUE(client->session.Answer(RequestKind::kTalk, User("carol"), false).ok());
  EXPECT_EQ(client->host.TakeSent(), Rsp("carol", "alice", kRefused));
  client->feeder.Feed(Rsp("bobby@7", "alice", kAccepted, "S00001"));
  EXPECT_THAT(client->host.events, ElementsAre("TalkOpened with bobby@7"));
}

TEST(ClientTalkTest, ThatIsRefusedSaysWhy) {
  const struct {
    const char* status;
    const char* document;
    const char* author;
  } kCases[] = {
      {kRefused, "Refused talk by bobby", "Refused talk by bobby"},
      {kNotExist, "Refused talk, absent bobby", "Refused talk, absent bobby"},
      {"NotExit", "Refused talk, absent bobby", "Refused talk, absent bobby"},
      {kFailed, "Refused talk by bobby", "Refused talk, absent bobby"},
  };
  for (const auto& c : kCases) {
    for (Compat compat : {Compat::kDocument, Compat::kAuthor}) {
      const auto client = Client::SignedIn(compat);
      client->feeder.Feed(Rsp("alice", "bobby", c.status));
      EXPECT_THAT(client->host.events,
                  ElementsAre(compat == Compat::kAuthor ? c.author : c.document));
      EXPECT_EQ(client->feeder.next(), Next::kMore);
    }
  }
}

TEST(ClientTalkTest, ThatThisUserAgreedToAndHasFailedIsNothing) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Rsp("bobby", "alice", kFailed));
  EXPECT_THAT(client->host.events, IsEmpty());
  EXPECT_EQ(client->feeder.next(), Next::kMore);
}

TEST(ClientTalkTest, CarriesMessagesBothWays) {
  const auto client = Client::Talking();
  EXPECT_TRUE(client->session.SendPrivate(1, User("bobby"), ToText("two\nlines")).ok());
  EXPECT_EQ(client->host.TakeSent(), Txt("alice", "bobby", "two\nlines"));
  client->feeder.Feed(Txt("bobby", "alice", "a\r\nb\n"));
  EXPECT_THAT(client->host.events, ElementsAre("Received bobby -> alice: \"a\\r\\nb\\n\""));
}

TEST(ClientTalkTest, IsNeededForAMessage) {
  const auto client = Client::Talking();
  for (const User& peer : {User("carol"), User("bobby", 7), User("alice")}) {
    const absl::Status status = client->session.SendPrivate(1, peer, ToText("hi"));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(Display(peer)));
    EXPECT_EQ(client->session.CloseTalk(peer).code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientTalkTest, EndsWhenThisUserClosesIt) {
  const auto client = Client::Talking();
  EXPECT_TRUE(client->session.CloseTalk(User("bobby")).ok());
  EXPECT_EQ(client->host.TakeSent(), Close("alice", "bobby"));
  EXPECT_EQ(client->session.SendPrivate(1, User("bobby"), ToText("hi")).code(),
            absl::StatusCode::kFailedPrecondition);
  // What was on its way.
  client->feeder.Feed(Txt("bobby", "alice", "bye") + Close("bobby", "alice"));
  EXPECT_THAT(client->host.events, ElementsAre("Received bobby -> alice: \"bye\""));
  EXPECT_EQ(client->feeder.next(), Next::kMore);
}

TEST(ClientTalkTest, EndsWhenTheOtherClosesIt) {
  const auto client = Client::Talking();
  client->feeder.Feed(Close("bobby", "alice", "S00041") + Close("carol", "alice"));
  EXPECT_THAT(client->host.TakeEvents(), IsEmpty());
  EXPECT_TRUE(client->session.SendPrivate(1, User("bobby"), ToText("hi")).ok());
  client->feeder.Feed(Close("bobby", "alice"));
  EXPECT_THAT(client->host.events, ElementsAre("TalkEnded with bobby"));
  EXPECT_EQ(client->session.SendPrivate(1, User("bobby"), ToText("hi")).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ClientTalkTest, NamesTheLimitOfAMessage) {
  const auto client = Client::Talking();
  const std::string most(1024, 'x'), more(1025, 'x');
  for (const absl::Status& status :
       {client->session.SendPrivate(1, User("bobby"), ToText(more)),
        client->session.Ask(RequestKind::kTalk, User("carol"), ToText(more))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("1024"));
  }
  EXPECT_EQ(client->host.sent, "");
  EXPECT_TRUE(client->session.SendPrivate(1, User("bobby"), ToText(most)).ok());
  EXPECT_EQ(client->host.sent, Txt("alice", "bobby", most));
}

TEST(ClientTalkTest, NeedsAName) {
  const auto client = Client::SignedIn();
  for (const absl::Status& status :
       {client->session.Ask(RequestKind::kTalk, User("a\nb"), Text()),
        client->session.Answer(RequestKind::kTalk, User(""), true),
        client->session.SendPrivate(1, User("no body"), ToText("hi"))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientLeaveTest, ClosesEachTalkAndQuits) {
  const std::string quit =
      Encode({.command = Command::kQuit, .user_id = "alice", .password = "secret1"});
  const auto alone = Client::SignedIn();
  alone->session.Leave();
  EXPECT_EQ(alone->host.sent, quit);

  const auto client = Client::Talking();
  client->feeder.Feed(Rsp("carol@7", "alice", kAccepted, "S00007"));
  client->session.Leave();
  const std::string bobby = Close("alice", "bobby"), carol = Close("alice", "carol@7", "S00007");
  EXPECT_THAT(client->host.TakeSent(), AnyOf(bobby + carol + quit, carol + bobby + quit));
  // Once, and nothing comes behind it.
  client->session.Leave();
  for (const absl::Status& status : {client->session.SendPrivate(1, User("bobby"), ToText("hi")),
                                     client->session.Ask(RequestKind::kTalk, User("bobby"), Text()),
                                     client->session.CloseTalk(User("bobby")),
                                     client->session.LoginWithPassword("alice", "secret1")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientLeaveTest, WhatWasOnItsWayIsStillHeard) {
  const auto client = Client::Talking();
  client->host.TakeEvents();
  client->session.Leave();
  EXPECT_EQ(client->feeder.Feed(Txt("bobby", "alice", "bye") + Close("bobby", "alice") +
                                Invt("carol") + Rsp("alice", "carol", kRefused)),
            Next::kMore);
  EXPECT_THAT(client->host.events, ElementsAre("Received bobby -> alice: \"bye\"",
                                               "Asked for talk by carol", "Refused talk by carol"));
}

TEST(ClientLeaveTest, OnlyWhoIsSignedInQuits) {
  Client fresh, signing_in, refused;
  EXPECT_TRUE(signing_in.session.LoginWithPassword("alice", "secret1").ok());
  EXPECT_TRUE(refused.session.LoginWithPassword("alice", "secret1").ok());
  refused.feeder.Feed(Ended(Command::kSign, kFailed));
  const auto replaced = Client::SignedIn();
  replaced->feeder.Feed(Encode({.command = Command::kQuit, .user_id = "alice"}));
  for (Client* client : {&fresh, &signing_in, &refused, replaced.get()}) {
    client->host.TakeSent();
    client->session.Leave();
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(ClientTest, AMessageThatIsTooLongIsLeftOut) {
  for (const std::string& message :
       {Hex(R"("TXT" 0a 0a "x\n"*60 00)"), Hex(R"("TXT" 0a 0a 78*20000 0a 00)")}) {
    for (size_t piece : {size_t{1}, size_t{1000}, message.size()}) {
      const auto client = Client::Talking();
      for (size_t at = 0; at < message.size(); at += piece) {
        EXPECT_EQ(client->feeder.Feed(message.substr(at, piece)), Next::kMore);
        EXPECT_LE(client->feeder.rest().size(), kMaxMessageSize);
      }
      client->feeder.Feed(Txt("bobby", "alice", "hi"));
      EXPECT_THAT(client->host.events,
                  ElementsAre("Notice: a message of over 50 lines or 16384 bytes was left out",
                              "Received bobby -> alice: \"hi\""));
    }
  }
}

TEST(ClientTest, HasNoOtherRequestsAndNoRoom) {
  const auto client = Client::SignedIn();
  for (RequestKind kind : {RequestKind::kRelay, RequestKind::kDirect}) {
    EXPECT_EQ(client->session.Ask(kind, User("bobby"), Text()).code(),
              absl::StatusCode::kUnimplemented);
    EXPECT_EQ(client->session.Answer(kind, User("bobby"), true).code(),
              absl::StatusCode::kUnimplemented);
  }
  EXPECT_EQ(client->session.SendPublic(1, ToText("hi")).code(), absl::StatusCode::kUnimplemented);
}

TEST(ClientTest, IsToldWhenItIsReplaced) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Encode({.command = Command::kQuit, .user_id = "alice"}));
  EXPECT_THAT(client->host.events, ElementsAre("Replaced"));
}

// ---- States ----

TEST(ClientStateTest, WhatNeedsALoginSaysSo) {
  Client fresh, registering, signing_in;
  EXPECT_TRUE(registering.session.Register("alice", "secret1").ok());
  EXPECT_TRUE(signing_in.session.LoginWithPassword("alice", "secret1").ok());
  const auto broken = Client::SignedIn();
  EXPECT_EQ(broken->feeder.Feed("HELP\n\n" + Hex("00")), Next::kClose);
  for (Client* client : {&fresh, &registering, &signing_in, broken.get()}) {
    client->host.TakeSent();
    ClientSession& session = client->session;
    for (const absl::Status& status : {session.SendPrivate(2, User("bobby"), ToText("x")),
                                       session.Ask(RequestKind::kTalk, User("bobby"), Text()),
                                       session.Answer(RequestKind::kTalk, User("bobby"), true),
                                       session.CloseTalk(User("bobby"))}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_FALSE(status.message().empty());
    }
    EXPECT_EQ(client->host.sent, "");
  }
  const auto signed_in = Client::SignedIn();
  EXPECT_EQ(signed_in->session.Register("carol", "secret1").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(signed_in->session.LoginWithPassword("carol", "secret1").code(),
            absl::StatusCode::kFailedPrecondition);
}

// A server may be hostile: what it may not say now, or not at all, ends the session.
TEST(ClientStateTest, EachMessageOutOfPlaceBreaksTheSession) {
  const std::string messages[kCommands] = {
      Ended(Command::kReg, kSuccessful),
      Ended(Command::kSign, kSuccessful),
      Invt("bobby"),
      Rsp("alice", "bobby", kAccepted, "S00042"),
      Txt("bobby", "alice", "hi"),
      Close("bobby", "alice"),
      Encode({.command = Command::kQuit, .user_id = "alice"}),
  };
  // Each column: what is fine when nothing was asked, registering, signing in, signed in.
  const bool kFine[kCommands][4] = {
      /* REG */ {false, true, false, false},
      /* SIGN */ {false, false, true, false},
      /* INVT */ {false, false, false, true},
      /* RSP */ {false, false, false, true},
      /* TXT */ {false, false, false, true},
      /* CLOSE */ {false, false, false, true},
      /* QUIT */ {false, false, false, true},
  };
  for (size_t command = 0; command < kCommands; ++command) {
    Client fresh, registering, signing_in;
    ASSERT_TRUE(registering.session.Register("alice", "secret1").ok());
    ASSERT_TRUE(signing_in.session.LoginWithPassword("alice", "secret1").ok());
    const auto signed_in = Client::SignedIn();
    Client* const columns[] = {&fresh, &registering, &signing_in, signed_in.get()};
    for (size_t state = 0; state < 4; ++state) {
      const Next next = columns[state]->feeder.Feed(messages[command]);
      EXPECT_EQ(next != Next::kClose, kFine[command][state]) << command << " in " << state;
      if (kFine[command][state]) continue;
      EXPECT_THAT(columns[state]->host.events, IsEmpty()) << command << " in " << state;
    }
  }
}

TEST(ClientStateTest, WrongAnswersToAccountsBreakTheSession) {
  for (const char* status : {"", "successful", "Accepted", "NotExist"}) {
    Client client;
    ASSERT_TRUE(client.session.Register("alice", "secret1").ok());
    EXPECT_EQ(client.feeder.Feed(Ended(Command::kReg, status)), Next::kClose) << status;
    EXPECT_THAT(client.host.events, IsEmpty());
  }
  for (const char* status : {"", "successful", "Accepted", "Refused"}) {
    Client client;
    ASSERT_TRUE(client.session.LoginWithPassword("alice", "secret1").ok());
    EXPECT_EQ(client.feeder.Feed(Ended(Command::kSign, status)), Next::kClose) << status;
    EXPECT_THAT(client.host.events, IsEmpty());
  }
}

TEST(ClientStateTest, WhatIsNotForThisUserBreaksTheSession) {
  for (const std::string& bytes :
       {Invt("bobby", "carol"), Encode({.command = Command::kInvt, .target_user = "alice"}),
        Rsp("bobby", "carol", kAccepted, "S00042"), Rsp("alice", "bobby", "Maybe"),
        Rsp("alice", "bobby", kAccepted), Rsp("alice", "bobby", kAccepted, "42"),
        Rsp("bobby", "alice", kRefused), Rsp("bobby", "alice", kNotExist),
        Encode({.command = Command::kRsp, .source_user = "alice", .target_user = "bobby"}),
        Txt("bobby", "carol", "hi"), Close("bobby", "carol"), Close("bobby", "alice", "42"),
        Encode({.command = Command::kTxt,
        .session_id = "S00042",
        .source_user = "bobby",
        .target_user = "alice"}),
        Encode({.command = Command::kTxt,
        .source_user = "bobby",
        .target_user = "alice",
        .body = "hi"})}) {
    const auto client = Client::SignedIn();
    EXPECT_EQ(client->feeder.Feed(bytes), Next::kClose) << bytes;
    EXPECT_THAT(client->host.events, IsEmpty()) << bytes;
  }
}

TEST(ClientStateTest, WhatCannotBeFollowedBreaksTheSession) {
  for (const char* hex : {R"("HELP" 0a 0a 00)", R"("TXT" 0a "no header" 0a)", R"("TXT" 0a 00)",
                          R"("TXT" 0a 0a 78*65536)", R"("TXT" 0a "A=" 0a "a=" 0a)"}) {
    const auto client = Client::SignedIn();
    EXPECT_EQ(client->feeder.Feed(Hex(hex)), Next::kClose) << hex;
    EXPECT_THAT(client->host.events, IsEmpty()) << hex;
  }
}

TEST(ClientStateTest, BrokenBodiesAreHandedOn) {
  const auto client = Client::Talking();
  client->feeder.Feed(Txt("bobby", "alice", "\xff"));
  EXPECT_THAT(client->host.events, ElementsAre("Received bobby -> alice: \"\\xff\""));
}

}  // namespace
}  // namespace chat::crp
