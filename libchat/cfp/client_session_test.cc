#include "libchat/cfp/client_session.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/cfp/packets.h"
#include "libchat/cfp/test_packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::cfp {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeClientHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

struct Client {
  Client()
      : session(host, "greeting"),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  static std::unique_ptr<Client> LoggingIn() {
    auto client = std::make_unique<Client>();
    EXPECT_TRUE(client->session.Login("alice").ok());
    EXPECT_EQ(client->host.TakeSent(), Bytes(AuthGst{"alice"}));
    return client;
  }
  static std::unique_ptr<Client> Authenticating() {
    auto client = std::make_unique<Client>();
    EXPECT_TRUE(client->session.LoginWithPassword("alice", "secret").ok());
    EXPECT_EQ(client->host.TakeSent(), Bytes(AuthUsr{"alice", "secret"}));
    return client;
  }
  static std::unique_ptr<Client> Greeting() {
    auto client = LoggingIn();
    client->feeder.Feed(Bytes(AuthRsp{0}));
    EXPECT_EQ(client->host.TakeSent(), Bytes(MsgPrv{0, "alice", "greeting"}));
    EXPECT_THAT(client->host.events, IsEmpty());
    return client;
  }
  static std::unique_ptr<Client> LoggedIn() {
    auto client = Greeting();
    client->feeder.Feed(Greeted("alice"));
    EXPECT_THAT(client->host.TakeEvents(), ElementsAre("LoggedIn"));
    return client;
  }
  // The answer of server 1000.
  static std::string Greeted(absl::string_view name) {
    return Bytes(MsgPrvInc{1000, name, name, "greeting"});
  }

  FakeClientHost host;
  ClientSession session;
  Feeder feeder;
};

// ---- Login ----

TEST(ClientLoginTest, SaysWhyItWasRefused) {
  const struct {
    uint8_t code;
    const char* guest;
    const char* registered;
  } kCases[] = {
      {0, "LoggedIn", "LoggedIn"},
      {1, "LoginRefused taken, try another name", "LoginRefused taken"},
      {2, "LoginRefused password", "LoginRefused password"},
      {3, "LoginRefused taken, try another name", "LoginRefused taken"},
      {4, "LoginRefused other", "LoginRefused other"},
      {255, "LoginRefused other", "LoginRefused other"},
  };
  for (const auto& c : kCases) {
    const auto guest = Client::LoggingIn();
    guest->feeder.Feed(Bytes(AuthRsp{c.code}));
    if (c.code == 0) guest->feeder.Feed(Client::Greeted("alice"));
    EXPECT_THAT(guest->host.events, ElementsAre(c.guest));
    const auto registered = Client::Authenticating();
    registered->feeder.Feed(Bytes(AuthRsp{c.code}));
    if (c.code == 0) registered->feeder.Feed(Client::Greeted("alice"));
    EXPECT_THAT(registered->host.events, ElementsAre(c.registered));
  }
}

TEST(ClientLoginTest, MayBeTriedAgainAfterARefusal) {
  const auto client = Client::LoggingIn();
  EXPECT_EQ(client->session.Login("alicia").code(), absl::StatusCode::kFailedPrecondition);
  client->feeder.Feed(Bytes(AuthRsp{1}));
  EXPECT_TRUE(client->session.LoginWithPassword("alice", "wrong").ok());
  client->feeder.Feed(Bytes(AuthRsp{2}));
  EXPECT_TRUE(client->session.Login("alicia").ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(AuthUsr{"alice", "wrong"}) + Bytes(AuthGst{"alicia"}));
  client->feeder.Feed(Bytes(AuthRsp{0}) + Client::Greeted("alicia"));
  EXPECT_EQ(client->host.events.back(), "LoggedIn");
  EXPECT_EQ(client->session.Login("again").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ClientLoginTest, LearnsWhichServerItIs) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPrivate(1, User("bob"), ToText("hi")).ok());
  EXPECT_TRUE(
      client->session.SendFileChunk(User("bob"), 3, "a", 1024, std::string(1024, 'x')).ok());
  EXPECT_EQ(client->host.sent, Bytes(MsgPrv{1000, "bob", "hi"}) +
                                   Bytes(FileChnk{1000, "bob", 3, "a", 1, std::string(1024, 'x')}));
  client->feeder.Feed(Bytes(MsgPrvInc{1000, "bob", "alice", "a"}) +
                      Bytes(MsgPrvInc{7, "bob", "alice", "b"}) +
                      Bytes(FileChnkInc{1000, "bob", "alice", 3, "c", 1, Chunk("x")}) +
                      Bytes(MsgPrvInc{1000, "alice", "alice", "greeting"}));
  EXPECT_THAT(client->host.events,
              ElementsAre("Received bob -> alice: \"a\"", "Received bob@7 -> alice: \"b\"",
                          "FileChunkReceived bob: transfer 3 \"c\" 1024 bytes of 1024",
                          "Received alice -> alice: \"greeting\""));
}

