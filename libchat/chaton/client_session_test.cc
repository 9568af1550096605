#include "libchat/chaton/client_session.h"

#include <memory>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/chaton/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {
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
std::string Bytes(const P& packet, LongBytes longs = LongBytes::kFour) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, longs, out);
  return bytes;
}

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

struct Client {
  explicit Client(LongBytes longs = LongBytes::kFour)
      : session(longs, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  static std::unique_ptr<Client> LoggedIn(LongBytes longs = LongBytes::kFour) {
    auto client = std::make_unique<Client>(longs);
    EXPECT_TRUE(client->session.Login("alice").ok());
    client->feeder.Feed(Bytes(LoginAccepted{}));
    EXPECT_EQ(client->host.TakeSent(), Bytes(Login{"alice"}));
    EXPECT_THAT(client->host.TakeEvents(), ElementsAre("LoggedIn"));
    return client;
  }

  static std::unique_ptr<Client> Presenting(LongBytes longs = LongBytes::kFour) {
    auto client = std::make_unique<Client>(longs);
    EXPECT_TRUE(client->session.PresentTicket(7).ok());
    EXPECT_EQ(client->host.TakeSent(), Bytes(LoginPrivate{7}, longs));
    return client;
  }

  FakeClientHost host;
  ClientSession session;
  Feeder feeder;
};

TEST(ClientLoginTest, MayBeTriedAgainAfterARefusal) {
  Client client;
  EXPECT_TRUE(client.session.Login("alice").ok());
  EXPECT_EQ(client.session.Login("alicia").code(), absl::StatusCode::kFailedPrecondition);
  client.feeder.Feed(Bytes(LoginRefused{}));
  EXPECT_TRUE(client.session.Login("alicia").ok());
  client.feeder.Feed(Bytes(LoginAccepted{}));
  EXPECT_EQ(client.host.sent, Bytes(Login{"alice"}) + Bytes(Login{"alicia"}));
  EXPECT_THAT(client.host.events, ElementsAre("LoginRefused taken, try another name", "LoggedIn"));
  EXPECT_EQ(client.session.Login("again").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ClientLoginTest, NamesTheLimitOfABadName) {
  for (const std::string& name :
       {std::string(), std::string(31, 'a'), std::string("a b"), std::string("a@b")}) {
    Client client;
    const absl::Status status = client.session.Login(name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("30 bytes"));
    EXPECT_EQ(client.host.sent, "");
  }
}

TEST(ClientSendTest, EchoesConfirmInOrder) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  EXPECT_TRUE(client->session.SendPublic(12, ToText("two")).ok());
  EXPECT_EQ(client->host.TakeSent(),
            Bytes(Message{"alice", "one"}) + Bytes(Message{"alice", "two"}));
  client->feeder.Feed(Bytes(Message{"alice", "one"}) + Bytes(Message{"bob", "two"}) +
                      Bytes(Message{"alice", "two"}));
  EXPECT_THAT(client->host.events,
              ElementsAre("Received alice -> everyone: \"one\"", "Confirmed 11",
                          "Received bob -> everyone: \"two\"",
                          "Received alice -> everyone: \"two\"", "Confirmed 12"));
}

TEST(ClientSendTest, AnEchoOfSomethingElseConfirmsNothing) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(Message{"alice", "one"}));  // nothing is due
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  client->feeder.Feed(Bytes(Message{"alice", "two"}) + Bytes(Message{"alice", "one"}));
  EXPECT_THAT(
      client->host.events,
      ElementsAre("Received alice -> everyone: \"one\"", "Received alice -> everyone: \"two\"",
                  "Received alice -> everyone: \"one\"", "Confirmed 11"));
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
  EXPECT_EQ(client->session.SendPrivate(5, User("no body"), ToText("x")).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientSendTest, AddressesUsersOfOtherServers) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPrivate(1, User("bob", 7), ToText("psst")).ok());
  EXPECT_EQ(client->host.sent, Bytes(MessagePrivate{"alice", "bob@7", "psst"}));
}

