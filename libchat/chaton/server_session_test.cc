#include "libchat/chaton/server_session.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;

template <class P>
std::string Bytes(const P& packet, LongBytes longs = LongBytes::kFour) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, longs, out);
  return bytes;
}

OwnedText Owned(absl::string_view bytes) { return OwnedText(*Text::From(bytes)); }

// A session with its host, as a connection would drive it.
struct Client {
  explicit Client(LongBytes longs = LongBytes::kFour, SessionLimits limits = {})
      : session(longs, limits, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // A client that is logged in as "alice".
  static std::unique_ptr<Client> LoggedIn(LongBytes longs = LongBytes::kFour) {
    auto client = std::make_unique<Client>(longs);
    client->feeder.Feed(Bytes(Login{"alice"}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Login alice"));
    EXPECT_EQ(client->host.TakeSent(), Bytes(LoginAccepted{}));
    return client;
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
  const Outcome not_logged_in = {{"Count not_logged_in"}, ""};
  const Outcome unexpected = {{"Count unexpected"}, ""};
  return {
      {Login{"alice"},
       {{"Login alice"}, Bytes(LoginAccepted{})},
       {{"Count unexpected"}, Bytes(LoginRefused{})}},
      {LoginAccepted{}, not_logged_in, unexpected},
      {LoginRefused{}, not_logged_in, unexpected},
      {Message{"alice", "hi"}, not_logged_in, {{"Publish \"hi\""}, ""}},
      {MessagePrivate{"alice", "bob", "psst"}, not_logged_in, {{"SendPrivate bob \"psst\""}, ""}},
      {RequestPrivate{"alice", "bob"}, not_logged_in, {{"Ask relay bob"}, ""}},
      {OkPrivate{"bob", "alice"}, not_logged_in, {{"AnswerRequest relay bob yes"}, ""}},
      {KoPrivate{"bob", "alice"}, not_logged_in, {{"AnswerRequest relay bob no"}, ""}},
      {IdPrivate{"alice", "bob", 7}, not_logged_in, unexpected},
      {LoginPrivate{7}, {{"PresentTicket 7"}, "", Next::kRelay}, unexpected},
      {Established{}, not_logged_in, unexpected},
      {CloseConnection{7, "alice", "bob"}, not_logged_in, {{"CloseRelay 7 bob"}, ""}},
      {AcceptCloseConnection{"bob"}, not_logged_in, unexpected},
  };
}

void ExpectOutcome(const Client& client, const Outcome& outcome, const Packet& packet) {
  EXPECT_EQ(client.host.calls, outcome.calls) << ToString(packet);
  EXPECT_EQ(client.host.sent, outcome.sent) << ToString(packet);
  EXPECT_EQ(client.feeder.next(), outcome.next) << ToString(packet);
  EXPECT_EQ(client.feeder.rest(), "") << ToString(packet);
}

TEST(OpcodeTableTest, HasEachOpcodeOnce) {
  size_t opcode = 0;
  for (const Row& row : Table()) EXPECT_EQ(row.packet.index(), opcode++);
  EXPECT_EQ(opcode, kOpcodes);
}

TEST(OpcodeTableTest, EachOpcodeInEachStateHasItsOutcome) {
  for (const Row& row : Table()) {
    for (LongBytes longs : {LongBytes::kFour, LongBytes::kEight}) {
      const std::string bytes = std::visit([&](auto& p) { return Bytes(p, longs); }, row.packet);
      for (const Segments& segments : EveryWay(bytes, 5)) {
        Client anonymous(longs);
        for (const std::string& segment : segments) anonymous.feeder.Feed(segment);
        ExpectOutcome(anonymous, row.anonymous, row.packet);

        const auto logged_in = Client::LoggedIn(longs);
        for (const std::string& segment : segments) logged_in->feeder.Feed(segment);
        ExpectOutcome(*logged_in, row.logged_in, row.packet);
      }
    }
  }
}

TEST(OpcodeTableTest, UnknownOpcodesCloseInEachState) {
  for (int opcode = kOpcodes; opcode < 256; ++opcode) {
    const std::string bytes(1, static_cast<char>(opcode));
    Client anonymous;
    EXPECT_EQ(anonymous.feeder.Feed(bytes), Next::kClose) << opcode;
    EXPECT_THAT(anonymous.host.calls, ElementsAre("Count unknown_opcode"));
    EXPECT_EQ(anonymous.host.sent, "");

    const auto logged_in = Client::LoggedIn();
    EXPECT_EQ(logged_in->feeder.Feed(bytes), Next::kClose) << opcode;
    EXPECT_THAT(logged_in->host.calls, ElementsAre("Count unknown_opcode"));
    EXPECT_EQ(logged_in->host.sent, "");
  }
}

TEST(OpcodeTableTest, EachSizeThatIsNegativeClosesInEachState) {
  // The first n STRINGs are well, the next one has a negative size.
  for (const char* hex :
       {"00 ffffffff", "03 80000000", "03 00000001 61 ffffffff", "04 ffffffff",
        "04 00000000 ffffffff", "04 00000000 00000000 ffffffff", "05 ffffffff",
        "05 00000000 ffffffff", "06 ffffffff", "06 00000000 ffffffff", "07 ffffffff",
        "07 00000000 ffffffff", "08 ffffffff", "08 00000000 ffffffff", "0b 00000001 ffffffff",
        "0b 00000001 00000000 ffffffff", "0c ffffffff"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      Client anonymous;
      for (const std::string& segment : segments) anonymous.feeder.Feed(segment);
      EXPECT_EQ(anonymous.feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(anonymous.host.calls, ElementsAre("Count malformed")) << hex;

      const auto logged_in = Client::LoggedIn();
      for (const std::string& segment : segments) logged_in->feeder.Feed(segment);
      EXPECT_EQ(logged_in->feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(logged_in->host.calls, ElementsAre("Count malformed")) << hex;
    }
  }
}

// ---- Login ----

TEST(LoginTest, MayBeTriedAgainAfterARefusal) {
  for (LoginResult refusal :
       {LoginResult::kTaken, LoginResult::kNotAName, LoginResult::kOverloaded}) {
    Client client;
    client.host.login = refusal;
    client.feeder.Feed(Bytes(Login{"alice"}));
    EXPECT_EQ(client.host.TakeSent(), Bytes(LoginRefused{}));
    client.feeder.Feed(Bytes(Message{"alice", "hi"}));
    client.host.login = LoginResult::kAccepted;
    client.feeder.Feed(Bytes(Login{"alicia"}));
    EXPECT_EQ(client.host.TakeSent(), Bytes(LoginAccepted{}));
    EXPECT_THAT(client.host.calls,
                ElementsAre("Login alice", "Count not_logged_in", "Login alicia"));
  }
}

TEST(LoginTest, OverThirtyBytesIsRefusedUpToTheFrameLimit) {
  // 1 + 4 + 507 bytes are 512.
  for (size_t size : {31u, 100u, 507u}) {
    Client client;
    client.host.login = LoginResult::kNotAName;
    client.feeder.Feed(Bytes(Login{std::string(size, 'a')}));
    EXPECT_EQ(client.host.sent, Bytes(LoginRefused{})) << size;
    EXPECT_EQ(client.feeder.next(), Next::kMore) << size;
  }
  Client client;
  EXPECT_EQ(client.feeder.Feed(Hex("00 000001fc")), Next::kClose);
  EXPECT_THAT(client.host.calls, ElementsAre("Count frame_too_long"));
  EXPECT_EQ(client.host.sent, "");
}

TEST(LoginTest, ASecondOneIsRefusedHoweverLong) {
  for (size_t size : {5u, 31u, 507u, 508u, 65000u}) {
    const auto client = Client::LoggedIn();
    client->feeder.Feed(Bytes(Login{std::string(size, 'b')}));
    EXPECT_EQ(client->host.TakeSent(), Bytes(LoginRefused{})) << size;
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count unexpected")) << size;
    client->feeder.Feed(Bytes(Message{"alice", "still me"}));
    EXPECT_THAT(client->host.calls, ElementsAre("Publish \"still me\"")) << size;
  }
}

TEST(LoginTest, FramesOverTheLimitBeforeLoginClose) {
  Client client;
  // 1 + 4 + 5 + 4 + 498 bytes are 512.
  client.feeder.Feed(Bytes(Message{"alice", std::string(498, 'x')}));
  EXPECT_THAT(client.host.TakeCalls(), ElementsAre("Count not_logged_in"));
  EXPECT_EQ(client.feeder.Feed(Hex("03 00000005 \"alice\" 000001f3")), Next::kClose);
  EXPECT_THAT(client.host.calls, ElementsAre("Count frame_too_long"));
}

// ---- Messages ----

TEST(MessageTest, ABatchIsPublishedOneByOneFromTheInput) {
  const auto client = Client::LoggedIn();
  std::string batch;
  std::vector<std::string> calls;
  for (int i = 0; i < 100; ++i) {
    batch += Bytes(Message{"alice", absl::StrCat(i)});
    calls.push_back(absl::StrCat("Publish \"", i, "\""));
  }
  client->feeder.Feed(batch);
  EXPECT_EQ(client->host.calls, calls);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(MessageTest, StopsWhileThrottled) {
  const auto client = Client::LoggedIn();
  client->host.throttled_after = 2;
  const std::string one = Bytes(Message{"alice", "x"});
  client->feeder.Feed(one + one + one);
  EXPECT_EQ(client->host.TakeCalls().size(), 2u);
  EXPECT_EQ(client->feeder.rest(), one);
  EXPECT_EQ(client->feeder.next(), Next::kMore);
  client->feeder.Feed("");
  EXPECT_EQ(client->host.calls.size(), 1u);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(MessageTest, OfASpoofedSenderIsCountedAndGoesNowhere) {
  const auto client = Client::LoggedIn();
  for (const std::string& bytes :
       {Bytes(Message{"bob", "x"}), Bytes(Message{"", "x"}), Bytes(Message{"Alice", "x"}),
        Bytes(Message{"alice@1", "x"}), Bytes(MessagePrivate{"bob", "alice", "x"}),
        Bytes(RequestPrivate{"bob", "alice"}), Bytes(OkPrivate{"bob", "carol"}),
        Bytes(KoPrivate{"bob", "carol"}), Bytes(CloseConnection{7, "bob", "carol"})}) {
    client->feeder.Feed(bytes);
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count spoofed_sender"));
    EXPECT_EQ(client->host.TakeSent(), "");
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(MessageTest, ThatIsNotTextIsCountedAndGoesNowhere) {
  const auto client = Client::LoggedIn();
  for (absl::string_view body : {absl::string_view("a\0b", 3), absl::string_view("\xff"),
                                 absl::string_view("\xed\xa0\x80"), absl::string_view("\xc3")}) {
    client->feeder.Feed(Bytes(Message{"alice", body}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count not_text"));
    client->feeder.Feed(Bytes(MessagePrivate{"alice", "bob", body}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count not_text"));
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(MessageTest, ThatIsTooLongPassesByWithoutBeingKept) {
  const struct {
    std::string bytes;
    const char* count;
  } kCases[] = {
      {Bytes(Message{"alice", std::string(1025, 'x')}), "Count message_too_long"},
      // 1 + 4 + 5 + 4 + 65522 bytes are 64 KiB.
      {Bytes(Message{"alice", std::string(65522, 'x')}), "Count message_too_long"},
      {Bytes(MessagePrivate{"alice", "bob", std::string(1025, 'x')}), "Count message_too_long"},
      {Bytes(Message{std::string(42, 'a'), "x"}), "Count no_such_user"},
      {Bytes(MessagePrivate{"alice", std::string(60000, 'b'), "x"}), "Count no_such_user"},
      {Bytes(IdPrivate{std::string(42, 'a'), "bob", 7}), "Count unexpected"},
  };
  for (const auto& c : kCases) {
    for (size_t piece : {size_t{1}, size_t{7}, size_t{1000}, c.bytes.size()}) {
      const auto client = Client::LoggedIn();
      const std::string in = c.bytes + Bytes(Message{"alice", "next"});
      for (size_t at = 0; at < in.size(); at += piece) {
        client->feeder.Feed(in.substr(at, piece));
        // A whole packet that may be taken, less a byte, is the most that ever waits.
        EXPECT_LT(client->feeder.rest().size(), 1200u);
      }
      EXPECT_THAT(client->host.calls, ElementsAre(c.count, "Publish \"next\""));
      EXPECT_EQ(client->host.sent, "");
      EXPECT_EQ(client->feeder.rest(), "");
    }
  }
}

TEST(MessageTest, OverSixtyFourKibibytesCloses) {
  for (const char* hex :
       {"03 00000005 \"alice\" 0000fff3", "03 7fffffff", "03 0000fffc",
        "04 00000005 \"alice\" 00000003 \"bob\" 0000fff0", "00 0000fffc", "0c 0000fffc"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      const auto client = Client::LoggedIn();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_THAT(client->host.calls, ElementsAre("Count frame_too_long")) << hex;
      EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
    }
  }
}

TEST(MessageTest, ThatPassesByAndGrowsTooLongCloses) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Hex("04 00000005 \"alice\" 0000002a 62*42 00010000"));
  EXPECT_THAT(client->host.calls, ElementsAre("Count no_such_user", "Count frame_too_long"));
  EXPECT_EQ(client->feeder.next(), Next::kClose);

  const auto other = Client::LoggedIn();
  other->feeder.Feed(Hex("04 00000005 \"alice\" 0000002a 62*42 ffffffff"));
  EXPECT_THAT(other->host.calls, ElementsAre("Count no_such_user", "Count malformed"));
  EXPECT_EQ(other->feeder.next(), Next::kClose);
}

TEST(MessageTest, ToNobodyIsCounted) {
  const auto client = Client::LoggedIn();
  client->host.private_delivery = Delivery::kNoSuchUser;
  client->feeder.Feed(Bytes(MessagePrivate{"alice", "bob@7", "x"}));
  EXPECT_THAT(client->host.calls, ElementsAre("SendPrivate bob@7 \"x\"", "Count no_such_user"));
  EXPECT_EQ(client->host.sent, "");
}

// ---- Private connections ----

TEST(RequestTest, ToNobodyIsIgnored) {
  const auto client = Client::LoggedIn();
  client->host.ask_delivery = Delivery::kNoSuchUser;
  client->feeder.Feed(Bytes(RequestPrivate{"alice", "bob"}));
  EXPECT_THAT(client->host.calls, ElementsAre("Ask relay bob", "Count no_such_user"));
  EXPECT_EQ(client->host.sent, "");
}

TEST(RequestTest, ThatABoundForbidsIsRefused) {
  const auto client = Client::LoggedIn();
  client->host.ask_delivery = Delivery::kNotPossible;
  client->feeder.Feed(Bytes(RequestPrivate{"alice", "bob"}));
  EXPECT_EQ(client->host.sent, Bytes(KoPrivate{"alice", "bob"}));
}

TEST(AnswerTest, WithoutARequestIsIgnored) {
  for (Delivery none : {Delivery::kNotPossible, Delivery::kNoSuchUser}) {
    const auto client = Client::LoggedIn();
    client->host.answer_delivery = none;
    client->feeder.Feed(Bytes(OkPrivate{"bob", "alice"}) + Bytes(KoPrivate{"bob", "alice"}));
    EXPECT_THAT(client->host.calls, ElementsAre("AnswerRequest relay bob yes", "Count unexpected",
                                                "AnswerRequest relay bob no", "Count unexpected"));
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(TicketTest, ThatIsRefusedClosesWithNothingSent) {
  Client client;
  client.host.ticket = TicketResult::kRefused;
  EXPECT_EQ(client.feeder.Feed(Bytes(LoginPrivate{7})), Next::kClose);
  EXPECT_EQ(client.host.sent, "");
}

TEST(TicketTest, MayFollowARefusedLogin) {
  Client client;
  client.host.login = LoginResult::kTaken;
  EXPECT_EQ(client.feeder.Feed(Bytes(Login{"alice"}) + Bytes(LoginPrivate{7})), Next::kRelay);
  EXPECT_THAT(client.host.calls, ElementsAre("Login alice", "PresentTicket 7"));
}

TEST(TicketTest, LeavesWhatComesBehindToTheRelay) {
  for (LongBytes longs : {LongBytes::kFour, LongBytes::kEight}) {
    const std::string ticket = Bytes(LoginPrivate{7}, longs);
    for (const Segments& segments : EveryWay(ticket + "\xff early bytes", 5)) {
      Client client(longs);
      for (const std::string& segment : segments) client.feeder.Feed(segment);
      EXPECT_EQ(client.feeder.next(), Next::kRelay);
      EXPECT_EQ(client.feeder.rest(), "\xff early bytes");
      EXPECT_THAT(client.host.calls, ElementsAre("PresentTicket 7"));
      EXPECT_EQ(client.session.OnEvent(RelayEstablished{}), Next::kRelay);
      EXPECT_EQ(client.host.sent, Bytes(Established{}));
    }
  }
}

TEST(CloseTest, MayComeFromEitherPartyInEitherOrder) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(CloseConnection{7, "alice", "bob"}) +
                      Bytes(CloseConnection{8, "bob", "alice"}));
  EXPECT_THAT(client->host.calls, ElementsAre("CloseRelay 7 bob", "CloseRelay 8 bob"));
}

TEST(CloseTest, OfARelayThatIsNotTheirsIsCounted) {
  const auto client = Client::LoggedIn();
  client->host.close_delivery = Delivery::kNotPossible;
  client->feeder.Feed(Bytes(CloseConnection{7, "alice", "bob"}));
  EXPECT_THAT(client->host.calls, ElementsAre("CloseRelay 7 bob", "Count unexpected"));
  EXPECT_EQ(client->host.sent, "");
}

// ---- Events ----

TEST(EventTest, IsSaidAsTheDocumentSays) {
  const User alice("alice"), bob("bob", 7);
  const struct {
    Event event;
    std::string sent;
  } kCases[] = {
      {PrivateMessage{bob, alice, Owned("psst")}, Bytes(MessagePrivate{"bob@7", "alice", "psst"})},
      {Request{RequestKind::kRelay, bob, alice, {}}, Bytes(RequestPrivate{"bob@7", "alice"})},
      {Answer{RequestKind::kRelay, alice, bob, Verdict::kAccepted, 77},
       Bytes(IdPrivate{"alice", "bob@7", 77})},
      {Answer{RequestKind::kRelay, alice, bob, Verdict::kRefused, 0},
       Bytes(KoPrivate{"alice", "bob@7"})},
      {Answer{RequestKind::kRelay, alice, bob, Verdict::kAbsent, 0},
       Bytes(KoPrivate{"alice", "bob@7"})},
      {Answer{RequestKind::kRelay, alice, bob, Verdict::kFailed, 0},
       Bytes(KoPrivate{"alice", "bob@7"})},
      {RelayClosing{77, bob}, Bytes(AcceptCloseConnection{"bob@7"})},
      // What chaton has no packet for.
      {Request{RequestKind::kTalk, bob, alice, {}}, ""},
      {Request{RequestKind::kDirect, bob, alice, {}}, ""},
      {Answer{RequestKind::kTalk, alice, bob, Verdict::kAccepted, 1}, ""},
      {Answer{RequestKind::kDirect, alice, bob, Verdict::kRefused, 0}, ""},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->session.OnEvent(c.event), Next::kMore);
    EXPECT_EQ(client->host.sent, c.sent) << ToString(c.event);
  }
}

TEST(EventTest, IdsHaveTheBytesOfTheListener) {
  const Answer granted{RequestKind::kRelay, User("alice"), User("bob"), Verdict::kAccepted,
                       0x7fffffff};
  const auto eight = Client::LoggedIn(LongBytes::kEight);
  eight->session.OnEvent(granted);
  EXPECT_EQ(eight->host.sent, Hex("08 00000005 \"alice\" 00000003 \"bob\" 00000000 7fffffff"));
}

TEST(FarewellTest, HasNoWords) {
  const auto client = Client::LoggedIn();
  client->session.OnFarewell(Farewell::kShutdown);
  EXPECT_EQ(client->host.sent, "");
}

}  // namespace
}  // namespace chat::chaton
