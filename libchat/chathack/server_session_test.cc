#include "libchat/chathack/server_session.h"

#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
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
using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// FakeHost::peer_address, and others.
constexpr absl::string_view kOwnAddress("\x7f\0\0\x01", 4);
constexpr absl::string_view kOtherAddress("\x0a\0\0\x01", 4);
constexpr absl::string_view kMappedAddress("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01", 16);
constexpr absl::string_view kMappedOther("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01", 16);
constexpr absl::string_view kAnywhere("\0\0\0\0", 4);
constexpr absl::string_view kAnywhere6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
constexpr absl::string_view kMappedAnywhere("\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0", 16);
constexpr absl::string_view kOtherLoopback("\x7f\1\2\3", 4);
constexpr absl::string_view kMappedLoopback("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x02", 16);
constexpr absl::string_view kLoopback6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

template <class P>
std::string Bytes(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  return bytes;
}

// A session with its host, as a connection would drive it.
struct Client {
  explicit Client(AddressRule addresses = AddressRule::kOwn, SessionLimits limits = {})
      : session(addresses, limits, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // A client that is logged in as "alice".
  static std::unique_ptr<Client> LoggedIn(AddressRule addresses = AddressRule::kOwn) {
    auto client = std::make_unique<Client>(addresses);
    client->feeder.Feed(Bytes(NewLogin{"alice"}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Login alice"));
    EXPECT_EQ(client->host.TakeSent(), Bytes(AckConnected{}));
    return client;
  }

  // The host has looked at the password.
  void Answer(LoginResult result) {
    EXPECT_EQ(session.OnEvent(Authenticated{result}), Next::kMore);
    feeder.Resume();
  }

  FakeHost host;
  ServerSession session;
  Feeder feeder;
};

// ---- The table: each opcode in each state ----

struct Outcome {
  std::vector<std::string> calls;
  std::string sent;
  Next next = Next::kMore;
};

struct Row {
  Packet packet;
  Outcome anonymous;
  Outcome logged_in;
};

std::vector<Row> Table() {
  const Outcome not_logged_in = {{"Count not_logged_in"}, Bytes(AckPacketError{})};
  const Outcome unexpected = {{"Count unexpected"}, Bytes(AckPacketError{})};
  const Outcome second_login = {{"Count unexpected"}, Bytes(AckLoginError{})};
  return {
      {ExistingLogin{"alice", "secret"},
       {{"Authenticate alice \"secret\" takeover"}, "", Next::kPause},
       second_login},
      {NewLogin{"alice"}, {{"Login alice"}, Bytes(AckConnected{})}, second_login},
      {GlobalMessage{"alice", "hi"}, not_logged_in, {{"Publish \"hi\""}, ""}},
      {PrivateAsking{"alice", "bob"}, not_logged_in, {{"Ask direct bob"}, ""}},
      {PrivateValidation{"alice", "bob", 7000, kOwnAddress, 5},
       not_logged_in,
       {{"AcceptDirect bob 127.0.0.1:7000 id 5"}, ""}},
      {PrivateDenied{"alice", "bob"}, not_logged_in, {{"AnswerRequest direct bob no"}, ""}},
      {PrivateString{"alice", "hi"}, not_logged_in, unexpected},
      {PrivateFile{"alice", "a.txt", "content"}, not_logged_in, unexpected},
      {PrivateConnection{"alice", 5}, not_logged_in, unexpected},
  };
}

void ExpectOutcome(const Client& client, const Outcome& outcome, const Packet& packet) {
  EXPECT_EQ(client.host.calls, outcome.calls) << ToString(packet);
  EXPECT_EQ(client.host.sent, outcome.sent) << ToString(packet);
  EXPECT_EQ(client.feeder.next(), outcome.next) << ToString(packet);
  EXPECT_EQ(client.feeder.rest(), "") << ToString(packet);
}

TEST(OpcodeTableTest, HasEachOpcodeOnce) {
  size_t index = 0;
  for (const Row& row : Table()) EXPECT_EQ(row.packet.index(), index++);
  EXPECT_EQ(index, kOpcodes);
}

TEST(OpcodeTableTest, EachOpcodeInEachStateHasItsOutcome) {
  for (const Row& row : Table()) {
    const std::string bytes = std::visit([](auto& p) { return Bytes(p); }, row.packet);
    for (const Segments& segments : EveryWay(bytes, 5)) {
      Client anonymous;
      for (const std::string& segment : segments) anonymous.feeder.Feed(segment);
      ExpectOutcome(anonymous, row.anonymous, row.packet);

      const auto logged_in = Client::LoggedIn();
      for (const std::string& segment : segments) logged_in->feeder.Feed(segment);
      ExpectOutcome(*logged_in, row.logged_in, row.packet);

      // While a password is being looked at, nothing is read.
      Client authenticating;
      authenticating.feeder.Feed(Bytes(ExistingLogin{"alice", "secret"}));
      authenticating.host.TakeCalls();
      for (const std::string& segment : segments) authenticating.feeder.Feed(segment);
      EXPECT_THAT(authenticating.host.calls, IsEmpty());
      EXPECT_EQ(authenticating.host.sent, "");
      EXPECT_EQ(authenticating.feeder.rest(), bytes);
      // Then it finds the client logged in.
      authenticating.Answer(LoginResult::kAccepted);
      Outcome late = row.logged_in;
      late.sent.insert(0, Bytes(AckConnected{}));
      ExpectOutcome(authenticating, late, row.packet);
    }
  }
}

TEST(OpcodeTableTest, UnknownOpcodesCloseInEachState) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (opcode >= 1 && opcode <= 9) continue;
    const std::string bytes(1, static_cast<char>(opcode));
    Client anonymous;
    EXPECT_EQ(anonymous.feeder.Feed(bytes), Next::kClose) << opcode;
    EXPECT_THAT(anonymous.host.calls, ElementsAre("Count unknown_opcode"));
    EXPECT_EQ(anonymous.host.sent, Bytes(AckPacketError{}));

    const auto logged_in = Client::LoggedIn();
    EXPECT_EQ(logged_in->feeder.Feed(bytes), Next::kClose) << opcode;
    EXPECT_THAT(logged_in->host.calls, ElementsAre("Count unknown_opcode"));
    EXPECT_EQ(logged_in->host.sent, Bytes(AckPacketError{}));
  }
}

TEST(OpcodeTableTest, WhatCannotBeFollowedClosesInEachState) {
  // The first fields are well, the next one has a negative size, or an unknown adCode.
  for (const char* hex : {"01 ffffffff",
                          "01 00000001 61 80000000",
                          "02 ffffffff",
                          "03 80000000",
                          "03 00000001 61 ffffffff",
                          "04 ffffffff",
                          "04 00000000 ffffffff",
                          "05 ffffffff",
                          "05 00000000 ffffffff",
                          "05 00000000 00000000 00000001 00",
                          "05 00000000 00000000 00000001 03",
                          "05 00000000 00000000 ffffffff ff",
                          "06 ffffffff",
                          "06 00000000 ffffffff",
                          "07 ffffffff",
                          "07 00000000 ffffffff",
                          "08 ffffffff",
                          "08 00000000 ffffffff",
                          "08 00000000 00000000 ffffffff",
                          "09 ffffffff"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      Client anonymous;
      const auto logged_in = Client::LoggedIn();
      for (Client* client : {&anonymous, logged_in.get()}) {
        for (const std::string& segment : segments) client->feeder.Feed(segment);
        EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
        EXPECT_THAT(client->host.calls, ElementsAre("Count malformed")) << hex;
        EXPECT_EQ(client->host.sent, Bytes(AckPacketError{})) << hex;
      }
    }
  }
}

// ---- Login ----

const struct {
  LoginResult result;
  std::string ack;
} kLoginAnswers[] = {
    {LoginResult::kAccepted, Bytes(AckConnected{})},
    {LoginResult::kTaken, Bytes(AckLoginExists{})},
    {LoginResult::kReserved, Bytes(AckLoginExists{})},
    {LoginResult::kNotAName, Bytes(AckLoginError{})},
    {LoginResult::kNoAccount, Bytes(AckLoginError{})},
    {LoginResult::kWrongPassword, Bytes(AckLoginError{})},
    {LoginResult::kOverloaded, Bytes(AckPacketError{})},
};

TEST(LoginTest, HasAnAnswerToEachResult) {
  for (const auto& c : kLoginAnswers) {
    Client open;
    open.host.login = c.result;
    open.feeder.Feed(Bytes(NewLogin{"alice"}));
    EXPECT_EQ(open.host.sent, c.ack) << ToString(c.result);

    Client password;
    password.feeder.Feed(Bytes(ExistingLogin{"alice", "secret"}));
    EXPECT_EQ(password.host.sent, "");
    password.Answer(c.result);
    EXPECT_EQ(password.host.sent, c.ack) << ToString(c.result);
  }
}

TEST(LoginTest, MayBeTriedAgainAfterARefusal) {
  Client client;
  client.host.login = LoginResult::kTaken;
  client.feeder.Feed(Bytes(NewLogin{"alice"}) + Bytes(ExistingLogin{"alice", "wrong"}) +
                     Bytes(GlobalMessage{"alice", "hi"}) + Bytes(ExistingLogin{"bob", "right"}) +
                     Bytes(GlobalMessage{"alice", "hi"}) + Bytes(GlobalMessage{"bob", "hi"}));
  client.Answer(LoginResult::kWrongPassword);
  EXPECT_EQ(client.feeder.next(), Next::kPause);
  client.Answer(LoginResult::kAccepted);
  EXPECT_EQ(client.host.sent, Bytes(AckLoginExists{}) + Bytes(AckLoginError{}) +
                                  Bytes(AckPacketError{}) + Bytes(AckConnected{}) +
                                  Bytes(AckPacketError{}));
  EXPECT_THAT(
      client.host.calls,
      ElementsAre("Login alice", "Authenticate alice \"wrong\" takeover", "Count not_logged_in",
                  "Authenticate bob \"right\" takeover", "Count spoofed_sender", "Publish \"hi\""));
}

TEST(LoginTest, WaitsForItsOwnAnswerAlone) {
  Client client;
  client.feeder.Feed(Bytes(ExistingLogin{"alice", "secret"}));
  EXPECT_EQ(client.session.OnEvent(TalkClosed{1, User("bob")}), Next::kPause);
  client.Answer(LoginResult::kAccepted);
  // An answer to nothing changes nothing.
  client.host.TakeSent();
  EXPECT_EQ(client.session.OnEvent(Authenticated{LoginResult::kWrongPassword}), Next::kMore);
  EXPECT_EQ(client.host.sent, "");
  client.feeder.Feed(Bytes(GlobalMessage{"alice", "still me"}));
  EXPECT_EQ(client.host.calls.back(), "Publish \"still me\"");
}

TEST(LoginTest, OverThirtyBytesIsRefusedUpToTheFrameLimit) {
  // 1 + 4 + 507 bytes are 512.
  for (size_t size : {31u, 100u, 507u}) {
    Client client;
    client.host.login = LoginResult::kNotAName;
    client.feeder.Feed(Bytes(NewLogin{std::string(size, 'a')}));
    EXPECT_EQ(client.host.sent, Bytes(AckLoginError{})) << size;
    EXPECT_EQ(client.feeder.next(), Next::kMore) << size;
  }
  // 1 + 4 + 5 + 4 + 498 bytes.
  Client client;
  client.feeder.Feed(Bytes(ExistingLogin{"alice", std::string(498, 'p')}));
  EXPECT_EQ(client.feeder.next(), Next::kPause);
  for (const char* hex :
       {"02 000001fc", "01 00000005 \"alice\" 000001f3", "03 000001fc", "01 7fffffff"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      Client big;
      for (const std::string& segment : segments) big.feeder.Feed(segment);
      EXPECT_EQ(big.feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(big.host.calls, ElementsAre("Count frame_too_long")) << hex;
      EXPECT_EQ(big.host.sent, Bytes(AckPacketError{})) << hex;
    }
  }
}

TEST(LoginTest, ASecondOneIsRefusedHoweverLong) {
  for (size_t size : {5u, 31u, 507u, 508u, 65000u}) {
    for (const std::string& second :
         {Bytes(NewLogin{std::string(size, 'b')}), Bytes(ExistingLogin{std::string(size, 'b'), ""}),
          Bytes(ExistingLogin{"b", std::string(size, 'p')})}) {
      const auto client = Client::LoggedIn();
      client->feeder.Feed(second);
      EXPECT_EQ(client->host.TakeSent(), Bytes(AckLoginError{})) << size;
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count unexpected")) << size;
      client->feeder.Feed(Bytes(GlobalMessage{"alice", "still me"}));
      EXPECT_THAT(client->host.calls, ElementsAre("Publish \"still me\"")) << size;
    }
  }
}

// ---- Global messages ----

TEST(MessageTest, ABatchIsPublishedOneByOneFromTheInput) {
  const auto client = Client::LoggedIn();
  std::string batch;
  std::vector<std::string> calls;
  for (int i = 0; i < 100; ++i) {
    batch += Bytes(GlobalMessage{"alice", absl::StrCat(i)});
    calls.push_back(absl::StrCat("Publish \"", i, "\""));
  }
  client->feeder.Feed(batch);
  EXPECT_EQ(client->host.calls, calls);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(MessageTest, StopsWhileThrottled) {
  const auto client = Client::LoggedIn();
  client->host.throttled_after = 2;
  const std::string one = Bytes(GlobalMessage{"alice", "x"});
  client->feeder.Feed(one + one + one);
  EXPECT_EQ(client->host.TakeCalls().size(), 2u);
  EXPECT_EQ(client->feeder.rest(), one);
  EXPECT_EQ(client->feeder.next(), Next::kMore);
  client->feeder.Feed("");
  EXPECT_EQ(client->host.calls.size(), 1u);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(MessageTest, OfASpoofedSenderIsAnErrorAndGoesNowhere) {
  const auto client = Client::LoggedIn();
  for (const std::string& bytes :
       {Bytes(GlobalMessage{"bob", "x"}), Bytes(GlobalMessage{"", "x"}),
        Bytes(GlobalMessage{"Alice", "x"}), Bytes(GlobalMessage{"alice@1", "x"}),
        // The asker comes first, always.
        Bytes(PrivateAsking{"bob", "carol"}), Bytes(PrivateAsking{"bob", "alice"}),
        Bytes(PrivateValidation{"bob", "carol", 7000, kOwnAddress, 5}),
        Bytes(PrivateDenied{"bob", "carol"})}) {
    client->feeder.Feed(bytes);
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count spoofed_sender"));
    EXPECT_EQ(client->host.TakeSent(), Bytes(AckPacketError{}));
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(MessageTest, ThatIsNotTextIsAnErrorAndGoesNowhere) {
  const auto client = Client::LoggedIn();
  for (absl::string_view body : {absl::string_view("a\0b", 3), absl::string_view("\xff"),
                                 absl::string_view("\xed\xa0\x80"), absl::string_view("\xc3")}) {
    for (const std::string& bytes :
         {Bytes(GlobalMessage{"alice", body}), Bytes(PrivateAsking{"alice", body})}) {
      client->feeder.Feed(bytes);
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count not_text"));
      EXPECT_EQ(client->host.TakeSent(), Bytes(AckPacketError{}));
      EXPECT_EQ(client->feeder.next(), Next::kMore);
    }
  }
}

TEST(MessageTest, ThatIsTooLongPassesByWithoutBeingKept) {
  const struct {
    std::string bytes;
    const char* count;
  } kCases[] = {
      {Bytes(GlobalMessage{"alice", std::string(1025, 'x')}), "Count message_too_long"},
      // 1 + 4 + 5 + 4 + 65522 bytes are 64 KiB.
      {Bytes(GlobalMessage{"alice", std::string(65522, 'x')}), "Count message_too_long"},
      {Bytes(GlobalMessage{std::string(42, 'a'), "x"}), "Count no_such_user"},
      {Bytes(PrivateAsking{"alice", std::string(60000, 'b')}), "Count no_such_user"},
      {Bytes(PrivateValidation{"alice", std::string(42, 'b'), 7000, kLoopback6, 5}),
       "Count no_such_user"},
      {Bytes(PrivateDenied{std::string(42, 'a'), "bob"}), "Count no_such_user"},
      {Bytes(PrivateString{"alice", std::string(60000, 'x')}), "Count unexpected"},
      {Bytes(PrivateFile{"alice", std::string(256, 'n'), std::string(60000, 'x')}),
       "Count unexpected"},
      {Bytes(PrivateConnection{std::string(42, 'a'), 5}), "Count unexpected"},
  };
  for (const auto& c : kCases) {
    for (size_t piece : {size_t{1}, size_t{7}, size_t{1000}, c.bytes.size()}) {
      const auto client = Client::LoggedIn();
      const std::string in = c.bytes + Bytes(GlobalMessage{"alice", "next"});
      for (size_t at = 0; at < in.size(); at += piece) {
        client->feeder.Feed(in.substr(at, piece));
        // A whole packet that is looked at, less a byte, is the most that ever waits.
        EXPECT_LT(client->feeder.rest().size(), 1333u);
      }
      EXPECT_THAT(client->host.calls, ElementsAre(c.count, "Publish \"next\""));
      EXPECT_EQ(client->host.sent, Bytes(AckPacketError{}));
      EXPECT_EQ(client->feeder.rest(), "");
    }
  }
}

TEST(MessageTest, OverSixtyFourKibibytesCloses) {
  for (const char* hex : {"03 00000005 \"alice\" 0000fff3", "03 7fffffff", "03 0000fffc",
                          "02 0000fffc", "08 00000005 \"alice\" 00000001 61 0000ffee"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      const auto client = Client::LoggedIn();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_THAT(client->host.calls, ElementsAre("Count frame_too_long")) << hex;
      EXPECT_EQ(client->host.sent, Bytes(AckPacketError{})) << hex;
      EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
    }
  }
}

TEST(MessageTest, ThatPassesByAndCannotBeFollowedCloses) {
  const struct {
    const char* hex;
    const char* count;
  } kCases[] = {
      {"04 0000002a 61*42 00010000", "Count frame_too_long"},
      {"04 0000002a 61*42 ffffffff", "Count malformed"},
      {"05 0000002a 61*42 00000000 00000001 03", "Count malformed"},
  };
  for (const auto& c : kCases) {
    for (const Segments& segments : EveryWay(Hex(c.hex), 0)) {
      const auto client = Client::LoggedIn();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_THAT(client->host.calls, ElementsAre("Count no_such_user", c.count));
      EXPECT_EQ(client->host.sent, Bytes(AckPacketError{}) + Bytes(AckPacketError{}));
      EXPECT_EQ(client->feeder.next(), Next::kClose);
    }
  }
}

// ---- Asking, accepting, refusing ----

TEST(AskTest, ThatDoesNotReachAnybodyIsDenied) {
  const struct {
    Delivery delivery;
    std::vector<std::string> calls;
  } kCases[] = {
      {Delivery::kNoSuchUser, {"Ask direct bob@7", "Count no_such_user"}},
      {Delivery::kNotPossible, {"Ask direct bob@7"}},
      {Delivery::kNoConsent, {"Ask direct bob@7"}},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    client->host.ask_delivery = c.delivery;
    client->feeder.Feed(Bytes(PrivateAsking{"alice", "bob@7"}));
    EXPECT_EQ(client->host.calls, c.calls);
    EXPECT_EQ(client->host.sent, Bytes(AckPrivateDenied{"bob@7"}));
  }
}

TEST(AnswerTest, MayHaveTheLoginsInEitherOrder) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", 7000, kOwnAddress, 5}) +
                      Bytes(PrivateValidation{"carol", "alice", 7001, kOwnAddress, 6}) +
                      Bytes(PrivateDenied{"alice", "bob"}) +
                      Bytes(PrivateDenied{"carol", "alice"}));
  EXPECT_THAT(
      client->host.calls,
      ElementsAre("AcceptDirect bob 127.0.0.1:7000 id 5", "AcceptDirect carol 127.0.0.1:7001 id 6",
                  "AnswerRequest direct bob no", "AnswerRequest direct carol no"));
  EXPECT_EQ(client->host.sent, "");
}

// Existing clients end on an error, and an answer may come too late.
TEST(AnswerTest, WithoutARequestIsIgnored) {
  for (Delivery none : {Delivery::kNotPossible, Delivery::kNoSuchUser}) {
    const auto client = Client::LoggedIn();
    client->host.answer_delivery = none;
    client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", 7000, kOwnAddress, 5}) +
                        Bytes(PrivateDenied{"alice", "bob"}));
    EXPECT_THAT(client->host.calls,
                ElementsAre("AcceptDirect bob 127.0.0.1:7000 id 5", "Count unexpected",
                            "AnswerRequest direct bob no", "Count unexpected"));
    EXPECT_EQ(client->host.sent, "");
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(AddressTest, IsTheClientsOwnUnlessTheListenerAllowsAny) {
  const struct {
    absl::string_view address;
    const char* own;  // what is passed on, null: an error
    const char* any;
  } kCases[] = {
      {kOwnAddress, "127.0.0.1", "127.0.0.1"},
      {kAnywhere, "127.0.0.1", "127.0.0.1"},
      {kAnywhere6, "127.0.0.1", "127.0.0.1"},
      {kMappedAddress, "00000000000000000000ffff7f000001", "00000000000000000000ffff7f000001"},
      {kOtherAddress, nullptr, "10.0.0.1"},
      {kMappedOther, nullptr, "00000000000000000000ffff0a000001"},
      // Existing clients always say so, whatever their address is.
      {kLoopback6, "127.0.0.1", "127.0.0.1"},
      {kOtherLoopback, "127.0.0.1", "127.0.0.1"},
      {kMappedLoopback, "127.0.0.1", "127.0.0.1"},
      {kMappedAnywhere, "127.0.0.1", "127.0.0.1"},
  };
  for (const auto& c : kCases) {
    for (AddressRule rule : {AddressRule::kOwn, AddressRule::kAny}) {
      const auto client = Client::LoggedIn(rule);
      client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", 7000, c.address, 5}));
      const char* passed = rule == AddressRule::kOwn ? c.own : c.any;
      if (passed == nullptr) {
        EXPECT_THAT(client->host.calls,
                    ElementsAre("Count spoofed_sender", "AnswerRequest direct bob no"));
      } else {
        EXPECT_THAT(client->host.calls,
                    ElementsAre(absl::StrCat("AcceptDirect bob ", passed, ":7000 id 5")));
      }
      EXPECT_EQ(client->host.sent, "");
      EXPECT_EQ(client->feeder.next(), Next::kMore);
    }
  }
}

TEST(AddressTest, OfAnIpv6ClientIsIpv6) {
  const auto client = Client::LoggedIn();
  client->host.peer_address = std::string(kLoopback6);
  client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", 7000, kLoopback6, 5}) +
                      Bytes(PrivateValidation{"alice", "bob", 7000, kAnywhere, 6}) +
                      Bytes(PrivateValidation{"alice", "bob", 7000, kOwnAddress, 7}));
  EXPECT_THAT(client->host.calls,
              ElementsAre("AcceptDirect bob 00000000000000000000000000000001:7000 id 5",
                          "AcceptDirect bob 00000000000000000000000000000001:7000 id 6",
                          "AcceptDirect bob 00000000000000000000000000000001:7000 id 7"));
}

TEST(AddressTest, OfAClientFromElsewhereIsTheOneThatTheServerSees) {
  for (absl::string_view said : {kOwnAddress, kOtherLoopback, kLoopback6, kMappedAddress,
                                 kMappedLoopback, kAnywhere, kAnywhere6, kMappedAnywhere}) {
    for (AddressRule rule : {AddressRule::kOwn, AddressRule::kAny}) {
      const auto client = Client::LoggedIn(rule);
      client->host.peer_address = std::string("\xc0\0\2\7", 4);
      client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", 7000, said, 5}));
      EXPECT_THAT(client->host.calls, ElementsAre("AcceptDirect bob 192.0.2.7:7000 id 5"));
      EXPECT_EQ(client->host.sent, "");
    }
  }
}

TEST(AddressTest, HasAPortFromOneTo65535) {
  const auto client = Client::LoggedIn(AddressRule::kAny);
  for (int32_t port : {INT32_MIN, -1, 0, 65536, INT32_MAX}) {
    client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", port, kOwnAddress, 5}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count malformed")) << port;
    EXPECT_EQ(client->host.TakeSent(), Bytes(AckPacketError{})) << port;
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
  for (int32_t port : {1, 65535}) {
    client->feeder.Feed(Bytes(PrivateValidation{"alice", "bob", port, kOwnAddress, -5}));
    EXPECT_THAT(client->host.TakeCalls(),
                ElementsAre(absl::StrCat("AcceptDirect bob 127.0.0.1:", port, " id -5")));
  }
}

// ---- Events ----

TEST(EventTest, IsSaidAsTheDocumentSays) {
  const User alice("alice"), bob("bob");
  const DirectAddress at{std::string(kOwnAddress), 65535, INT64_MIN};
  const struct {
    Event event;
    std::string sent;
  } kCases[] = {
      {Request{RequestKind::kDirect, bob, alice, {}}, Bytes(AckPrivateAsking{"bob"})},
      {Request{RequestKind::kDirect, User("bob", 7), alice, {}}, Bytes(AckPrivateAsking{"bob@7"})},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kAccepted, 0, at},
       Bytes(AckPrivateValidation{"bob", 65535, kOwnAddress, INT64_MIN})},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kAccepted, 0,
              DirectAddress{std::string(kLoopback6), 1, 5}},
       Bytes(AckPrivateValidation{"bob", 1, kLoopback6, 5})},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kRefused, 0},
       Bytes(AckPrivateDenied{"bob"})},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kAbsent, 0},
       Bytes(AckPrivateDenied{"bob"})},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kFailed, 0},
       Bytes(AckPrivateDenied{"bob"})},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kAccepted, 0},
       Bytes(AckPrivateDenied{"bob"})},
      // What chathack has no packet for.
      {PrivateMessage{bob, alice, OwnedText(*Text::From("psst"))}, ""},
      {Request{RequestKind::kTalk, bob, alice, {}}, ""},
      {Request{RequestKind::kRelay, bob, alice, {}}, ""},
      {Answer{RequestKind::kTalk, alice, bob, Verdict::kAccepted, 1}, ""},
      {Answer{RequestKind::kRelay, alice, bob, Verdict::kRefused, 0}, ""},
      {TalkClosed{1, bob}, ""},
      {Undelivered{bob, bob}, ""},
      {Registered{true}, ""},
      {RelayClosing{1, bob}, ""},
      {RelayEstablished{}, ""},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->session.OnEvent(c.event), Next::kMore);
    EXPECT_EQ(client->host.sent, c.sent) << ToString(c.event);
  }
}