TEST(ClientRelayTest, AsksAnswersAndCloses) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.Ask(RequestKind::kRelay, User("bob"), Text()).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(RequestPrivate{"alice", "bob"}));
  EXPECT_TRUE(client->session.Answer(RequestKind::kRelay, User("bob"), true).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(OkPrivate{"bob", "alice"}));
  EXPECT_TRUE(client->session.Answer(RequestKind::kRelay, User("bob"), false).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(KoPrivate{"bob", "alice"}));
  EXPECT_TRUE(client->session.CloseRelay({User("bob"), User("alice"), 9}).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(CloseConnection{9, "bob", "alice"}));
  EXPECT_EQ(client->session.Ask(RequestKind::kRelay, User(""), Text()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client->session.Answer(RequestKind::kRelay, User("a b"), true).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientRelayTest, ClosesARelayThatIsEstablished) {
  const auto client = Client::LoggedIn(LongBytes::kEight);
  const std::string granted = Bytes(IdPrivate{"alice", "bob", 7}, LongBytes::kEight);
  client->feeder.Feed(granted);
  EXPECT_THAT(client->host.events, ElementsAre("RelayGranted alice -> bob connect_id 7"));
  // Its connection is another one.
  EXPECT_TRUE(client->session.announces_relay_end());
  EXPECT_TRUE(client->session.CloseRelay({User("alice"), User("bob"), 7}).ok());
  EXPECT_EQ(client->host.sent, Hex("0b 0000000000000007 00000005 \"alice\" 00000003 \"bob\""));
}

TEST(ClientRelayTest, HearsWhatTheServerSays) {
  for (LongBytes longs : {LongBytes::kFour, LongBytes::kEight}) {
    const std::string in =
        Bytes(RequestPrivate{"bob@7", "alice"}, longs) + Bytes(KoPrivate{"alice", "bob"}, longs) +
        Bytes(IdPrivate{"alice", "bob", 9}, longs) + Bytes(AcceptCloseConnection{"bob"}, longs) +
        Bytes(MessagePrivate{"bob", "alice", "psst"}, longs);
    for (const Segments& segments : EveryWay(in, 10)) {
      const auto client = Client::LoggedIn(longs);
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_THAT(client->host.events,
                  ElementsAre("Asked for relay by bob@7", "Refused relay by bob",
                              "RelayGranted alice -> bob connect_id 9", "RelayEnding by bob",
                              "Received bob -> alice: \"psst\""));
      EXPECT_EQ(client->feeder.rest(), "");
      EXPECT_EQ(client->feeder.next(), Next::kMore);
    }
  }
}

TEST(ClientRelayTest, LeavesWhatComesBehindToTheRelay) {
  for (const Segments& segments : EveryWay(Bytes(Established{}) + "\xff early", 5)) {
    const auto client = Client::Presenting();
    for (const std::string& segment : segments) client->feeder.Feed(segment);
    EXPECT_THAT(client->host.events, ElementsAre("RelayOpen"));
    EXPECT_EQ(client->feeder.next(), Next::kRelay);
    EXPECT_EQ(client->feeder.rest(), "\xff early");
  }
}

TEST(ClientRelayTest, RefusesAnIdThatDoesNotFit) {
  Client four;
  EXPECT_EQ(four.session.PresentTicket(int64_t{1} << 31).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(four.host.sent, "");
  Client eight(LongBytes::kEight);
  EXPECT_TRUE(eight.session.PresentTicket(int64_t{1} << 31).ok());
  EXPECT_EQ(eight.host.sent, Hex("09 00000000 80000000"));
}

TEST(ClientStateTest, WhatNeedsALoginSaysSo) {
  Client fresh;
  Client logging_in;
  EXPECT_TRUE(logging_in.session.Login("alice").ok());
  const auto presenting = Client::Presenting();
  const auto broken = Client::LoggedIn();
  EXPECT_EQ(broken->feeder.Feed("\xff"), Next::kClose);
  for (Client* client : {&fresh, &logging_in, presenting.get(), broken.get()}) {
    client->host.TakeSent();
    ClientSession& session = client->session;
    for (const absl::Status& status :
         {session.SendPublic(1, ToText("x")), session.SendPrivate(2, User("bob"), ToText("x")),
          session.Ask(RequestKind::kRelay, User("bob"), Text()),
          session.Answer(RequestKind::kRelay, User("bob"), true),
          session.CloseRelay({User("alice"), User("bob"), 1})}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_FALSE(status.message().empty());
    }
    EXPECT_EQ(client->host.sent, "");
  }
  const auto logged_in = Client::LoggedIn();
  EXPECT_EQ(logged_in->session.PresentTicket(1).code(), absl::StatusCode::kFailedPrecondition);
}

// A server may be hostile: what it may not say now, or not at all, ends the session.
TEST(ClientStateTest, EachPacketOutOfPlaceBreaksTheSession) {
  const std::string packets[kOpcodes] = {
      Bytes(Login{"alice"}),
      Bytes(LoginAccepted{}),
      Bytes(LoginRefused{}),
      Bytes(Message{"bob", "hi"}),
      Bytes(MessagePrivate{"bob", "alice", "hi"}),
      Bytes(RequestPrivate{"bob", "alice"}),
      Bytes(OkPrivate{"alice", "bob"}),
      Bytes(KoPrivate{"alice", "bob"}),
      Bytes(IdPrivate{"alice", "bob", 7}),
      Bytes(LoginPrivate{7}),
      Bytes(Established{}),
      Bytes(CloseConnection{7, "alice", "bob"}),
      Bytes(AcceptCloseConnection{"bob"}),
  };
  // Each column: what is fine when nothing was asked, while logging in, logged in, presenting.
  const bool kFine[kOpcodes][4] = {
      /* LOGIN */ {false, false, false, false},
      /* LOGIN_ACCEPTED */ {false, true, false, false},
      /* LOGIN_REFUSED */ {false, true, false, false},
      /* MESSAGE */ {false, true, true, false},
      /* MESSAGE_PRIVATE */ {false, false, true, false},
      /* REQUEST_PRIVATE */ {false, false, true, false},
      /* OK_PRIVATE */ {false, false, false, false},
      /* KO_PRIVATE */ {false, false, true, false},
      /* ID_PRIVATE */ {false, false, true, false},
      /* LOGIN_PRIVATE */ {false, false, false, false},
      /* ESTABLISHED */ {false, false, false, true},
      /* CLOSE_CONNECTION */ {false, false, false, false},
      /* ACCEPT_CLOSE_CONNECTION */ {false, false, true, false},
  };
  for (size_t opcode = 0; opcode < kOpcodes; ++opcode) {
    const auto fresh = std::make_unique<Client>();
    const auto logging_in = std::make_unique<Client>();
    ASSERT_TRUE(logging_in->session.Login("alice").ok());
    const auto logged_in = Client::LoggedIn();
    const auto presenting = Client::Presenting();
    Client* const columns[] = {fresh.get(), logging_in.get(), logged_in.get(), presenting.get()};
    for (size_t state = 0; state < 4; ++state) {
      const Next next = columns[state]->feeder.Feed(packets[opcode]);
      EXPECT_EQ(next != Next::kClose, kFine[opcode][state]) << opcode << " in " << state;
      EXPECT_EQ(columns[state]->host.events.empty(), !kFine[opcode][state])
          << opcode << " in " << state;
    }
  }
}

TEST(ClientStateTest, WhatCannotBeFollowedBreaksTheSession) {
  for (const char* hex : {"0d", "ff", "03 ffffffff", "03 0000002a", "03 00000001 61 0000fff7",
                          "04 7fffffff", "0c 0000002a"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      const auto client = Client::LoggedIn();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(client->host.events, IsEmpty()) << hex;
    }
  }
}

TEST(ClientStateTest, AnswersAndRequestsOfOthersBreakTheSession) {
  for (const std::string& bytes :
       {Bytes(RequestPrivate{"bob", "carol"}), Bytes(KoPrivate{"bob", "alice"})}) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->feeder.Feed(bytes), Next::kClose);
    EXPECT_THAT(client->host.events, IsEmpty());
  }
}

TEST(ClientStateTest, LongAndBrokenBodiesAreHandedOn) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(Message{"bob", "\xff"}) +
                      Bytes(Message{"bob", std::string(60000, 'x')}));
  ASSERT_EQ(client->host.events.size(), 2u);
  EXPECT_EQ(client->host.events[0], "Received bob -> everyone: \"\\xff\"");
}

}  // namespace
}  // namespace chat::chaton
