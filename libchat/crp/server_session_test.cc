#include "libchat/crp/server_session.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/crp/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::crp {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

OwnedText Owned(absl::string_view bytes) { return OwnedText(*Text::From(bytes)); }

// Messages that the tests use again and again.
std::string Reg(absl::string_view name, absl::string_view password = "secret1") {
  return Encode({.command = Command::kReg, .user_id = name, .password = password});
}
std::string Sign(absl::string_view name = "alice", absl::string_view password = "secret1") {
  return Encode({.command = Command::kSign, .user_id = name, .password = password});
}
std::string Invt(absl::string_view from, absl::string_view to) {
  return Encode({.command = Command::kInvt, .source_user = from, .target_user = to});
}
std::string Rsp(absl::string_view asker, absl::string_view target, absl::string_view status) {
  return Encode(
      {.command = Command::kRsp, .source_user = asker, .target_user = target, .status = status});
}
std::string Txt(absl::string_view from, absl::string_view to, const std::string& body,
                absl::string_view session_id = "S00042") {
  return Encode({.command = Command::kTxt,
                 .session_id = session_id,
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
std::string Quit(absl::string_view name) {
  return Encode({.command = Command::kQuit, .user_id = name, .password = "secret1"});
}
std::string Ended(Command command, absl::string_view status, absl::string_view name = "alice") {
  return Encode({.command = command, .status = status, .user_id = name});
}

// A session with its host, as a connection would drive it.
struct Client {
  explicit Client(Compat compat = Compat::kDocument, SessionLimits limits = {})
      : session(compat, limits, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // A client that is signed in as "alice".
  static std::unique_ptr<Client> SignedIn(Compat compat = Compat::kDocument) {
    auto client = std::make_unique<Client>(compat);
    client->feeder.Feed(Sign());
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Authenticate alice \"secret1\" takeover"));
    EXPECT_EQ(client->Hear(Authenticated{LoginResult::kAccepted}), Next::kMore);
    EXPECT_EQ(client->host.TakeSent(), Ended(Command::kSign, kSuccessful));
    return client;
  }

  // The event that the session waits for, and then what has come meanwhile.
  Next Hear(const Event& event) {
    const Next next = session.OnEvent(event);
    return next == Next::kMore ? feeder.Resume() : next;
  }

  FakeHost host;
  ServerSession session;
  Feeder feeder;
};

// ---- The table: each start-line in each state ----

struct Outcome {
  std::vector<std::string> calls;
  std::string sent;
  Next next = Next::kMore;
};

struct Row {
  std::string bytes;
  Outcome anonymous;
  Outcome signed_in;
};

std::vector<Row> Table() {
  const Outcome not_logged_in = {{"Count not_logged_in"}, ""};
  const Outcome registers = {{"Register alice \"secret1\""}, "", Next::kPause};
  return {
      {Reg("alice"), registers, registers},
      {Sign(),
       {{"Authenticate alice \"secret1\" takeover"}, "", Next::kPause},
       {{"Count unexpected"}, Ended(Command::kSign, kFailed)}},
      {Invt("alice", "bobby"), not_logged_in, {{"Ask talk bobby"}, ""}},
      {Rsp("bobby", "alice", kAccepted), not_logged_in, {{"AnswerRequest talk bobby yes"}, ""}},
      {Txt("alice", "bobby", "hi"), not_logged_in, {{"SendInTalk 42 bobby \"hi\""}, ""}},
      {Close("alice", "bobby"), not_logged_in, {{"CloseTalk 42 bobby"}, ""}},
      {Quit("alice"), {{}, "", Next::kClose}, {{}, "", Next::kClose}},
  };
}

void ExpectOutcome(const Client& client, const Outcome& outcome, const std::string& bytes) {
  EXPECT_EQ(client.host.calls, outcome.calls) << bytes;
  EXPECT_EQ(client.host.sent, outcome.sent) << bytes;
  EXPECT_EQ(client.feeder.next(), outcome.next) << bytes;
}

TEST(CommandTableTest, HasEachCommandOnce) {
  const std::vector<Row> table = Table();
  ASSERT_EQ(table.size(), kCommands);
  for (size_t i = 0; i < kCommands; ++i) {
    const absl::string_view line = NameOf(static_cast<Command>(i));
    EXPECT_EQ(table[i].bytes.substr(0, line.size() + 2), absl::StrCat(line, "\r\n"));
  }
}

TEST(CommandTableTest, EachCommandInEachStateHasItsOutcome) {
  for (const Row& row : Table()) {
    for (const Segments& segments : EveryWay(row.bytes, 5)) {
      Client anonymous;
      for (const std::string& segment : segments) anonymous.feeder.Feed(segment);
      ExpectOutcome(anonymous, row.anonymous, row.bytes);

      const auto signed_in = Client::SignedIn();
      for (const std::string& segment : segments) signed_in->feeder.Feed(segment);
      ExpectOutcome(*signed_in, row.signed_in, row.bytes);
    }
  }
}

TEST(CommandTableTest, OthersAreDroppedInEachState) {
  const auto signed_in = Client::SignedIn();
  Client anonymous;
  for (Client* client : {&anonymous, signed_in.get()}) {
    for (const char* line : {"", "HELP", "reg", "REG ", "TXT TXT", "\xff"}) {
      client->feeder.Feed(absl::StrCat(line, "\r\nUserID=alice\r\n\r\nTXT\r\n"));
      EXPECT_EQ(client->feeder.Feed(Hex("00 0d0a")), Next::kMore) << line;
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count unknown_opcode")) << line;
    }
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(CommandTableTest, WhatIsNoMessageClosesInEachState) {
  const struct {
    const char* hex;
    const char* count;
  } kCases[] = {
      {R"("GET / HTTP/1.1" 0d0a "Host: here" 0d0a)", "Count malformed"},
      {R"("TXT" 0d0a "UserID=a" 0d0a "USERID=a" 0d0a)", "Count malformed"},
      {R"("REG" 0d0a 00)", "Count malformed"},
      {R"("REG" 0d0a "UserID=a" 00 0d0a)", "Count malformed"},
      {R"("TXT" 0d0a 0d0a "\n"*48)", "Count frame_too_long"},
      {R"("TXT" 0d0a 0d0a "x"*16400)", "Count frame_too_long"},
  };
  for (const auto& c : kCases) {
    const std::string bytes = Hex(c.hex);
    for (const Segments& segments : {Segments{bytes}, chat::testing::ByteByByte(bytes)}) {
      const auto signed_in = Client::SignedIn();
      Client anonymous;
      for (Client* client : {&anonymous, signed_in.get()}) {
        for (const std::string& segment : segments) client->feeder.Feed(segment);
        EXPECT_EQ(client->feeder.next(), Next::kClose) << c.hex;
        EXPECT_THAT(client->host.calls, ElementsAre(c.count)) << c.hex;
        EXPECT_EQ(client->host.sent, "") << c.hex;
      }
    }
  }
}

TEST(LimitTest, ThereIsLittleRoomBeforeSigningIn) {
  // 4 + 2 + 9 + 1 bytes, the line end, the empty line and the NUL.
  const auto message = [](size_t size) {
    return absl::StrCat("SIGN\r\nPassword=", std::string(size - 20, 'x'), "\r\n\r\n",
                        absl::string_view("\0", 1));
  };
  ASSERT_EQ(message(512).size(), 512u);
  Client client;
  EXPECT_EQ(client.feeder.Feed(message(512)), Next::kPause);
  Client other;
  EXPECT_EQ(other.feeder.Feed(message(513)), Next::kClose);
  EXPECT_THAT(other.host.calls, ElementsAre("Count frame_too_long"));

  const auto signed_in = Client::SignedIn();
  EXPECT_EQ(signed_in->feeder.Feed(message(kMaxMessageSize)), Next::kMore);
  EXPECT_THAT(signed_in->host.TakeCalls(), ElementsAre("Count unexpected"));
  for (size_t size : {kMaxMessageSize + 1, size_t{64 * 1024}}) {
    EXPECT_EQ(signed_in->feeder.Feed(message(size)), Next::kMore);
    EXPECT_THAT(signed_in->host.TakeCalls(), ElementsAre("Count message_too_long")) << size;
  }
  EXPECT_EQ(signed_in->feeder.Feed(message(64 * 1024 + 1)), Next::kClose);
  EXPECT_THAT(signed_in->host.calls, ElementsAre("Count frame_too_long"));
}

TEST(LimitTest, MoreLinesPassByInEitherState) {
  const std::string lines = Hex(R"("TXT" 0a 0a "x\n"*60 00)");
  Client fresh;
  const auto signed_in = Client::SignedIn();
  for (Client* client : {&fresh, signed_in.get()}) {
    for (const Segments& segments : EveryWay(lines, 5)) {
      for (const std::string& segment : segments) {
        EXPECT_EQ(client->feeder.Feed(segment), Next::kMore);
      }
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count message_too_long"));
      EXPECT_EQ(client->feeder.rest(), "");
    }
    EXPECT_EQ(client->host.sent, "");
  }
  signed_in->feeder.Feed(Invt("alice", "bobby"));
  EXPECT_THAT(signed_in->host.calls, ElementsAre("Ask talk bobby"));
}

TEST(LimitTest, ASmallerOneOfTheServerHolds) {
  Client client(Compat::kDocument, {.frame_before_login = 100, .frame = 200});
  client.feeder.Feed(Sign());
  client.Hear(Authenticated{LoginResult::kAccepted});
  client.host.TakeCalls();
  EXPECT_EQ(client.feeder.Feed(Txt("alice", "bobby", std::string(100, 'x'))), Next::kMore);
  EXPECT_EQ(client.feeder.Feed(Txt("alice", "bobby", std::string(200, 'x'))), Next::kClose);
  Client anonymous(Compat::kDocument, {.frame_before_login = 100, .frame = 200});
  EXPECT_EQ(anonymous.feeder.Feed(Sign(std::string(100, 'a'))), Next::kClose);
}

// ---- REG ----

TEST(RegTest, IsAnsweredWhenTheAccountIsMadeOrNot) {
  for (bool successful : {true, false}) {
    Client client;
    EXPECT_EQ(client.feeder.Feed(Reg("alice")), Next::kPause);
    EXPECT_EQ(client.host.sent, "");
    EXPECT_EQ(client.Hear(Registered{successful}), Next::kMore);
    EXPECT_EQ(client.host.sent, Ended(Command::kReg, successful ? kSuccessful : kFailed));
  }
}

TEST(RegTest, OfANameOrPasswordAgainstTheRulesFailsAtOnce) {
  const auto signed_in = Client::SignedIn();
  Client anonymous;
  for (Client* client : {&anonymous, signed_in.get()}) {
    for (const char* name : {"", "alic", "alice123456", "1alice", "ali_ce"}) {
      EXPECT_EQ(client->feeder.Feed(Reg(name)), Next::kMore);
      EXPECT_EQ(client->host.TakeSent(), Ended(Command::kReg, kFailed, name));
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count malformed"));
    }
    for (const char* password : {"", "secre", "secret12345678", "sec ret"}) {
      EXPECT_EQ(client->feeder.Feed(Reg("bobby", password)), Next::kMore);
      EXPECT_EQ(client->host.TakeSent(), Ended(Command::kReg, kFailed, "bobby"));
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count malformed"));
    }
    client->feeder.Feed(Hex(R"("REG" 0a 0a 00)"));
    EXPECT_EQ(client->host.TakeSent(), Ended(Command::kReg, kFailed, ""));
    // Nobody's name is that long: it is not repeated.
    client->feeder.Feed(Reg(std::string(42, 'a')));
    EXPECT_EQ(client->host.TakeSent(), Ended(Command::kReg, kFailed, ""));
    client->host.TakeCalls();
  }
}

TEST(RegTest, DoesNotSignIn) {
  Client client;
  client.feeder.Feed(Reg("alice"));
  client.Hear(Registered{true});
  client.host.TakeCalls();
  client.feeder.Feed(Invt("alice", "bobby"));
  EXPECT_THAT(client.host.calls, ElementsAre("Count not_logged_in"));
}

TEST(RegTest, WhatComesBehindWaits) {
  for (const Segments& segments : EveryWay(Reg("alice") + Sign(), 5)) {
    Client client;
    for (const std::string& segment : segments) client.feeder.Feed(segment);
    EXPECT_THAT(client.host.TakeCalls(), ElementsAre("Register alice \"secret1\""));
    EXPECT_EQ(client.Hear(Registered{true}), Next::kPause);
    EXPECT_THAT(client.host.TakeCalls(), ElementsAre("Authenticate alice \"secret1\" takeover"));
    EXPECT_EQ(client.Hear(Authenticated{LoginResult::kAccepted}), Next::kMore);
    EXPECT_EQ(client.feeder.rest(), "");
    EXPECT_EQ(client.host.sent,
              Ended(Command::kReg, kSuccessful) + Ended(Command::kSign, kSuccessful));
  }
}

TEST(RegTest, OtherEventsDoNotEndThePause) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Reg("carol") + Txt("alice", "bobby", "hi"));
  EXPECT_EQ(client->session.OnEvent(TalkClosed{42, User("bobby")}), Next::kPause);
  client->host.TakeSent();
  client->host.TakeCalls();
  EXPECT_EQ(client->Hear(Registered{true}), Next::kMore);
  EXPECT_EQ(client->host.sent, Ended(Command::kReg, kSuccessful, "carol"));
  EXPECT_THAT(client->host.calls, ElementsAre("SendInTalk 42 bobby \"hi\""));
}

// ---- SIGN ----

struct SignCase {
  LoginResult result;
  std::string sent;
  Next document;
  Next author;
};

std::vector<SignCase> SignCases() {
  const std::string failed = Ended(Command::kSign, kFailed);
  const std::string not_exist = Ended(Command::kSign, kNotExist);
  return {
      {LoginResult::kAccepted, Ended(Command::kSign, kSuccessful), Next::kMore, Next::kMore},
      {LoginResult::kNoAccount, not_exist, Next::kMore, Next::kMore},
      {LoginResult::kNotAName, not_exist, Next::kMore, Next::kMore},
      {LoginResult::kWrongPassword, failed, Next::kClose, Next::kMore},
      {LoginResult::kTaken, failed, Next::kClose, Next::kMore},
      {LoginResult::kAlreadyIn, failed, Next::kClose, Next::kMore},
      {LoginResult::kReserved, failed, Next::kClose, Next::kMore},
      // Never "wrong password".
      {LoginResult::kOverloaded, "", Next::kClose, Next::kClose},
  };
}

TEST(SignTest, IsAnsweredAsItEnds) {
  for (const SignCase& c : SignCases()) {
    Client document;
    document.feeder.Feed(Sign());
    EXPECT_EQ(document.Hear(Authenticated{c.result}), c.document) << ToString(c.result);
    EXPECT_EQ(document.host.sent, c.sent) << ToString(c.result);

    Client author(Compat::kAuthor);
    author.feeder.Feed(Sign());
    EXPECT_EQ(author.Hear(Authenticated{c.result}), c.author) << ToString(c.result);
    // It does not tell a name that nobody has from a wrong password.
    const bool not_exist = c.sent == Ended(Command::kSign, kNotExist);
    EXPECT_EQ(author.host.sent, not_exist ? Ended(Command::kSign, kFailed) : c.sent)
        << ToString(c.result);
  }
}

TEST(SignTest, ThatIsRefusedMayBeTriedAgainWhereTheConnectionStays) {
  Client client;
  client.feeder.Feed(Sign("nobody") + Invt("nobody", "bobby") + Sign());
  EXPECT_EQ(client.Hear(Authenticated{LoginResult::kNoAccount}), Next::kPause);
  EXPECT_EQ(client.Hear(Authenticated{LoginResult::kAccepted}), Next::kMore);
  client.feeder.Feed(Invt("alice", "bobby"));
  EXPECT_THAT(client.host.calls,
              ElementsAre("Authenticate nobody \"secret1\" takeover", "Count not_logged_in",
                          "Authenticate alice \"secret1\" takeover", "Ask talk bobby"));
}

TEST(SignTest, TakesNamesAndPasswordsThatAreNotRegistersOwn) {
  // An account may have been made by an administrator.
  Client client;
  client.feeder.Feed(Sign("\u00e9lo\u00efse", "p\u00e4ss=word with spaces"));
  EXPECT_THAT(client.host.calls, ElementsAre("Authenticate \\xc3\\xa9lo\\xc3\\xafse "
                                             "\"p\\xc3\\xa4ss=word with spaces\" takeover"));
}

TEST(SignTest, WithoutHeadersIsOfNobody) {
  Client client;
  client.feeder.Feed(Hex(R"("SIGN" 0a 0a 00)"));
  EXPECT_THAT(client.host.calls, ElementsAre("Authenticate  \"\" takeover"));
}

TEST(SignTest, ASecondOneFailsAndTheFirstStays) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Sign("carol"));
  EXPECT_EQ(client->host.TakeSent(), Ended(Command::kSign, kFailed, "carol"));
  EXPECT_EQ(client->feeder.next(), Next::kMore);
  client->feeder.Feed(Invt("alice", "bobby"));
  EXPECT_THAT(client->host.calls, ElementsAre("Count unexpected", "Ask talk bobby"));
}

