#include "libchat/chathack/client_session.h"

#include <memory>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeClientHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::string_view kLoopback("\x7f\0\0\x01", 4);
constexpr absl::string_view kLoopback6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

template <class P>
std::string Bytes(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  return bytes;
}

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

DirectAddress At(absl::string_view address, uint16_t port, int64_t id) {
  return {std::string(address), port, id};
}

struct Client {
  Client() : session(host), feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  static std::unique_ptr<Client> LoggedIn() {
    auto client = std::make_unique<Client>();
    EXPECT_TRUE(client->session.Login("alice").ok());
    client->feeder.Feed(Bytes(AckConnected{}));
    EXPECT_EQ(client->host.TakeSent(), Bytes(NewLogin{"alice"}));
    EXPECT_THAT(client->host.TakeEvents(), ElementsAre("LoggedIn"));
    return client;
  }
  // Logged in, and has asked bob.
  static std::unique_ptr<Client> Asking() {
    auto client = LoggedIn();
    EXPECT_TRUE(client->session.Ask(RequestKind::kDirect, User("bob"), Text()).ok());
    EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateAsking{"alice", "bob"}));
    return client;
  }

  FakeClientHost host;
  ClientSession session;
  Feeder feeder;
};

// ---- Login ----

TEST(ClientLoginTest, MayBeTriedAgainAfterARefusal) {
  const struct {
    std::string ack;
    const char* open;      // what an open login hears
    const char* password;  // and one with a password
  } kCases[] = {
      {Bytes(AckPacketError{}), "LoginRefused other", "LoginRefused other"},
      {Bytes(AckLoginError{}), "LoginRefused name, try another name", "LoginRefused password"},
      {Bytes(AckLoginExists{}), "LoginRefused taken, try another name", "LoginRefused taken"},
  };
  for (const auto& c : kCases) {
    Client client;
    EXPECT_TRUE(client.session.Login("alice").ok());
    EXPECT_EQ(client.session.Login("alicia").code(), absl::StatusCode::kFailedPrecondition);
    client.feeder.Feed(c.ack);
    EXPECT_THAT(client.host.TakeEvents(), ElementsAre(c.open));
    EXPECT_TRUE(client.session.LoginWithPassword("alice", "wrong").ok());
    client.feeder.Feed(c.ack);
    EXPECT_THAT(client.host.TakeEvents(), ElementsAre(c.password));
    EXPECT_TRUE(client.session.LoginWithPassword("alice", "right").ok());
    client.feeder.Feed(Bytes(AckConnected{}));
    EXPECT_THAT(client.host.events, ElementsAre("LoggedIn"));
    EXPECT_EQ(client.host.sent, Bytes(NewLogin{"alice"}) + Bytes(ExistingLogin{"alice", "wrong"}) +
                                    Bytes(ExistingLogin{"alice", "right"}));
    for (const absl::Status& again :
         {client.session.Login("x"), client.session.LoginWithPassword("x", "y")}) {
      EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
    }
  }
}

TEST(ClientLoginTest, NamesTheLimitOfABadName) {
  for (const std::string& name :
       {std::string(), std::string(31, 'a'), std::string("a b"), std::string("a@b")}) {
    Client client;
    for (const absl::Status& status :
         {client.session.Login(name), client.session.LoginWithPassword(name, "secret")}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
      EXPECT_THAT(std::string(status.message()), HasSubstr("30 bytes"));
    }
    EXPECT_EQ(client.host.sent, "");
  }
}

