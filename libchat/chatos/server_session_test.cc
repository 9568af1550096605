#include "libchat/chatos/server_session.h"

#include <limits>
#include <memory>
#include <random>
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
using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class P>
std::string Bytes(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  return bytes;
}

OwnedText Owned(absl::string_view bytes) { return OwnedText(*Text::From(bytes)); }

// What was sent, as lines.
std::vector<std::string> Lines(absl::string_view sent) {
  constexpr DecodeLimits kLimits = {.proposal = 30, .name = 41, .text = 1024, .frame = 65536};
  std::vector<std::string> lines;
  while (!sent.empty()) {
    const Decoded decoded = Decoder().Decode(sent, kLimits);
    if (decoded.status != Decoded::Status::kDone) {
      ADD_FAILURE() << "not a packet: " << chat::testing::ShowHex(sent);
      break;
    }
    lines.push_back(ToString(decoded.packet));
    sent.remove_prefix(decoded.size);
  }
  return lines;
}

// A session with its host, as a connection would drive it.
struct Client {
  explicit Client(SessionLimits limits = {})
      : session(limits, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // A client that is logged in as "alice".
  static std::unique_ptr<Client> LoggedIn() {
    auto client = std::make_unique<Client>();
    client->feeder.Feed(Bytes(Login{"alice"}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Login alice"));
    EXPECT_EQ(client->host.TakeSent(), Bytes(Ack{0}));
    return client;
  }

  // The same, with an unanswered request to bob.
  static std::unique_ptr<Client> Asking() {
    auto client = LoggedIn();
    client->feeder.Feed(Bytes(PrivateAsk{"bob"}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Ask talk bob"));
    EXPECT_EQ(client->host.TakeSent(), "");
    return client;
  }

  std::vector<std::string> Calls() { return host.TakeCalls(); }
  std::vector<std::string> Sent() { return Lines(host.TakeSent()); }

  FakeHost host;
  ServerSession session;
  Feeder feeder;
};

// ---- The table: each opcode in each state ----

struct Outcome {
  std::vector<std::string> calls;
  std::vector<std::string> sent;
};

struct Row {
  Packet packet;
  Outcome anonymous;
  Outcome logged_in;
  Outcome asking;
};

std::vector<Row> Table() {
  const Outcome log_in_first = {{"Count not_logged_in"},
                                {R"(ERROR code=6 message="log in first")"}};
  const Outcome twice = {{"Count unexpected"}, {R"(ERROR code=2 message="logged in already")"}};
  const Outcome servers_only = {{"Count unexpected"},
                                {R"(ERROR code=2 message="only servers send this opcode")"}};
  const Outcome said = {{"Publish \"hi\""}, {"ACK id=7"}};
  const Outcome acknowledged = {{"Acknowledge 7"}, {}};
  const Outcome answered = {{"AnswerRequest talk bob yes"}, {}};
  return {
      {Login{"alice"}, {{"Login alice"}, {"ACK id=0"}}, twice, twice},
      {Chat{7, "", "hi"}, log_in_first, said, said},
      {Ack{7}, log_in_first, acknowledged, acknowledged},
      {Error{4, "no"}, log_in_first, servers_only, servers_only},
      {PrivateAsk{"bob"},
       log_in_first,
       {{"Ask talk bob"}, {}},
       {{"Count unexpected"}, {R"(ERROR code=2 message="an earlier request is unanswered")"}}},
      {PrivateAcceptation{1, "bob"}, log_in_first, answered, answered},
  };
}

void ExpectOutcome(Client& client, const Segments& segments, const Outcome& outcome,
                   const Packet& packet) {
  for (const std::string& segment : segments) client.feeder.Feed(segment);
  EXPECT_EQ(client.Calls(), outcome.calls) << ToString(packet);
  EXPECT_EQ(client.Sent(), outcome.sent) << ToString(packet);
  EXPECT_EQ(client.feeder.next(), Next::kMore) << ToString(packet);
  EXPECT_EQ(client.feeder.rest(), "") << ToString(packet);
}

TEST(OpcodeTableTest, HasEachOpcodeOnce) {
  size_t opcode = 0;
  for (const Row& row : Table()) EXPECT_EQ(row.packet.index(), opcode++);
  EXPECT_EQ(opcode, kOpcodes);
}

TEST(OpcodeTableTest, EachOpcodeInEachStateHasItsOutcome) {
  for (const Row& row : Table()) {
    const std::string bytes = std::visit([](auto& p) { return Bytes(p); }, row.packet);
    for (const Segments& segments : EveryWay(bytes, 5)) {
      Client anonymous;
      ExpectOutcome(anonymous, segments, row.anonymous, row.packet);
      ExpectOutcome(*Client::LoggedIn(), segments, row.logged_in, row.packet);
      ExpectOutcome(*Client::Asking(), segments, row.asking, row.packet);
    }
  }
}

TEST(OpcodeTableTest, UnknownOpcodesCloseInEachState) {
  for (int opcode = kOpcodes; opcode <= 0xffff; opcode += opcode < 300 ? 1 : 997) {
    const char bytes[] = {static_cast<char>(opcode >> 8), static_cast<char>(opcode), 0};
    Client anonymous;
    const auto logged_in = Client::LoggedIn();
    for (Client* client : {&anonymous, logged_in.get()}) {
      EXPECT_EQ(client->feeder.Feed(std::string(bytes, 3)), Next::kClose) << opcode;
      EXPECT_THAT(client->Calls(), ElementsAre("Count unknown_opcode"));
      EXPECT_THAT(client->Sent(), ElementsAre(R"(ERROR code=2 message="unknown opcode")"));
    }
  }
}

// ---- Login ----

TEST(LoginTest, MayBeTriedAgainAfterARefusal) {
  const struct {
    LoginResult result;
    const char* sent;
  } kCases[] = {
      {LoginResult::kTaken, R"(ERROR code=5 message="nickname is taken")"},
      {LoginResult::kNotAName, R"(ERROR code=5 message="nickname is not allowed")"},
      {LoginResult::kReserved, R"(ERROR code=5 message="nickname belongs to an account")"},
      {LoginResult::kOverloaded, R"(ERROR code=5 message="no login now")"},
  };
  for (const auto& c : kCases) {
    Client client;
    client.host.login = c.result;
    client.feeder.Feed(Bytes(Login{"alice"}));
    EXPECT_THAT(client.Sent(), ElementsAre(c.sent));
    client.feeder.Feed(Bytes(Chat{1, "", "hi"}));
    EXPECT_THAT(client.Sent(), ElementsAre(R"(ERROR code=6 message="log in first")"));
    client.host.login = LoginResult::kAccepted;
    client.feeder.Feed(Bytes(Login{"alicia"}));
    EXPECT_THAT(client.Sent(), ElementsAre("ACK id=0"));
    EXPECT_THAT(client.Calls(), ElementsAre("Login alice", "Count not_logged_in", "Login alicia"));
  }
}

TEST(LoginTest, WithoutANameIsRefusedByTheRuleForNames) {
  Client client;
  client.host.login = LoginResult::kNotAName;
  client.feeder.Feed(Bytes(Login{""}));
  EXPECT_THAT(client.Calls(), ElementsAre("Login "));
  EXPECT_THAT(client.Sent(), ElementsAre(R"(ERROR code=5 message="nickname is not allowed")"));
}

TEST(LoginTest, OverThirtyBytesIsRefusedUpToTheFrameLimit) {
  // 2 + 509 + 1 bytes are 512.
  for (size_t size : {31u, 100u, 509u}) {
    for (size_t piece : {size_t{1}, size + 3}) {
      Client client;
      const std::string in = Bytes(Login{std::string(size, 'a')}) + Bytes(Login{"alice"});
      for (size_t at = 0; at < in.size(); at += piece) client.feeder.Feed(in.substr(at, piece));
      EXPECT_THAT(client.Calls(), ElementsAre("Count unexpected", "Login alice")) << size;
      EXPECT_THAT(client.Sent(),
                  ElementsAre(R"(ERROR code=5 message="nickname is over 30 bytes")", "ACK id=0"));
    }
  }
  Client client;
  EXPECT_EQ(client.feeder.Feed(Bytes(Login{std::string(510, 'a')})), Next::kClose);
  EXPECT_THAT(client.Calls(), ElementsAre("Count unexpected", "Count frame_too_long"));
}

TEST(LoginTest, ASecondOneIsRefusedHoweverLong) {
  for (size_t size : {5u, 31u, 510u, 60000u}) {
    const auto client = Client::LoggedIn();
    client->feeder.Feed(Bytes(Login{std::string(size, 'b')}) + Bytes(Chat{1, "", "still me"}));
    EXPECT_THAT(client->Calls(), ElementsAre("Count unexpected", "Publish \"still me\""));
    EXPECT_THAT(client->Sent(),
                ElementsAre(R"(ERROR code=2 message="logged in already")", "ACK id=1"));
  }
}

TEST(LoginTest, ComesBeforeAllElseHoweverLong) {
  Client client;
  // 2 + 8 + 1 + 500 + 1 bytes are 512.
  client.feeder.Feed(Bytes(Chat{1, "", std::string(500, 'x')}));
  EXPECT_EQ(client.feeder.next(), Next::kMore);
  EXPECT_THAT(client.Calls(), ElementsAre("Count not_logged_in"));
  EXPECT_THAT(client.Sent(), ElementsAre(R"(ERROR code=6 message="log in first")"));
  EXPECT_EQ(client.feeder.Feed(Bytes(Chat{1, "", std::string(501, 'x')})), Next::kClose);
  EXPECT_THAT(client.Calls(), ElementsAre("Count not_logged_in", "Count frame_too_long"));
  EXPECT_THAT(client.Sent(), ElementsAre(R"(ERROR code=6 message="log in first")"));
}

// ---- Messages ----

TEST(ChatTest, ABatchIsPublishedOneByOneFromTheInput) {
  const auto client = Client::LoggedIn();
  std::string batch;
  std::vector<std::string> calls, sent;
  for (int i = 1; i <= 100; ++i) {
    batch += Bytes(Chat{i, "", absl::StrCat(i)});
    calls.push_back(absl::StrCat("Publish \"", i, "\""));
    sent.push_back(absl::StrCat("ACK id=", i));
  }
  client->feeder.Feed(batch);
  EXPECT_EQ(client->Calls(), calls);
  EXPECT_EQ(client->Sent(), sent);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(ChatTest, StopsWhileThrottled) {
  const auto client = Client::LoggedIn();
  client->host.throttled_after = 2;
  const std::string third = Bytes(Chat{3, "", "x"});
  client->feeder.Feed(Bytes(Chat{1, "", "x"}) + Bytes(Chat{2, "", "x"}) + third);
  EXPECT_EQ(client->Calls().size(), 2u);
  EXPECT_EQ(client->feeder.rest(), third);
  EXPECT_EQ(client->feeder.next(), Next::kMore);
  client->feeder.Feed("");
  EXPECT_EQ(client->Calls().size(), 1u);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(ChatTest, AnEmptyMessageIsAMessage) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(Chat{1, "", ""}) + Bytes(Chat{2, "bob", ""}));
  EXPECT_THAT(client->Calls(), ElementsAre("Publish \"\"", "SendPrivate bob \"\""));
  EXPECT_THAT(client->Sent(), ElementsAre("ACK id=1", "ACK id=2"));
}

TEST(ChatTest, AnErrorOfDeliveryIsFollowedByTheAck) {
  const struct {
    Delivery delivery;
    std::vector<std::string> calls;
    std::string error;
  } kCases[] = {
      {Delivery::kNoSuchUser,
       {"SendPrivate bob@7 \"x\"", "Count no_such_user"},
       R"(ERROR code=3 message="nickname is of nobody here")"},
      {Delivery::kNoConsent,
       {"SendPrivate bob@7 \"x\""},
       R"(ERROR code=4 message="nickname has not accepted a private connection")"},
      {Delivery::kNotPossible,
       {"SendPrivate bob@7 \"x\""},
       R"(ERROR code=3 message="nickname cannot be sent this now")"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    client->host.private_delivery = c.delivery;
    client->feeder.Feed(Bytes(Chat{7, "bob@7", "x"}));
    EXPECT_EQ(client->Calls(), c.calls);
    EXPECT_THAT(client->Sent(), ElementsAre(c.error, "ACK id=7"));
    // It is not remembered: once there is consent, it can be sent again.
    client->host.private_delivery = Delivery::kSent;
    client->feeder.Feed(Bytes(Chat{7, "bob@7", "x"}));
    EXPECT_THAT(client->Calls(), ElementsAre("SendPrivate bob@7 \"x\""));
    EXPECT_THAT(client->Sent(), ElementsAre("ACK id=7"));
  }
}

TEST(ChatTest, ThatIsNotAsciiIsNotAcknowledged) {
  const struct {
    Packet packet;
    const char* field;
  } kCases[] = {
      {Login{"h\xc3\xa9ros"}, "nickname"},        {Chat{1, "", "\xff"}, "message"},
      {Chat{1, "bob", "caf\xc3\xa9"}, "message"}, {Chat{1, "b\x80", "x"}, "nickname"},
      {PrivateAsk{"\xc3\xa9"}, "nickname"},       {PrivateAcceptation{1, "\xe9"}, "nickname"},
  };
  for (const auto& c : kCases) {
    const auto client = c.packet.index() == 0 ? std::make_unique<Client>() : Client::LoggedIn();
    client->feeder.Feed(std::visit([](auto& p) { return Bytes(p); }, c.packet));
    EXPECT_THAT(client->Calls(), ElementsAre("Count not_text")) << ToString(c.packet);
    EXPECT_THAT(client->Sent(),
                ElementsAre(absl::StrCat("ERROR code=2 message=\"", c.field, " is not ASCII\"")));
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
}

TEST(ChatTest, AResentIdIsAcknowledgedAndNotDelivered) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(Chat{7, "", "one"}) + Bytes(Chat{7, "", "one"}) +
                      Bytes(Chat{7, "bob", "another"}));
  EXPECT_THAT(client->Calls(),
              ElementsAre("Publish \"one\"", "Count unexpected", "Count unexpected"));
  EXPECT_THAT(client->Sent(), ElementsAre("ACK id=7", "ACK id=7", "ACK id=7"));
}

TEST(ChatTest, IdsMayBeWild) {
  const auto client = Client::LoggedIn();
  const int64_t lowest = std::numeric_limits<int64_t>::min();
  const int64_t highest = std::numeric_limits<int64_t>::max();
  for (int64_t id : {lowest, int64_t{-5}, int64_t{0}, highest, highest - 1024}) {
    client->feeder.Feed(Bytes(Chat{id, "", "x"}));
    EXPECT_THAT(client->Calls(), ElementsAre("Publish \"x\"")) << id;
    EXPECT_THAT(client->Sent(), ElementsAre(absl::StrCat("ACK id=", id)));
  }
  client->feeder.Feed(Bytes(Chat{highest - 1025, "", "x"}));  // below the window
  EXPECT_THAT(client->Calls(), ElementsAre("Count unexpected"));
  EXPECT_THAT(client->Sent(), ElementsAre(absl::StrCat("ACK id=", highest - 1025)));
}

TEST(ChatTest, ThatIsTooLongPassesByWithoutBeingKept) {
  const std::string too_long = R"(ERROR code=7 message="message is over 1024 bytes")";
  const std::string nobody = R"(ERROR code=3 message="nickname is over 41 bytes")";
  const std::string no_request = R"(ERROR code=2 message="nickname is over 41 bytes")";
  const std::string servers_only = R"(ERROR code=2 message="only servers send this opcode")";
  const struct {
    std::string bytes;
    const char* count;
    std::vector<std::string> sent;
  } kCases[] = {
      {Bytes(Chat{7, "", std::string(1025, 'x')}), "Count message_too_long", {too_long}},
      // 2 + 8 + 1 + 65524 + 1 bytes are 64 KiB.
      {Bytes(Chat{7, "", std::string(65524, 'x')}), "Count message_too_long", {too_long}},
      {Bytes(Chat{7, "bob", std::string(1025, '\xff')}), "Count message_too_long", {too_long}},
      {Bytes(Chat{7, std::string(42, 'b'), "x"}), "Count no_such_user", {nobody, "ACK id=7"}},
      {Bytes(Chat{7, std::string(42, 'b'), std::string(60000, 'x')}),
       "Count no_such_user",
       {nobody, "ACK id=7"}},
      {Bytes(PrivateAsk{std::string(60000, 'b')}), "Count no_such_user", {nobody}},
      {Bytes(PrivateAcceptation{1, std::string(42, 'b')}), "Count unexpected", {no_request}},
      {Bytes(Error{1, std::string(1025, 'x')}), "Count unexpected", {servers_only}},
  };
  for (const auto& c : kCases) {
    for (size_t piece : {size_t{1}, size_t{7}, size_t{1000}, c.bytes.size() + 20}) {
      const auto client = Client::LoggedIn();
      const std::string in = c.bytes + Bytes(Chat{8, "", "next"});
      for (size_t at = 0; at < in.size(); at += piece) {
        client->feeder.Feed(in.substr(at, piece));
        // A whole packet that may be taken, less a byte, is the most that ever waits.
        EXPECT_LT(client->feeder.rest().size(), 1077u);
      }
      EXPECT_THAT(client->Calls(), ElementsAre(c.count, "Publish \"next\""));
      std::vector<std::string> sent = c.sent;
      sent.push_back("ACK id=8");
      EXPECT_EQ(client->Sent(), sent);
      EXPECT_EQ(client->feeder.rest(), "");
    }
  }
}

TEST(ChatTest, OverSixtyFourKibibytesCloses) {
  const struct {
    std::string bytes;
    const char* count;
    std::vector<std::string> sent;
  } kCases[] = {
      {Bytes(Chat{7, "", std::string(65525, 'x')}),
       "Count message_too_long",
       {R"(ERROR code=7 message="message is over 1024 bytes")"}},
      {Hex("0001 0000000000000007 61*70000"),
       "Count no_such_user",
       {R"(ERROR code=3 message="nickname is over 41 bytes")"}},
      {Hex("0000 61*70000"), "Count unexpected", {R"(ERROR code=2 message="logged in already")"}},
  };
  for (const auto& c : kCases) {
    for (size_t piece : {size_t{1}, c.bytes.size()}) {
      const auto client = Client::LoggedIn();
      for (size_t at = 0; at < c.bytes.size(); at += piece) {
        client->feeder.Feed(c.bytes.substr(at, piece));
      }
      EXPECT_THAT(client->Calls(), ElementsAre(c.count, "Count frame_too_long"));
      EXPECT_EQ(client->Sent(), c.sent);
      EXPECT_EQ(client->feeder.next(), Next::kClose);
    }
  }
}

TEST(ChatTest, FramesMayBeBoundedBelowTheLimitsOfTheirFields) {
  Client client({.frame_before_login = 16, .frame = 100});
  client.feeder.Feed(Bytes(Login{"alice"}));
  EXPECT_THAT(client.Sent(), ElementsAre("ACK id=0"));
  EXPECT_EQ(client.feeder.Feed(Bytes(Chat{1, "", std::string(89, 'x')})), Next::kClose);
  EXPECT_THAT(client.Calls(), ElementsAre("Login alice", "Count frame_too_long"));
  EXPECT_THAT(client.Sent(), ElementsAre(R"(ERROR code=7 message="packet is over 100 bytes")"));
}

TEST(AckTest, OfAnyNumberIsNoError) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(Ack{std::numeric_limits<int64_t>::max()}) + Bytes(Ack{-1}));
  EXPECT_THAT(client->Calls(), ElementsAre("Acknowledge 9223372036854775807", "Acknowledge -1"));
  EXPECT_THAT(client->Sent(), IsEmpty());
}

// ---- Requests ----

TEST(AskTest, ThatEndsAtOnceLeavesRoomForAnother) {
  const struct {
    Delivery delivery;
    std::vector<std::string> calls;
    const char* sent;
  } kCases[] = {
      {Delivery::kNoSuchUser,
       {"Ask talk bob", "Count no_such_user"},
       R"(ERROR code=3 message="nickname is of nobody here")"},
      {Delivery::kNotPossible, {"Ask talk bob"}, R"(PRIVATE_ACCEPTATION yes=0 nickname="alice")"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    client->host.ask_delivery = c.delivery;
    client->feeder.Feed(Bytes(PrivateAsk{"bob"}));
    EXPECT_EQ(client->Calls(), c.calls);
    EXPECT_THAT(client->Sent(), ElementsAre(c.sent));
    client->host.ask_delivery = Delivery::kSent;
    client->feeder.Feed(Bytes(PrivateAsk{"carol"}));
    EXPECT_THAT(client->Calls(), ElementsAre("Ask talk carol"));
    EXPECT_THAT(client->Sent(), IsEmpty());
  }
}

TEST(AskTest, EndsWithItsAnswer) {
  const User alice("alice"), bob("bob");
  const struct {
    Verdict verdict;
    const char* sent;
  } kCases[] = {
      {Verdict::kAccepted, R"(PRIVATE_ACCEPTATION yes=1 nickname="alice")"},
      {Verdict::kRefused, R"(PRIVATE_ACCEPTATION yes=0 nickname="alice")"},
      {Verdict::kAbsent, R"(PRIVATE_ACCEPTATION yes=0 nickname="alice")"},
      {Verdict::kFailed, R"(PRIVATE_ACCEPTATION yes=0 nickname="alice")"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::Asking();
    // Neither another kind of request nor somebody else's ends it.
    client->session.OnEvent(chat::Answer{RequestKind::kRelay, alice, bob, c.verdict, 1});
    client->session.OnEvent(chat::Answer{RequestKind::kTalk, bob, alice, c.verdict, 1});
    EXPECT_THAT(client->Sent(), IsEmpty());
    client->session.OnEvent(chat::Answer{RequestKind::kTalk, alice, bob, c.verdict, 1});
    EXPECT_THAT(client->Sent(), ElementsAre(c.sent));
    client->session.OnEvent(chat::Answer{RequestKind::kTalk, alice, bob, c.verdict, 1});
    EXPECT_THAT(client->Sent(), IsEmpty());
    client->feeder.Feed(Bytes(PrivateAsk{"carol"}));
    EXPECT_THAT(client->Calls(), ElementsAre("Ask talk carol"));
  }
}

TEST(AnswerTest, WithoutARequestIsAnError) {
  for (Delivery none : {Delivery::kNotPossible, Delivery::kNoSuchUser}) {
    const auto client = Client::LoggedIn();
    client->host.answer_delivery = none;
    client->feeder.Feed(Bytes(PrivateAcceptation{0, "bob@7"}));
    EXPECT_THAT(client->Calls(), ElementsAre("AnswerRequest talk bob@7 no", "Count unexpected"));
    EXPECT_THAT(client->Sent(),
                ElementsAre(R"(ERROR code=2 message="nickname has no open request")"));
  }
}

TEST(AnswerTest, IsYesOrNo) {
  for (uint8_t yes : {2, 128, 255}) {
    const auto client = Client::LoggedIn();
    client->feeder.Feed(Bytes(PrivateAcceptation{yes, "bob"}));
    EXPECT_THAT(client->Calls(), ElementsAre("Count malformed"));
    EXPECT_THAT(client->Sent(), ElementsAre(R"(ERROR code=2 message="yes is neither 0 nor 1")"));
  }
}

TEST(RequestTest, WithoutANameMissesData) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(PrivateAsk{""}) + Bytes(PrivateAcceptation{1, ""}));
  EXPECT_THAT(client->Calls(), ElementsAre("Count malformed", "Count malformed"));
  const std::string missing = R"(ERROR code=1 message="nickname is missing")";
  EXPECT_THAT(client->Sent(), ElementsAre(missing, missing));
}

// ---- Events ----

TEST(EventTest, IsSaidAsTheDocumentSays) {
  const User alice("alice"), bob("bob", 7), hero("h\u00E9ros");
  const struct {
    Event event;
    std::vector<std::string> sent;
  } kCases[] = {
      {PrivateMessage{bob, alice, Owned("psst"), 12, 3},
       {R"(CHAT id=12 nickname="bob@7" message="psst")"}},
      {PrivateMessage{hero, alice, Owned("\u5C71\na"), 13},
       {R"(CHAT id=13 nickname="h?ros" message="?\na")"}},
      {Request{RequestKind::kTalk, hero, alice, Owned("why")}, {R"(PRIVATE_ASK nickname="h?ros")"}},
      {Undelivered{User("", 7), alice},
       {R"(ERROR code=3 message="nickname is of nobody on server 7")"}},
      // What chatos has no packet for.
      {Request{RequestKind::kRelay, bob, alice, {}}, {}},
      {Request{RequestKind::kDirect, bob, alice, {}}, {}},
      {chat::Answer{RequestKind::kTalk, alice, bob, Verdict::kAccepted, 1}, {}},
      {TalkClosed{3, bob}, {}},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->session.OnEvent(c.event), Next::kMore);
    EXPECT_EQ(client->Sent(), c.sent) << ToString(c.event);
  }
}

// Whatever it says, an event is one packet, and its text is all in there.
TEST(EventTest, IsOnePacketWhateverItSays) {
  const std::vector<std::string> parts = {
      "a",  "\n", "\r\n", "\x01", "\x02", "\x7f", " ",      "alice",      "\u00E9",
      "@7", "\"", "\\",   "\t",   "?",    "\x05", "\u5C71", "\U0001F98A", "\u202E"};
  std::mt19937 random(3);
  const auto random_text = [&](size_t max_bytes) {
    std::string text;
    while (random() % 40 != 0) {
      const std::string& part = parts[random() % parts.size()];
      if (text.size() + part.size() <= max_bytes) text += part;
    }
    return text;
  };
  for (int i = 0; i < 2000; ++i) {
    const auto client = Client::LoggedIn();
    const User from(random_text(kMaxNameBytes), static_cast<int32_t>(random() % 2 * random() / 2));
    const std::string body = random_text(kMaxMessageBytes);
    const auto number = static_cast<int64_t>(random());
    const std::string name = ToAscii(Display(from)), message = ToAscii(body);
    client->session.OnEvent(PrivateMessage{from, User("alice"), Owned(body), number});
    ASSERT_EQ(client->Sent(), std::vector{ToString(Chat{number, name, message})});
    client->session.OnEvent(Request{RequestKind::kTalk, from, User("alice"), Owned(body)});
    ASSERT_EQ(client->Sent(), std::vector{ToString(PrivateAsk{name})});
  }
}

TEST(FarewellTest, SaysWhy) {
  const struct {
    Farewell reason;
    const char* sent;
  } kCases[] = {
      {Farewell::kSlowConsumer,
       R"(ERROR code=8 message="messages come faster than they are read")"},
      {Farewell::kLoginTimeout, R"(ERROR code=6 message="no login in time")"},
      {Farewell::kKicked, R"(ERROR code=6 message="an operator has ended this login")"},
      {Farewell::kOverloaded, R"(ERROR code=8 message="too many connections")"},
      {Farewell::kReplaced, R"(ERROR code=5 message="nickname has logged in elsewhere")"},
      {Farewell::kShutdown, R"(ERROR code=9 message="server is shutting down")"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    client->session.OnFarewell(c.reason);
    EXPECT_THAT(client->Sent(), ElementsAre(c.sent));
    EXPECT_THAT(client->Calls(), IsEmpty());
  }
}

TEST(TooFastTest, IsErrorEight) {
  const auto client = Client::LoggedIn();
  client->session.OnTooFast();
  EXPECT_THAT(client->Sent(),
              ElementsAre(R"(ERROR code=8 message="too fast: over messages_per_second")"));
  client->feeder.Feed(Bytes(Chat{1, "", "on it goes"}));
  EXPECT_THAT(client->Sent(), ElementsAre("ACK id=1"));
}

}  // namespace
}  // namespace chat::chatos