// Whoever would be taken for the server's own must know the greeting.
TEST(ClientLoginTest, NobodyElseAnswersTheGreeting) {
  const auto client = Client::Greeting();
  EXPECT_EQ(client->session.SendPublic(1, ToText("x")).code(),
            absl::StatusCode::kFailedPrecondition);
  client->feeder.Feed(Bytes(MsgPblInc{7, "alice", "greeting"}) +
                      Bytes(MsgPrvInc{7, "bob", "alice", "greeting"}) +
                      Bytes(MsgPrvInc{7, "alice", "alice", "hello"}));
  EXPECT_THAT(client->host.TakeEvents(), ElementsAre("Received alice@7 -> everyone: \"greeting\"",
                                                     "Received bob@7 -> alice: \"greeting\"",
                                                     "Received alice@7 -> alice: \"hello\""));
  client->feeder.Feed(Client::Greeted("alice"));
  EXPECT_THAT(client->host.events, ElementsAre("LoggedIn"));
}

TEST(ClientLoginTest, AServerMayKeepItsIdToItself) {
  const auto client = Client::Greeting();
  client->feeder.Feed(Bytes(Error{"alice", 0}));
  EXPECT_THAT(client->host.TakeEvents(), ElementsAre("LoggedIn"));
  EXPECT_TRUE(client->session.SendPrivate(1, User("bob"), ToText("hi")).ok());
  EXPECT_TRUE(client->session.SendPublic(2, ToText("one")).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(MsgPrv{0, "bob", "hi"}) + Bytes(MsgPbl{"one"}));
  client->feeder.Feed(Bytes(MsgPblInc{9, "bob", "hi"}) + Bytes(MsgPblInc{9, "alice", "one"}) +
                      Bytes(MsgPblInc{9, "bob", "ho"}));
  // The first echo has told it.
  EXPECT_THAT(client->host.events, ElementsAre("Received bob@9 -> everyone: \"hi\"",
                                               "Received alice@9 -> everyone: \"one\"",
                                               "Confirmed 2", "Received bob -> everyone: \"ho\""));
}

TEST(ClientLoginTest, NamesTheLimit) {
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
  Client client;
  const absl::Status status = client.session.LoginWithPassword("alice", std::string(129, 'p'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("128"));
  EXPECT_TRUE(client.session.LoginWithPassword("alice", std::string(128, 'p')).ok());
}

// ---- Messages ----

TEST(ClientSendTest, EchoesConfirmInOrder) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  EXPECT_TRUE(client->session.SendPublic(12, ToText("two")).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(MsgPbl{"one"}) + Bytes(MsgPbl{"two"}));
  client->feeder.Feed(Bytes(MsgPblInc{1000, "alice", "one"}) +
                      Bytes(MsgPblInc{1000, "bob", "two"}) +
                      Bytes(MsgPblInc{1000, "alice", "two"}));
  EXPECT_THAT(client->host.events,
              ElementsAre("Received alice -> everyone: \"one\"", "Confirmed 11",
                          "Received bob -> everyone: \"two\"",
                          "Received alice -> everyone: \"two\"", "Confirmed 12"));
}

TEST(ClientSendTest, WhatIsNoEchoConfirmsNothing) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(MsgPblInc{1000, "alice", "one"}));  // nothing is due
  EXPECT_TRUE(client->session.SendPublic(11, ToText("one")).ok());
  EXPECT_TRUE(client->session.SendPublic(12, ToText("two")).ok());
  client->feeder.Feed(Bytes(MsgPblInc{1000, "alice", "two"}));  // another one is due
  EXPECT_EQ(client->host.TakeEvents().size(), 2u);
  client->feeder.Feed(Bytes(MsgPblInc{1000, "alice", "one"}));
  EXPECT_THAT(client->host.TakeEvents(),
              ElementsAre("Received alice -> everyone: \"one\"", "Confirmed 11"));
  // Somebody of the same name on another server says it.
  client->feeder.Feed(Bytes(MsgPblInc{7, "alice", "two"}));
  EXPECT_THAT(client->host.TakeEvents(), ElementsAre("Received alice@7 -> everyone: \"two\""));
  client->feeder.Feed(Bytes(MsgPblInc{1000, "alice", "two"}));
  EXPECT_THAT(client->host.TakeEvents(),
              ElementsAre("Received alice -> everyone: \"two\"", "Confirmed 12"));
}