// ---- INVT and RSP ----

TEST(InvtTest, CarriesItsBodyAsTheReason) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Encode({.command = Command::kInvt,
                              .source_user = "alice",
                              .target_user = "bobby@7",
                              .body = "two\nlines"}));
  EXPECT_THAT(client->host.calls, ElementsAre("Ask talk bobby@7 \"two\\nlines\""));
  EXPECT_EQ(client->host.sent, "");
}

TEST(InvtTest, ThatGoesNowhereIsAnsweredAtOnce) {
  const struct {
    Delivery delivery;
    const char* document;
    const char* author;
    std::vector<std::string> counts;
  } kCases[] = {
      {Delivery::kNoSuchUser, kNotExist, kFailed, {"Ask talk bobby", "Count no_such_user"}},
      {Delivery::kNotPossible, kFailed, kFailed, {"Ask talk bobby"}},
      {Delivery::kNoConsent, kFailed, kFailed, {"Ask talk bobby"}},
  };
  for (const auto& c : kCases) {
    for (Compat compat : {Compat::kDocument, Compat::kAuthor}) {
      const auto client = Client::SignedIn(compat);
      client->host.ask_delivery = c.delivery;
      client->feeder.Feed(Invt("alice", "bobby"));
      EXPECT_EQ(client->host.sent,
                Rsp("alice", "bobby", compat == Compat::kAuthor ? c.author : c.document));
      EXPECT_EQ(client->host.calls, c.counts);
    }
  }
}