TEST(ClientLoginTest, NamesTheLimitOfAPasswordButNotThePassword) {
  Client client;
  const absl::Status status =
      client.session.LoginWithPassword("alice", "secret" + std::string(123, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("128"));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(client.host.sent, "");
  EXPECT_TRUE(client.session.LoginWithPassword("alice", std::string(128, 'x')).ok());
}

// ---- Global messages ----

TEST(ClientSendTest, EchoesConfirmInOrder) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  EXPECT_TRUE(client->session.SendPublic(12, ToText("two")).ok());
  EXPECT_EQ(client->host.TakeSent(),
            Bytes(GlobalMessage{"alice", "one"}) + Bytes(GlobalMessage{"alice", "two"}));
  client->feeder.Feed(Bytes(AckGlobalMessage{"alice", "one"}) +
                      Bytes(AckGlobalMessage{"bob@7", "two"}) +
                      Bytes(AckGlobalMessage{"alice", "two"}));
  EXPECT_THAT(client->host.events,
              ElementsAre("Received alice -> everyone: \"one\"", "Confirmed 11",
                          "Received bob@7 -> everyone: \"two\"",
                          "Received alice -> everyone: \"two\"", "Confirmed 12"));
}

TEST(ClientSendTest, AnEchoOfSomethingElseConfirmsNothing) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(AckGlobalMessage{"alice", "one"}));  // nothing is due
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  client->feeder.Feed(Bytes(AckGlobalMessage{"alice", "two"}) +
                      Bytes(AckGlobalMessage{"alice", "one"}));
  EXPECT_THAT(
      client->host.events,
      ElementsAre("Received alice -> everyone: \"one\"", "Received alice -> everyone: \"two\"",
                  "Received alice -> everyone: \"one\"", "Confirmed 11"));
}

TEST(ClientSendTest, AnErrorRejectsTheOldestThatIsNotConfirmed) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  EXPECT_TRUE(client->session.SendPublic(12, ToText("two")).ok());
  EXPECT_TRUE(client->session.SendPublic(13, ToText("three")).ok());
  client->feeder.Feed(Bytes(AckGlobalMessage{"alice", "one"}) + Bytes(AckPacketError{}) +
                      Bytes(AckGlobalMessage{"alice", "three"}) + Bytes(AckPacketError{}));
  EXPECT_THAT(client->host.events,
              ElementsAre("Received alice -> everyone: \"one\"", "Confirmed 11",
                          "Rejected 12: other", "Received alice -> everyone: \"three\"",
                          "Confirmed 13", "Notice: the server refused a packet (ACK 1)"));
}

TEST(ClientSendTest, NamesTheLimitOfAMessage) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPublic(1, ToText(std::string(1024, 'x'))).ok());
  client->host.TakeSent();
  const absl::Status status = client->session.SendPublic(3, ToText(std::string(1025, 'x')));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1024"));
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientSendTest, HasNoPrivateMessagesTalksRelaysOrRegistration) {
  const auto client = Client::LoggedIn();
  ClientSession& session = client->session;
  for (const absl::Status& status :
       {session.SendPrivate(1, User("bob"), ToText("x")), session.PresentTicket(1),
        session.Ask(RequestKind::kTalk, User("bob"), Text()),
        session.Ask(RequestKind::kRelay, User("bob"), Text()),
        session.Answer(RequestKind::kTalk, User("bob"), true),
        session.Answer(RequestKind::kRelay, User("bob"), true), session.CloseTalk(User("bob")),
        session.CloseRelay({}), session.Register("alice", "secret")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  }
  EXPECT_EQ(client->host.sent, "");
}

// ---- Direct connections ----

TEST(ClientDirectTest, AsksAcceptsAndRefuses) {
  const auto client = Client::LoggedIn();
  ClientSession& session = client->session;
  EXPECT_TRUE(session.Ask(RequestKind::kDirect, User("bob", 7), ToText("because")).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateAsking{"alice", "bob@7"}));
  EXPECT_TRUE(session.AcceptDirect(User("bob"), At(kLoopback, 65535, INT64_MIN)).ok());
  EXPECT_EQ(client->host.TakeSent(),
            Bytes(PrivateValidation{"alice", "bob", 65535, kLoopback, INT64_MIN}));
  EXPECT_TRUE(session.AcceptDirect(User("bob"), At(kLoopback6, 1, 5)).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateValidation{"alice", "bob", 1, kLoopback6, 5}));
  EXPECT_TRUE(session.Answer(RequestKind::kDirect, User("bob"), false).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(PrivateDenied{"alice", "bob"}));
}