TEST(ClientSendTest, AddressesUsersOfAnyServer) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.SendPrivate(1, User("bob"), ToText("a")).ok());
  EXPECT_TRUE(client->session.SendPrivate(2, User("bob", 7), ToText("b")).ok());
  EXPECT_EQ(client->host.sent, Bytes(MsgPrv{1000, "bob", "a"}) + Bytes(MsgPrv{7, "bob", "b"}));
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

TEST(ClientHearTest, HearsWhatTheServerSays) {
  const std::string in = Bytes(MsgPblInc{7, "bob", "hi"}) +
                         Bytes(MsgPrvInc{7, "bob", "alice", "psst"}) + Bytes(Error{"alice", 0}) +
                         Bytes(Error{"alice", 1}) + Bytes(Error{"alice", 2});
  for (const Segments& segments : EveryWay(in, 10)) {
    const auto client = Client::LoggedIn();
    for (const std::string& segment : segments) client->feeder.Feed(segment);
    EXPECT_THAT(client->host.events,
                ElementsAre("Received bob@7 -> everyone: \"hi\"",
                            "Received bob@7 -> alice: \"psst\"", "Undeliverable: no such server",
                            "Undeliverable: no such user", "Notice: the server reports error 2"));
    EXPECT_EQ(client->feeder.rest(), "");
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(ClientHearTest, LongAndBrokenBodiesAreHandedOn) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(MsgPblInc{7, "bob", "\xff"}) +
                      Bytes(MsgPblInc{7, std::string(255, 'b'), std::string(60000, 'x')}));
  ASSERT_EQ(client->host.events.size(), 2u);
  EXPECT_EQ(client->host.events[0], "Received bob@7 -> everyone: \"\\xff\"");
}

// ---- Files ----

TEST(ClientFileTest, APieceIsAChunk) {
  const auto client = Client::LoggedIn();
  const std::string piece(1024, 'x');
  EXPECT_TRUE(client->session.SendFileChunk(User("bob", 7), 3, "a.txt", 1029, piece).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(FileChnk{7, "bob", 3, "a.txt;size=1029", 2, piece}));
  EXPECT_TRUE(client->session.SendFileChunk(User("bob", 7), 3, "a.txt", 1029, "tails").ok());
  EXPECT_EQ(client->host.TakeSent(),
            Bytes(FileChnk{7, "bob", 3, "a.txt;size=1029", 2, Chunk("tails")}));
  EXPECT_TRUE(client->session.SendFileChunk(User("bob"), 4, "b.txt", 2048, piece).ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(FileChnk{1000, "bob", 4, "b.txt", 2, piece}));
  EXPECT_TRUE(client->session.SendFileChunk(User("bob"), 5, "empty", 0, "").ok());
  EXPECT_EQ(client->host.TakeSent(), Bytes(FileChnk{1000, "bob", 5, "empty;size=0", 1, Chunk("")}));
}

TEST(ClientFileTest, ChecksWhatItIsGiven) {
  const auto client = Client::LoggedIn();
  const std::string piece(1024, 'x');
  const User bob("bob");
  const std::string longest(255, 'n');
  EXPECT_TRUE(client->session.SendFileChunk(bob, 1, longest, int64_t{1} << 30, piece).ok());
  client->host.TakeSent();
  for (const absl::Status& status :
       {client->session.SendFileChunk(User("b b"), 1, "a", 1024, piece),
        client->session.SendFileChunk(bob, 1, longest + "n", 1024, piece),
        client->session.SendFileChunk(bob, 1, "\xff", 1024, piece),
        client->session.SendFileChunk(bob, 1, "a", -1, piece),
        client->session.SendFileChunk(bob, 1, "a", (int64_t{1} << 41), piece),
        client->session.SendFileChunk(bob, 1, "a", 5000, piece + "x"),
        client->session.SendFileChunk(bob, 1, "a", 5, piece),
        client->session.SendFileChunk(bob, 1, "a", 5, "four"),
        client->session.SendFileChunk(bob, 1, "a", 1024, ""),
        client->session.SendFileChunk(bob, 1, "a", 0, "x")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
  EXPECT_EQ(client->host.sent, "");
}

TEST(ClientFileTest, AChunkIsAPiece) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(FileChnkInc{7, "bob", "alice", 3, "a.txt;size=1029", 2, Chunk("x")}) +
                      Bytes(FileChnkInc{7, "bob", "alice", 4, "b.txt", 2, Chunk("x")}) +
                      Bytes(FileChnkInc{7, "bob", "alice", -5, "/c;size=0", 1, Chunk("")}));
  EXPECT_THAT(client->host.events,
              ElementsAre("FileChunkReceived bob@7: transfer 3 \"a.txt\" 1024 bytes of 1029",
                          "FileChunkReceived bob@7: transfer 4 \"b.txt\" 1024 bytes of 2048",
                          "FileChunkReceived bob@7: transfer -5 \"/c\" 1024 bytes of 0"));
}