TEST(InvtTest, ToANameThatNobodyHasIsAnswered) {
  const auto client = Client::SignedIn();
  client->host.ask_delivery = Delivery::kNoSuchUser;
  client->feeder.Feed(Invt("alice", std::string(42, 'b')));
  EXPECT_EQ(client->host.TakeSent(), Rsp("alice", "", kNotExist));
  client->feeder.Feed(Encode({.command = Command::kInvt, .source_user = "alice"}));
  EXPECT_EQ(client->host.TakeSent(), Rsp("alice", "", kNotExist));
}

TEST(InvtTest, WithAReasonThatIsNoTextFails) {
  const struct {
    std::string body;
    const char* count;
  } kCases[] = {
      {"\xff", "Count not_text"},
      {std::string("a\0b", 3), "Count not_text"},
      {std::string(kMaxBodyBytes + 1, 'x'), "Count message_too_long"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::SignedIn();
    client->feeder.Feed(Encode({.command = Command::kInvt,
                                .source_user = "alice",
                                .target_user = "bobby",
                                .body = c.body}));
    EXPECT_EQ(client->host.sent, Rsp("alice", "bobby", kFailed));
    EXPECT_THAT(client->host.calls, ElementsAre(c.count));
  }
}

TEST(RspTest, AnswersWhoAsked) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Rsp("bobby@7", "alice", kAccepted) + Rsp("carol", "alice", kRefused));
  EXPECT_THAT(client->host.calls,
              ElementsAre("AnswerRequest talk bobby@7 yes", "AnswerRequest talk carol no"));
  EXPECT_EQ(client->host.sent, "");
}