TEST(ClientDirectTest, SaysWhatItCannotSay) {
  const auto client = Client::LoggedIn();
  ClientSession& session = client->session;
  const struct {
    absl::Status status;
    const char* why;
  } kCases[] = {
      {session.Answer(RequestKind::kDirect, User("bob"), true), "needs an address"},
      {session.Answer(RequestKind::kDirect, User("b b"), false), "30 bytes"},
      {session.Ask(RequestKind::kDirect, User(""), Text()), "30 bytes"},
      {session.AcceptDirect(User("b@b"), At(kLoopback, 1, 1)), "30 bytes"},
      {session.AcceptDirect(User("bob"), At(kLoopback, 0, 1)), "65535"},
      {session.AcceptDirect(User("bob"), At("", 1, 1)), "4 or 16 bytes"},
      {session.AcceptDirect(User("bob"), At("12345", 1, 1)), "4 or 16 bytes"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(c.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(c.status.message()), HasSubstr(c.why));
  }
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientDirectTest, HearsWhatTheServerSays) {
  const std::string in = Bytes(AckPrivateAsking{"carol@7"}) + Bytes(AckPrivateDenied{"bob"}) +
                         Bytes(AckPrivateValidation{"dave", 65535, kLoopback6, -5}) +
                         Bytes(AckGlobalMessage{"bob", "hi"});
  for (const Segments& segments : EveryWay(in, 10)) {
    const auto client = Client::Asking();
    EXPECT_TRUE(client->session.Ask(RequestKind::kDirect, User("dave"), Text()).ok());
    for (const std::string& segment : segments) client->feeder.Feed(segment);
    EXPECT_THAT(
        client->host.events,
        ElementsAre("Asked for direct by carol@7", "Refused direct by bob",
                    "DirectGranted by dave port 65535 id -5", "Received bob -> everyone: \"hi\""));
    EXPECT_EQ(client->feeder.rest(), "");
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(ClientDirectTest, EachRequestHasOneAnswer) {
  const auto client = Client::Asking();
  EXPECT_TRUE(client->session.Ask(RequestKind::kDirect, User("bob"), Text()).ok());
  client->feeder.Feed(Bytes(AckPrivateDenied{"bob"}) +
                      Bytes(AckPrivateValidation{"bob", 1, kLoopback, 5}));
  EXPECT_THAT(client->host.TakeEvents(),
              ElementsAre("Refused direct by bob", "DirectGranted by bob port 1 id 5"));
  // Nobody sends this client to an address that it has not asked for; nor does an answer to
  // nothing, with which some servers say that an acceptance has come too late, end anything.
  EXPECT_EQ(client->feeder.Feed(Bytes(AckPrivateValidation{"bob", 1, kLoopback, 5}) +
                                Bytes(AckPrivateDenied{"bob"}) + Bytes(AckPrivateDenied{"eve"})),
            Next::kMore);
  EXPECT_THAT(client->host.events, IsEmpty());
}

// ---- States ----

TEST(ClientStateTest, WhatNeedsALoginSaysSo) {
  Client fresh;
  Client logging_in;
  EXPECT_TRUE(logging_in.session.Login("alice").ok());
  Client authenticating;
  EXPECT_TRUE(authenticating.session.LoginWithPassword("alice", "secret").ok());
  const auto broken = Client::LoggedIn();
  EXPECT_EQ(broken->feeder.Feed("\xff"), Next::kClose);
  for (Client* client : {&fresh, &logging_in, &authenticating, broken.get()}) {
    client->host.TakeSent();
    ClientSession& session = client->session;
    for (const absl::Status& status : {session.SendPublic(1, ToText("x")),
                                       session.Ask(RequestKind::kDirect, User("bob"), Text()),
                                       session.Answer(RequestKind::kDirect, User("bob"), false),
                                       session.AcceptDirect(User("bob"), At(kLoopback, 1, 1))}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_FALSE(status.message().empty());
    }
    EXPECT_EQ(client->host.sent, "");
  }
}

// A server may be hostile: what it may not say now, or not at all, ends the session.
TEST(ClientStateTest, EachPacketOutOfPlaceBreaksTheSession) {
  const std::string packets[kAckCodes] = {
      Bytes(AckPacketError{}),
      Bytes(AckLoginError{}),
      Bytes(AckConnected{}),
      Bytes(AckLoginExists{}),
      Bytes(AckGlobalMessage{"bob", "hi"}),
      Bytes(AckPrivateAsking{"bob"}),
      Bytes(AckPrivateValidation{"bob", 1, kLoopback, 5}),
      Bytes(AckPrivateDenied{"bob"}),
  };
  // Each column: what is fine when nothing was asked, while logging in, with a password, logged in,
  // and when bob has been asked.
  const bool kFine[kAckCodes][5] = {
      /* ACK_PACKET_ERROR */ {false, true, true, true, true},
      /* ACK_LOGIN_ERROR */ {false, true, true, false, false},
      /* ACK_CONNECTED */ {false, true, true, false, false},
      /* ACK_LOGIN_EXISTS */ {false, true, true, false, false},
      /* ACK_GLOBAL_MESSAGE */ {false, true, true, true, true},
      /* ACK_PRIVATE_ASKING */ {false, false, false, true, true},
      /* ACK_PRIVATE_VALIDATION */ {false, false, false, true, true},
      /* ACK_PRIVATE_DENIED */ {false, false, false, true, true},
  };
  for (size_t code = 0; code < kAckCodes; ++code) {
    Client fresh, logging_in, authenticating;
    ASSERT_TRUE(logging_in.session.Login("alice").ok());
    ASSERT_TRUE(authenticating.session.LoginWithPassword("alice", "secret").ok());
    const auto logged_in = Client::LoggedIn();
    const auto asking = Client::Asking();
    Client* const columns[] = {&fresh, &logging_in, &authenticating, logged_in.get(), asking.get()};
    for (size_t state = 0; state < std::size(columns); ++state) {
      const Next next = columns[state]->feeder.Feed(packets[code]);
      EXPECT_EQ(next != Next::kClose, kFine[code][state]) << code + 1 << " in " << state;
      // What answers nothing is ignored.
      const bool answer = packets[code] == Bytes(AckPrivateDenied{"bob"}) ||
                          packets[code] == Bytes(AckPrivateValidation{"bob", 1, kLoopback, 5});
      const bool ignored = answer && columns[state] == logged_in.get();
      EXPECT_EQ(columns[state]->host.events.empty(), !kFine[code][state] || ignored)
          << code + 1 << " in " << state;
    }
  }
}

TEST(ClientStateTest, WhatCannotBeFollowedBreaksTheSession) {
  for (const char* hex :
       {"00", "09", "ff", "05 ffffffff", "05 0000002a", "05 00000001 61 0000fff7", "06 7fffffff",
        "08 0000002a", "07 00000003 \"bob\" 00000001 00", "07 00000003 \"bob\" 00000001 03",
        "07 00000003 \"bob\" 00000000 01 7f000001 0000000000000001",
        "07 00000003 \"bob\" 00010000 01 7f000001 0000000000000001"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      const auto client = Client::Asking();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(client->host.events, IsEmpty()) << hex;
    }
  }
}

TEST(ClientStateTest, LongAndBrokenBodiesAreHandedOn) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(AckGlobalMessage{"bob", "\xff"}) +
                      Bytes(AckGlobalMessage{"bob", std::string(60000, 'x')}));
  ASSERT_EQ(client->host.events.size(), 2u);
  EXPECT_EQ(client->host.events[0], "Received bob -> everyone: \"\\xff\"");
}

}  // namespace
}  // namespace chat::chathack