TEST(ClientFileTest, IsRefusedWithAnErrorThatNamesItsSender) {
  const auto client = Client::LoggedIn();
  EXPECT_TRUE(client->session.RefuseFile(User("bob")).ok());
  EXPECT_EQ(client->host.TakeSent(), Hex("f0 00000003 \"bob\" 01"));
  EXPECT_TRUE(client->session.RefuseFile(User("bob", 7)).ok());
  EXPECT_EQ(client->host.TakeSent(), Hex("f0 00000005 \"bob@7\" 01"));
  EXPECT_EQ(client->session.RefuseFile(User("b b")).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client->host.sent, "");
  // This is what the sender hears.
  client->feeder.Feed(Hex("f0 00000005 \"alice\" 01"));
  EXPECT_THAT(client->host.events, ElementsAre("Undeliverable: no such user"));
}

// Keeps the content of what comes.
class FileHost final : public ClientHost {
 public:
  std::vector<FileChunkReceived> pieces;

  void Send(absl::string_view) override {}
  void OnClientEvent(ClientEvent event) override {
    if (auto* piece = std::get_if<FileChunkReceived>(&event)) pieces.push_back(std::move(*piece));
  }
};

TEST(ClientFileTest, AFileArrivesAsItWas) {
  for (size_t size : {0u, 1u, 1023u, 1024u, 1025u, 2048u, 10001u}) {
    for (const char* name : {"a b.txt", "odd;size=1", "odd;size=1024"}) {
      std::string file;
      for (size_t i = 0; i < size; ++i) file.push_back(static_cast<char>(i * 7));
      FileHost host;
      ClientSession receiver(host, "greeting");
      EXPECT_TRUE(receiver.Login("bob").ok());
      receiver.OnBytes(Bytes(AuthRsp{0}));
      receiver.OnBytes(Client::Greeted("bob"));

      const auto sender = Client::LoggedIn();
      size_t at = 0;
      do {
        const std::string content = file.substr(at, 1024);
        ASSERT_TRUE(sender->session.SendFileChunk(User("bob"), 3, name, size, content).ok());
        at += content.size();
        const std::string sent = sender->host.TakeSent();
        const Decoded chunk = Decode(sent, {.name = 30, .file_name = 274, .frame = 65536});
        const FileChnk& out = std::get<FileChnk>(chunk.packet);
        receiver.OnBytes(Bytes(FileChnkInc{7, "alice", out.receiver, out.transfer_id, out.filename,
                                           out.chunks, out.content}));
      } while (at < size);

      std::string arrived;
      for (const FileChunkReceived& piece : host.pieces) {
        EXPECT_EQ(piece.from, User("alice", 7));
        EXPECT_EQ(piece.name, name);
        EXPECT_EQ(piece.size, static_cast<int64_t>(size));
        arrived += piece.content;
      }
      ASSERT_GE(arrived.size(), size);
      ASSERT_LE(arrived.size(), std::max<size_t>(size + 1023, 1024));
      EXPECT_EQ(arrived.substr(0, size), file) << name;
    }
  }
}

// ---- States ----