TEST(RspTest, WithoutAnInvitationIsDropped) {
  for (Delivery none : {Delivery::kNotPossible, Delivery::kNoSuchUser}) {
    const auto client = Client::SignedIn();
    client->host.answer_delivery = none;
    client->feeder.Feed(Rsp("bobby", "alice", kAccepted));
    EXPECT_THAT(
        client->host.calls,
        ElementsAre("AnswerRequest talk bobby yes",
                    none == Delivery::kNoSuchUser ? "Count no_such_user" : "Count unexpected"));
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(RspTest, ThatAcceptsWhatHasEndedFails) {
  for (Delivery ended : {Delivery::kNotPossible, Delivery::kNoSuchUser}) {
    const auto client = Client::SignedIn();
    client->host.answer_delivery = ended;
    client->session.OnEvent(Request{RequestKind::kTalk, User("bobby", 7), User("alice"), {}});
    client->host.TakeSent();
    // Once.
    client->feeder.Feed(Rsp("bobby@7", "alice", kAccepted));
    EXPECT_EQ(client->host.TakeSent(), Rsp("bobby@7", "alice", kFailed));
    client->feeder.Feed(Rsp("bobby@7", "alice", kAccepted));
    EXPECT_EQ(client->host.TakeSent(), "");
    // Who refuses does not ask.
    client->session.OnEvent(Request{RequestKind::kTalk, User("bobby", 7), User("alice"), {}});
    client->host.TakeSent();
    client->feeder.Feed(Rsp("bobby@7", "alice", kRefused));
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(RspTest, OnlySoManyInvitationsAreRemembered) {
  const auto client = Client::SignedIn();
  for (int i = 0; i < 100; ++i) {
    const User asker(absl::StrCat("user", i));
    client->session.OnEvent(Request{RequestKind::kTalk, asker, User("alice"), {}});
  }
  client->host.TakeSent();
  client->host.answer_delivery = Delivery::kNoSuchUser;
  client->feeder.Feed(Rsp("user63", "alice", kAccepted) + Rsp("user64", "alice", kAccepted));
  EXPECT_EQ(client->host.sent, Rsp("user63", "alice", kFailed));
}

TEST(RspTest, OfAnotherStatusIsDropped) {
  const auto client = Client::SignedIn();
  for (const char* status : {"", "accepted", "Failed", "NotExist", "Successful"}) {
    client->feeder.Feed(Rsp("bobby", "alice", status));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count unexpected")) << status;
  }
  client->feeder.Feed(
      Encode({.command = Command::kRsp, .source_user = "bobby", .target_user = "alice"}));
  EXPECT_THAT(client->host.calls, ElementsAre("Count unexpected"));
}

TEST(RspTest, OfTheAuthorsProgramsMaySaySuccessful) {
  const auto client = Client::SignedIn(Compat::kAuthor);
  client->feeder.Feed(Rsp("bobby", "alice", kSuccessful) + Rsp("bobby", "alice", kAccepted));
  EXPECT_THAT(client->host.calls,
              ElementsAre("AnswerRequest talk bobby yes", "AnswerRequest talk bobby yes"));
}

// ---- TXT, CLOSE and QUIT ----

TEST(TxtTest, CarriesItsLines) {
  for (const char* body : {"", "hi", "two\nlines", "a\r\n", "\n\n", "TXT\nStatus=Failed"}) {
    FakeHost expected;
    expected.SendInTalk(42, User("bobby", 7), *Text::From(body));
    for (const Segments& segments : EveryWay(Txt("alice", "bobby@7", body), 5)) {
      const auto client = Client::SignedIn();
      for (const std::string& segment : segments) client->feeder.Feed(segment);
      EXPECT_EQ(client->host.calls, expected.calls);
      EXPECT_EQ(client->host.sent, "");
    }
  }
}

TEST(TxtTest, ThatIsWrongIsDropped) {
  const struct {
    std::string bytes;
    const char* count;
  } kCases[] = {
      {Txt("alice", "bobby", "\xff"), "Count not_text"},
      {Txt("alice", "bobby", std::string("a\0b", 3)), "Count not_text"},
      {Txt("alice", "bobby", std::string(kMaxBodyBytes + 1, 'x')), "Count message_too_long"},
      {Txt("alice", "bobby", "hi", "42"), "Count unexpected"},
      {Txt("alice", "bobby", "hi", "S042"), "Count unexpected"},
      {Txt("alice", "bobby", "hi", ""), "Count unexpected"},
      // Without a body.
      {Encode({.command = Command::kTxt,
               .session_id = "S00042",
               .source_user = "alice",
               .target_user = "bobby"}),
       "Count unexpected"},
      {Encode({.command = Command::kTxt, .source_user = "alice", .body = "hi"}),
       "Count unexpected"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::SignedIn();
    EXPECT_EQ(client->feeder.Feed(c.bytes), Next::kMore);
    EXPECT_THAT(client->host.calls, ElementsAre(c.count)) << c.bytes.substr(0, 100);
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(TxtTest, ThatTheHubRefusesIsDropped) {
  const struct {
    Delivery delivery;
    const char* count;
  } kCases[] = {
      {Delivery::kNoSuchUser, "Count no_such_user"},
      {Delivery::kNoConsent, "Count unexpected"},
      {Delivery::kNotPossible, "Count unexpected"},
  };
  for (const auto& c : kCases) {
    const auto client = Client::SignedIn();
    client->host.talk_delivery = c.delivery;
    client->feeder.Feed(Txt("alice", "bobby", "hi") + Close("alice", "bobby"));
    EXPECT_THAT(client->host.calls,
                ElementsAre("SendInTalk 42 bobby \"hi\"", c.count, "CloseTalk 42 bobby", c.count));
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(TxtTest, StopsWhileThrottled) {
  const auto client = Client::SignedIn();
  client->host.throttled_after = 2;
  const std::string one = Txt("alice", "bobby", "x");
  client->feeder.Feed(one + one + one);
  EXPECT_EQ(client->host.TakeCalls().size(), 2u);
  EXPECT_EQ(client->feeder.rest(), "\r\n" + one);
  EXPECT_EQ(client->feeder.Feed(""), Next::kMore);
  EXPECT_EQ(client->host.calls.size(), 1u);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(CloseTest, WithoutASessionIdIsDropped) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(Close("alice", "bobby", "42"));
  EXPECT_THAT(client->host.calls, ElementsAre("Count unexpected"));
  EXPECT_EQ(client->host.sent, "");
}

TEST(SpoofTest, OfAnotherUserIsCountedAndGoesNowhere) {
  const auto client = Client::SignedIn();
  for (const std::string& bytes :
       {Invt("bobby", "carol"), Invt("", "carol"), Invt("Alice", "carol"), Invt("alice@1", "carol"),
        Rsp("alice", "bobby", kAccepted), Txt("bobby", "alice", "I am bobby"),
        Close("bobby", "alice"), Quit("bobby"), Quit(""), Encode({.command = Command::kQuit}),
        Encode({.command = Command::kInvt})}) {
    EXPECT_EQ(client->feeder.Feed(bytes), Next::kMore) << bytes;
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count spoofed_sender")) << bytes;
    EXPECT_EQ(client->host.TakeSent(), "");
  }
}

TEST(QuitTest, ClosesWhateverItsPassword) {
  const auto client = Client::SignedIn();
  client->feeder.Feed(
      Encode({.command = Command::kQuit, .user_id = "alice", .password = "not it"}) +
      Txt("alice", "bobby", "too late"));
  EXPECT_EQ(client->feeder.next(), Next::kClose);
  EXPECT_THAT(client->host.calls, IsEmpty());
}

TEST(QuitTest, BeforeSigningInClosesWhoeverItNames) {
  for (const std::string& bytes : {Quit("bobby"), Encode({.command = Command::kQuit})}) {
    Client client;
    EXPECT_EQ(client.feeder.Feed(bytes), Next::kClose);
    EXPECT_THAT(client.host.calls, IsEmpty());
  }
}

// ---- Events ----

Answer Ending(Verdict verdict, int64_t grant = 0) {
  return {RequestKind::kTalk, User("alice"), User("bobby", 7), verdict, grant};
}

TEST(EventTest, IsSaidAsTheDocumentSays) {
  const User alice("alice"), bobby("bobby", 7);
  const std::string accepted = Encode({.command = Command::kRsp,
                                       .session_id = "S00042",
                                       .source_user = "alice",
                                       .target_user = "bobby@7",
                                       .status = kAccepted});
  const struct {
    Event event;
    std::string sent;
  } kCases[] = {
      {Request{RequestKind::kTalk, bobby, alice, {}}, Invt("bobby@7", "alice")},
      {Request{RequestKind::kTalk, bobby, alice, Owned("why\nnot")},
       Encode({.command = Command::kInvt,
               .source_user = "bobby@7",
               .target_user = "alice",
               .body = "why\nnot"})},
      {Ending(Verdict::kAccepted, 42), accepted},
      {Ending(Verdict::kRefused), Rsp("alice", "bobby@7", kRefused)},
      {Ending(Verdict::kAbsent), Rsp("alice", "bobby@7", kFailed)},
      {Ending(Verdict::kFailed), Rsp("alice", "bobby@7", kFailed)},
      {PrivateMessage{bobby, alice, Owned("psst\n"), 1, 42}, Txt("bobby@7", "alice", "psst\n")},
      {PrivateMessage{bobby, alice, Owned(""), 1, 42}, Txt("bobby@7", "alice", "")},
      {TalkClosed{42, bobby}, Close("bobby@7", "alice")},
      // What crp has no message for.
      {Undelivered{bobby, alice}, ""},
      {Request{RequestKind::kRelay, bobby, alice, {}}, ""},
      {Answer{RequestKind::kRelay, alice, bobby, Verdict::kAccepted, 1}, ""},
  };
  for (const auto& c : kCases) {
    const auto client = Client::SignedIn();
    EXPECT_EQ(client->session.OnEvent(c.event), Next::kMore);
    EXPECT_EQ(client->host.sent, c.sent) << ToString(c.event);
  }
}

TEST(EventTest, IsSaidAsTheAuthorsProgramsSayIt) {
  const auto client = Client::SignedIn(Compat::kAuthor);
  client->session.OnEvent(Ending(Verdict::kAccepted, 99999));
  EXPECT_EQ(client->host.TakeSent(), Encode({.command = Command::kRsp,
                                             .session_id = "S99999",
                                             .source_user = "alice",
                                             .target_user = "bobby@7",
                                             .status = kSuccessful}));
  client->session.OnEvent(Ending(Verdict::kRefused));
  EXPECT_EQ(client->host.TakeSent(), Rsp("alice", "bobby@7", kRefused));
}

TEST(FarewellTest, QuitSaysThatTheUserHasSignedInElsewhere) {
  const auto client = Client::SignedIn();
  client->session.OnFarewell(Farewell::kReplaced);
  EXPECT_EQ(client->host.sent, Encode({.command = Command::kQuit, .user_id = "alice"}));
}

TEST(FarewellTest, HasNoOtherWords) {
  const auto client = Client::SignedIn();
  for (Farewell reason : {Farewell::kSlowConsumer, Farewell::kLoginTimeout, Farewell::kKicked,
                          Farewell::kOverloaded, Farewell::kShutdown}) {
    client->session.OnFarewell(reason);
  }
  client->session.OnTooFast();
  EXPECT_EQ(client->host.sent, "");
}

}  // namespace
}  // namespace chat::crp