TEST(EventTest, IsOnePacketWhateverItsTextAndNames) {
  constexpr DecodeLimits kAny = {.proposal = 65536,
                                 .name = kMaxShownNameBytes,
                                 .file_name = 65536,
                                 .content = 65536,
                                 .frame = 65536};
  const char* kParts[] = {"a",  "\x01",    "\x05", "\x08",         "\x7f",
                          "\n", "\r\n",    "\"",   "\xc3\xa9",     "@7",
                          "\t", "\x1b[2J", "=",    "\xe5\xb1\xb1", "alice"};
  std::mt19937 random(1);
  const auto text = [&](size_t most) {
    std::string text;
    while (true) {
      const absl::string_view part = kParts[random() % std::size(kParts)];
      if (text.size() + part.size() > most || random() % 32 == 0) return text;
      absl::StrAppend(&text, part);
    }
  };
  const auto client = Client::LoggedIn();
  for (int i = 0; i < 2000; ++i) {
    // Names are stranger here than the hub lets them be.
    const User other(text(30), i % 3 == 0 ? static_cast<int32_t>(random() % INT32_MAX) : 0);
    DirectAddress at{std::string(i % 2 == 0 ? kOwnAddress : kLoopback6), 1, 0};
    at.port = static_cast<uint16_t>(1 + random() % 65535);
    at.id = static_cast<int64_t>(uint64_t{random()} << 32 | random());
    const std::string shown = Display(other);
    const struct {
      Event event;
      Ack packet;
    } kCases[] = {
        {Request{RequestKind::kDirect, other, User("alice"), OwnedText(*Text::From(text(1024)))},
         AckPrivateAsking{shown}},
        {Answer{RequestKind::kDirect, User("alice"), other, Verdict::kRefused, 0},
         AckPrivateDenied{shown}},
        {Answer{RequestKind::kDirect, User("alice"), other, Verdict::kAccepted, 0, at},
         AckPrivateValidation{shown, at.port, at.address, at.id}},
    };
    for (const auto& c : kCases) {
      client->session.OnEvent(c.event);
      const std::string sent = client->host.TakeSent();
      const Decoded<Ack> decoded = DecodeAck(sent, kAny);
      ASSERT_EQ(decoded.status, DecodeStatus::kDone) << ToString(c.event);
      ASSERT_EQ(decoded.size, sent.size()) << ToString(c.event);
      ASSERT_TRUE(decoded.packet == c.packet) << ToString(decoded.packet);
    }
  }
}

TEST(FarewellTest, HasNoWords) {
  for (Farewell reason : {Farewell::kReplaced, Farewell::kShutdown, Farewell::kKicked}) {
    const auto client = Client::LoggedIn();
    client->session.OnFarewell(reason);
    EXPECT_EQ(client->host.sent, "");
  }
}

}  // namespace
}  // namespace chat::chathack