TEST(ClientStateTest, WhatNeedsALoginSaysSo) {
  Client fresh;
  const auto logging_in = Client::LoggingIn();
  const auto authenticating = Client::Authenticating();
  const auto broken = Client::LoggedIn();
  EXPECT_EQ(broken->feeder.Feed("\xff"), Next::kClose);
  for (Client* client : {&fresh, logging_in.get(), authenticating.get(), broken.get()}) {
    ClientSession& session = client->session;
    for (const absl::Status& status :
         {session.SendPublic(1, ToText("x")), session.SendPrivate(2, User("bob"), ToText("x")),
          session.SendFileChunk(User("bob"), 1, "a", 1, "x"), session.RefuseFile(User("bob"))}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_FALSE(status.message().empty());
    }
    EXPECT_EQ(client->host.sent, "");
  }
  const auto logged_in = Client::LoggedIn();
  EXPECT_EQ(logged_in->session.LoginWithPassword("bob", "secret").code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ClientStateTest, WhatTheProtocolDoesNotHaveSaysSo) {
  const auto client = Client::LoggedIn();
  ClientSession& session = client->session;
  for (const absl::Status& status :
       {session.Register("bob", "secret"), session.PresentTicket(7),
        session.Ask(RequestKind::kTalk, User("bob"), Text()),
        session.Answer(RequestKind::kRelay, User("bob"), true), session.CloseTalk(User("bob"))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  }
  EXPECT_EQ(client->host.sent, "");
}

// A server may be hostile: what it may not say now, or not at all, ends the session.
TEST(ClientStateTest, EachPacketOutOfPlaceBreaksTheSession) {
  struct Row {
    std::string bytes;
    // When nothing was asked, while logging in (in either way), logged in (greeted or not).
    bool fine[3];
  };
  const std::string chunk = Chunk("data");
  const std::vector<Row> table = {
      {Bytes(AuthGst{"alice"}), {false, false, false}},
      {Bytes(AuthUsr{"alice", "secret"}), {false, false, false}},
      {Bytes(AuthRsp{1}), {false, true, false}},
      {Bytes(MsgPbl{"hi"}), {false, false, false}},
      {Bytes(MsgPrv{0, "alice", "hi"}), {false, false, false}},
      {Bytes(MsgPblInc{7, "bob", "hi"}), {false, true, true}},
      {Bytes(MsgPrvInc{7, "bob", "alice", "hi"}), {false, false, true}},
      {Bytes(FileChnk{7, "alice", 3, "a.txt", 1, chunk}), {false, false, false}},
      {Bytes(FileChnkInc{7, "bob", "alice", 3, "a.txt", 1, chunk}), {false, false, true}},
      {Forwarded(7, MsgPblInc{7, "bob", "hi"}), {false, false, false}},
      {Bytes(MrgReq{5, {}}), {false, false, false}},
      {Bytes(MrgRsp{5, {}}), {false, false, false}},
      {Bytes(MrgDcl{0}), {false, false, false}},
      {Bytes(Error{"alice", 1}), {false, false, true}},
  };
  std::vector<bool> seen(256);
  for (const Row& row : table) {
    seen[static_cast<uint8_t>(row.bytes[0])] = true;
    const auto fresh = std::make_unique<Client>();
    const auto logging_in = Client::LoggingIn();
    const auto authenticating = Client::Authenticating();
    const auto greeting = Client::Greeting();
    const auto logged_in = Client::LoggedIn();
    const struct {
      Client* client;
      bool fine;
    } kStates[] = {{fresh.get(), row.fine[0]},
                   {logging_in.get(), row.fine[1]},
                   {authenticating.get(), row.fine[1]},
                   {greeting.get(), row.fine[2]},
                   {logged_in.get(), row.fine[2]}};
    for (const auto& state : kStates) {
      const std::string shown = chat::testing::ShowHex(row.bytes);
      EXPECT_EQ(state.client->feeder.Feed(row.bytes) != Next::kClose, state.fine) << shown;
      EXPECT_EQ(state.client->host.events.empty(), !state.fine) << shown;
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<int>(kCodes));
}

TEST(ClientStateTest, WhatIsForSomebodyElseBreaksTheSession) {
  const std::string chunk = Chunk("data");
  for (const std::string& bytes :
       {Bytes(MsgPrvInc{7, "bob", "carol", "hi"}), Bytes(MsgPrvInc{7, "alice", "", "hi"}),
        Bytes(FileChnkInc{7, "bob", "carol", 3, "a.txt", 1, chunk}),
        Bytes(FileChnkInc{7, "bob", "alice", 3, "a.txt", 0, chunk}),
        Bytes(FileChnkInc{7, "bob", "alice", 3, "a.txt", -1, chunk})}) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->feeder.Feed(bytes), Next::kClose);
    EXPECT_THAT(client->host.events, IsEmpty());
  }
}

TEST(ClientStateTest, WhatCannotBeFollowedBreaksTheSession) {
  for (const char* hex : {"02", "ff", "30 00000007 ffffffff", "30 00000007 00000100",
                          "30 00000007 00000001 61 0000fff3", "31 00000007 7fffffff",
                          "41 00000007 00000001 61 00000001 62 00000003 00000113",
                          "a1 00000007 000003e9", "f0 ffffffff"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      const auto client = Client::LoggedIn();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(client->host.events, IsEmpty()) << hex;
    }
  }
}

}  // namespace
}  // namespace chat::cfp
