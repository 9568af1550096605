#include "libchat/cfp/server_session.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

OwnedText Owned(absl::string_view bytes) { return OwnedText(*Text::From(bytes)); }

// A session with its host, as a connection would drive it. The server's id is 1000.
struct Client {
  explicit Client(SessionLimits limits = {})
      : session(limits, host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // A client that is logged in as "alice".
  static std::unique_ptr<Client> LoggedIn() {
    auto client = std::make_unique<Client>();
    client->feeder.Feed(Bytes(AuthGst{"alice"}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Login alice"));
    EXPECT_EQ(client->host.TakeSent(), Bytes(AuthRsp{0}));
    return client;
  }

  // A client whose first login was refused.
  static std::unique_ptr<Client> Refused() {
    auto client = std::make_unique<Client>();
    client->host.login = LoginResult::kTaken;
    client->feeder.Feed(Bytes(AuthGst{"bob"}));
    EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Login bob"));
    EXPECT_EQ(client->host.TakeSent(), Bytes(AuthRsp{3}));
    client->host.login = LoginResult::kAccepted;
    return client;
  }

  void Tell(const Event& event) {
    if (session.OnEvent(event) == Next::kMore) feeder.Resume();
  }

  FakeHost host;
  ServerSession session;
  Feeder feeder;
};

// ---- The table: each code in each state ----

struct Outcome {
  std::vector<std::string> calls;
  std::string sent;
  Next next = Next::kMore;
};

struct Row {
  std::string bytes;
  Outcome fresh;
  Outcome refused;
  Outcome logged_in;
};

std::vector<Row> Table() {
  const Outcome not_logged_in = {{"Count not_logged_in"}, ""};
  const Outcome unexpected = {{"Count unexpected"}, ""};
  const Outcome guest = {{"Login alice"}, Bytes(AuthRsp{0})};
  const Outcome user = {{"Authenticate alice \"secret\""}, "", Next::kPause};
  const Outcome too_long = {{"Count frame_too_long"}, "", Next::kClose};
  return {
      {Bytes(AuthGst{"alice"}), guest, guest, unexpected},
      {Bytes(AuthUsr{"alice", "secret"}), user, user, unexpected},
      {Bytes(AuthRsp{0}), not_logged_in, not_logged_in, unexpected},
      {Bytes(MsgPbl{"hi"}), not_logged_in, not_logged_in, {{"Publish \"hi\""}, ""}},
      {Bytes(MsgPrv{7, "bob", "psst"}),
       not_logged_in,
       not_logged_in,
       {{"SendPrivate bob@7 \"psst\""}, ""}},
      {Bytes(MsgPblInc{7, "bob", "hi"}), not_logged_in, not_logged_in, unexpected},
      {Bytes(MsgPrvInc{7, "bob", "alice", "hi"}), not_logged_in, not_logged_in, unexpected},
      // A chunk is longer than what is looked at before login.
      {Bytes(FileChnk{7, "bob", 3, "a.txt", 9, Chunk("data")}),
       too_long,
       too_long,
       {{"SendFileChunk bob@7 transfer 3 \"a.txt\" 1024 bytes of 9"}, ""}},
      {Bytes(FileChnkInc{7, "bob", "alice", 3, "a.txt", 9, Chunk("data")}), too_long, too_long,
       unexpected},
      {Forwarded(1000, MsgPblInc{7, "bob", "hi"}), not_logged_in, not_logged_in, unexpected},
      {Bytes(MrgReq{5, {}}),
       {{"AskToMerge 5 (none)"}, "", Next::kPause},
       not_logged_in,
       unexpected},
      {Bytes(MrgRsp{5, {}}), not_logged_in, not_logged_in, unexpected},
      {Bytes(MrgDcl{0}), not_logged_in, not_logged_in, unexpected},
      {Bytes(Error{"bob@7", 1}), not_logged_in, not_logged_in, {{"RefuseFile bob@7"}, ""}},
  };
}

void ExpectOutcome(const Client& client, const Outcome& outcome, const Row& row) {
  const std::string shown = chat::testing::ShowHex(row.bytes);
  EXPECT_EQ(client.host.calls, outcome.calls) << shown;
  EXPECT_EQ(client.host.sent, outcome.sent) << shown;
  EXPECT_EQ(client.feeder.next(), outcome.next) << shown;
  if (outcome.next != Next::kClose) {
    EXPECT_EQ(client.feeder.rest(), "") << shown;
  }
}

TEST(CodeTableTest, HasEachCodeOnce) {
  std::vector<bool> seen(256);
  for (const Row& row : Table()) seen[static_cast<uint8_t>(row.bytes[0])] = true;
  EXPECT_EQ(Table().size(), kCodes);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<int>(kCodes));
}

TEST(CodeTableTest, EachCodeInEachStateHasItsOutcome) {
  for (const Row& row : Table()) {
    // Cutting a chunk at every byte would say the same a thousand times.
    const bool chunk = row.bytes.size() > kChunkBytes;
    std::mt19937 random(1);
    for (const Segments& segments :
         chunk ? std::vector<Segments>{chat::testing::Whole(row.bytes),
                                       chat::testing::ByteByByte(row.bytes),
                                       chat::testing::Random(row.bytes, random)}
               : EveryWay(row.bytes, 5)) {
      const auto fresh = std::make_unique<Client>();
      const auto refused = Client::Refused();
      const auto logged_in = Client::LoggedIn();
      for (const std::string& segment : segments) {
        for (Client* client : {fresh.get(), refused.get(), logged_in.get()}) {
          client->feeder.Feed(segment);
        }
      }
      ExpectOutcome(*fresh, row.fresh, row);
      ExpectOutcome(*refused, row.refused, row);
      ExpectOutcome(*logged_in, row.logged_in, row);
    }
  }
}

TEST(CodeTableTest, UnknownCodesCloseInEachState) {
  std::vector<bool> known(256);
  for (const Row& row : Table()) known[static_cast<uint8_t>(row.bytes[0])] = true;
  known[kOtherPckFwd] = true;
  for (int code = 0; code < 256; ++code) {
    if (known[static_cast<size_t>(code)]) continue;
    const std::string bytes(1, static_cast<char>(code));
    const auto fresh = std::make_unique<Client>();
    const auto refused = Client::Refused();
    const auto logged_in = Client::LoggedIn();
    for (Client* client : {fresh.get(), refused.get(), logged_in.get()}) {
      EXPECT_EQ(client->feeder.Feed(bytes), Next::kClose) << code;
      EXPECT_THAT(client->host.calls, ElementsAre("Count unknown_opcode"));
      EXPECT_EQ(client->host.sent, "");
    }
  }
}

TEST(CodeTableTest, BadSizesCloseInEachState) {
  for (const char* hex :
       {"00 ffffffff", "00 80000000", "01 00000000 ffffffff", "20 ffffffff", "21 00000001 ffffffff",
        "21 00000001 00000000 ffffffff", "30 00000001 ffffffff", "31 00000001 00000000 ffffffff",
        "40 00000001 ffffffff", "40 00000001 00000000 00000001 ffffffff", "50 00000001 20 ffffffff",
        "a0 00000001 ffffffff", "a0 00000001 000003e9", "a1 00000001 7fffffff", "f0 ffffffff"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 0)) {
      const auto fresh = std::make_unique<Client>();
      const auto logged_in = Client::LoggedIn();
      for (Client* client : {fresh.get(), logged_in.get()}) {
        for (const std::string& segment : segments) client->feeder.Feed(segment);
        EXPECT_EQ(client->feeder.next(), Next::kClose) << hex;
        EXPECT_THAT(client->host.calls, ElementsAre("Count malformed")) << hex;
        EXPECT_EQ(client->host.sent, "");
      }
    }
  }
}

TEST(RoleTest, IsFixedByTheFirstPacketThatSaysIt) {
  // What is ignored says nothing about it.
  Client server;
  server.feeder.Feed(Bytes(MsgPbl{"hi"}) + Bytes(MrgReq{5, {}}));
  EXPECT_THAT(server.host.TakeCalls(), ElementsAre("Count not_logged_in", "AskToMerge 5 (none)"));
  server.Tell(MergeAnswer{MergeOffer{1000, {}}, {}});
  EXPECT_EQ(server.host.TakeSent(), Bytes(MrgRsp{1000, {}}));
  // A server stays one.
  server.feeder.Feed(Bytes(AuthGst{"alice"}) + Bytes(MsgPbl{"hi"}) + Bytes(MrgReq{6, {}}));
  EXPECT_THAT(server.host.calls,
              ElementsAre("Count unexpected", "Count unexpected", "Count unexpected"));
  EXPECT_EQ(server.host.sent, "");
  EXPECT_EQ(server.feeder.next(), Next::kMore);

  const auto client = Client::Refused();
  client->feeder.Feed(Bytes(MrgReq{5, {}}) + Bytes(AuthGst{"alice"}) + Bytes(MrgReq{5, {}}));
  EXPECT_THAT(client->host.calls,
              ElementsAre("Count not_logged_in", "Login alice", "Count unexpected"));
}

// What a client wraps in a PCKFWD is not acted on either, whatever it is.
TEST(RoleTest, AClientForwardsNothing) {
  for (const Row& row : Table()) {
    if (row.bytes[0] == 0x50) continue;
    const auto client = Client::LoggedIn();
    client->feeder.Feed(Bytes(PckFwd{1000}) + row.bytes);
    EXPECT_THAT(client->host.calls, ElementsAre("Count unexpected"));
    EXPECT_EQ(client->host.sent, "");
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(PckFwd{1000}) + Forwarded(1000, MsgPbl{"hi"}) + Bytes(MsgPbl{"hi"}));
  EXPECT_THAT(client->host.calls,
              ElementsAre("Count unexpected", "Count unexpected", "Publish \"hi\""));
}

// ---- Refusing a file ----

TEST(RefusalTest, GoesToTheSenderOfTheFile) {
  const auto client = Client::LoggedIn();
  // Who is of this server may be named with its id, too.
  client->feeder.Feed(Bytes(Error{"bob", 1}) + Bytes(Error{"bob@1000", 1}) +
                      Bytes(Error{std::string(30, 'b') + "@2147483647", 1}));
  EXPECT_THAT(client->host.calls,
              ElementsAre("RefuseFile bob", "RefuseFile bob",
                          absl::StrCat("RefuseFile ", std::string(30, 'b'), "@2147483647")));
  EXPECT_EQ(client->host.sent, "");
}

TEST(RefusalTest, OfNothingIsIgnored) {
  for (Delivery none : {Delivery::kNotPossible, Delivery::kNoSuchUser, Delivery::kNoSuchServer}) {
    const auto client = Client::LoggedIn();
    client->host.file_refusal = none;
    client->feeder.Feed(Bytes(Error{"bob", 1}));
    EXPECT_THAT(client->host.calls, ElementsAre("RefuseFile bob", "Count unexpected"));
    EXPECT_EQ(client->host.sent, "");
  }
}

TEST(RefusalTest, HasOneCodeAndANickname) {
  for (const std::string& bytes :
       {Bytes(Error{"bob", 0}), Bytes(Error{"bob", 2}), Bytes(Error{"bob", 255}),
        Bytes(Error{std::string(42, 'b'), 1}), Bytes(Error{std::string(65000, 'b'), 1})}) {
    for (size_t piece : {size_t{1}, bytes.size()}) {
      const auto client = Client::LoggedIn();
      for (size_t at = 0; at < bytes.size(); at += piece) {
        client->feeder.Feed(bytes.substr(at, piece));
        EXPECT_LE(client->feeder.rest().size(), 64u);
      }
      EXPECT_THAT(client->host.calls, ElementsAre("Count unexpected"));
      EXPECT_EQ(client->host.sent, "");
      EXPECT_EQ(client->feeder.next(), Next::kMore);
    }
  }
}

// ---- Login ----

TEST(GuestTest, GetsTheCodeOfTheRefusalAndMayTryAgain) {
  const struct {
    LoginResult refusal;
    uint8_t code;
  } kCases[] = {
      {LoginResult::kReserved, 1},
      {LoginResult::kNotAName, 1},
      {LoginResult::kTaken, 3},
      {LoginResult::kOverloaded, 3},
  };
  for (const auto& c : kCases) {
    Client client;
    client.host.login = c.refusal;
    client.feeder.Feed(Bytes(AuthGst{"alice"}));
    EXPECT_EQ(client.host.TakeSent(), Bytes(AuthRsp{c.code})) << ToString(c.refusal);
    client.feeder.Feed(Bytes(MsgPbl{"hi"}));
    client.host.login = LoginResult::kAccepted;
    client.feeder.Feed(Bytes(AuthGst{"alicia"}));
    EXPECT_EQ(client.host.TakeSent(), Bytes(AuthRsp{0}));
    EXPECT_THAT(client.host.calls,
                ElementsAre("Login alice", "Count not_logged_in", "Login alicia"));
  }
}

TEST(RegisteredUserTest, GetsTheCodeOfTheOutcome) {
  const struct {
    LoginResult result;
    uint8_t code;
  } kCases[] = {
      {LoginResult::kAccepted, 0}, {LoginResult::kNoAccount, 2}, {LoginResult::kWrongPassword, 2},
      {LoginResult::kNotAName, 2}, {LoginResult::kTaken, 3},     {LoginResult::kOverloaded, 3},
  };
  for (const auto& c : kCases) {
    Client client;
    // What is behind the password waits.
    client.feeder.Feed(Bytes(AuthUsr{"alice", "secret"}) + Bytes(MsgPbl{"hi"}));
    EXPECT_THAT(client.host.TakeCalls(), ElementsAre("Authenticate alice \"secret\""));
    EXPECT_EQ(client.feeder.next(), Next::kPause);
    EXPECT_EQ(client.host.sent, "");
    client.Tell(Authenticated{c.result});
    EXPECT_EQ(client.host.TakeSent(), Bytes(AuthRsp{c.code})) << ToString(c.result);
    EXPECT_THAT(client.host.calls,
                ElementsAre(c.code == 0 ? "Publish \"hi\"" : "Count not_logged_in"));
  }
}

TEST(RegisteredUserTest, MayTryAgainInEitherWay) {
  Client client;
  client.feeder.Feed(Bytes(AuthUsr{"alice", "wrong"}));
  client.Tell(Authenticated{LoginResult::kWrongPassword});
  client.feeder.Feed(Bytes(AuthUsr{"alice", "secret"}));
  client.Tell(Authenticated{LoginResult::kTaken});
  client.feeder.Feed(Bytes(AuthGst{"alicia"}));
  EXPECT_EQ(client.host.sent, Bytes(AuthRsp{2}) + Bytes(AuthRsp{3}) + Bytes(AuthRsp{0}));
}

TEST(RegisteredUserTest, NobodyIsLoggedInWithoutHavingAsked) {
  Client client;
  client.Tell(Authenticated{LoginResult::kAccepted});
  client.feeder.Feed(Bytes(MsgPbl{"hi"}));
  EXPECT_THAT(client.host.calls, ElementsAre("Count not_logged_in"));
  EXPECT_EQ(client.host.sent, "");
}

TEST(LoginTest, ASecondOneIsIgnoredHoweverLong) {
  for (size_t size : {5u, 31u, 507u, 513u, 65000u}) {
    const auto client = Client::LoggedIn();
    client->feeder.Feed(Bytes(AuthGst{std::string(size, 'b')}) +
                        Bytes(AuthUsr{"bob", std::string(size, 'p')}) + Bytes(MsgPbl{"still me"}));
    EXPECT_THAT(client->host.calls,
                ElementsAre("Count unexpected", "Count unexpected", "Publish \"still me\""))
        << size;
    EXPECT_EQ(client->host.sent, "") << size;
  }
}

TEST(LoginTest, FramesOverTheLimitBeforeLoginClose) {
  // 1 + 4 + 507 bytes are 512.
  Client client;
  client.host.login = LoginResult::kNotAName;
  client.feeder.Feed(Bytes(AuthGst{std::string(507, 'a')}));
  EXPECT_EQ(client.host.sent, Bytes(AuthRsp{1}));
  for (const char* hex : {"00 000001fc", "01 00000005 \"alice\" 000001f3", "20 000001fc"}) {
    Client other;
    EXPECT_EQ(other.feeder.Feed(Hex(hex)), Next::kClose) << hex;
    EXPECT_THAT(other.host.calls, ElementsAre("Count frame_too_long")) << hex;
    EXPECT_EQ(other.host.sent, "");
  }
}

// ---- Messages ----

TEST(MessageTest, ABatchIsPublishedOneByOne) {
  const auto client = Client::LoggedIn();
  std::string batch;
  std::vector<std::string> calls;
  for (int i = 0; i < 100; ++i) {
    batch += Bytes(MsgPbl{absl::StrCat(i)});
    calls.push_back(absl::StrCat("Publish \"", i, "\""));
  }
  client->feeder.Feed(batch);
  EXPECT_EQ(client->host.calls, calls);
  EXPECT_EQ(client->feeder.rest(), "");
}

TEST(MessageTest, StopsWhileThrottled) {
  const std::string chunk = Bytes(FileChnk{0, "bob", 3, "a.txt", 9, Chunk("data")});
  for (const std::string& one : {Bytes(MsgPbl{"x"}), chunk}) {
    const auto client = Client::LoggedIn();
    client->host.throttled_after = 2;
    client->feeder.Feed(one + one + one);
    EXPECT_EQ(client->host.TakeCalls().size(), 2u);
    EXPECT_EQ(client->feeder.rest(), one);
    EXPECT_EQ(client->feeder.next(), Next::kMore);
    client->feeder.Feed("");
    EXPECT_EQ(client->host.calls.size(), 1u);
    EXPECT_EQ(client->feeder.rest(), "");
  }
}

TEST(MessageTest, ThatIsNotTextIsCountedAndGoesNowhere) {
  const auto client = Client::LoggedIn();
  for (absl::string_view body : {absl::string_view("a\0b", 3), absl::string_view("\xff"),
                                 absl::string_view("\xed\xa0\x80"), absl::string_view("\xc3")}) {
    for (const std::string& bytes : {Bytes(MsgPbl{body}), Bytes(MsgPrv{0, "bob", body})}) {
      client->feeder.Feed(bytes);
      EXPECT_THAT(client->host.TakeCalls(), ElementsAre("Count not_text"));
      EXPECT_EQ(client->host.sent, "");
      EXPECT_EQ(client->feeder.next(), Next::kMore);
    }
  }
}

TEST(MessageTest, ThatIsTooLongPassesByWithoutBeingKept) {
  const std::string no_receiver = Bytes(Error{"alice", 1});
  const std::string chunk = Chunk("data");
  const struct {
    std::string bytes;
    const char* count;
    std::string sent;
  } kCases[] = {
      {Bytes(MsgPbl{std::string(1025, 'x')}), "Count message_too_long", ""},
      // 1 + 4 + 65531 bytes are 64 KiB.
      {Bytes(MsgPbl{std::string(65531, 'x')}), "Count message_too_long", ""},
      {Bytes(MsgPrv{0, "bob", std::string(1025, 'x')}), "Count message_too_long", ""},
      {Bytes(MsgPrv{0, std::string(31, 'b'), "x"}), "Count no_such_user", no_receiver},
      {Bytes(FileChnk{0, std::string(31, 'b'), 3, "a", 1, chunk}), "Count no_such_user",
       no_receiver},
      {Bytes(FileChnk{0, "bob", 3, std::string(275, 'n'), 1, chunk}), "Count malformed", ""},
      {Bytes(MsgPblInc{0, std::string(31, 'a'), "x"}), "Count unexpected", ""},
      {Forwarded(1000, MsgPbl{std::string(1025, 'x')}), "Count unexpected", ""},
  };
  for (const auto& c : kCases) {
    for (size_t piece : {size_t{1}, size_t{7}, size_t{1000}, c.bytes.size()}) {
      const auto client = Client::LoggedIn();
      const std::string in = c.bytes + Bytes(MsgPbl{"next"});
      for (size_t at = 0; at < in.size(); at += piece) {
        client->feeder.Feed(in.substr(at, piece));
        // A whole packet that may be taken, less a byte, is the most that ever waits.
        EXPECT_LT(client->feeder.rest().size(), 1400u);
      }
      EXPECT_THAT(client->host.calls, ElementsAre(c.count, "Publish \"next\""));
      EXPECT_EQ(client->host.sent, c.sent);
      EXPECT_EQ(client->feeder.rest(), "");
    }
  }
}

TEST(MessageTest, OverSixtyFourKibibytesCloses) {
  for (const char* hex : {"20 0000fffc", "20 7fffffff", "21 00000001 0000fff8",
                          "21 00000001 0000001f 62*31 0000ffff"}) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->feeder.Feed(Hex(hex)), Next::kClose) << hex;
    EXPECT_EQ(client->host.calls.back(), "Count frame_too_long") << hex;
  }
}

TEST(PrivateMessageTest, IdsOfThisServerMeanThisServer) {
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(MsgPrv{1000, "bob", "a"}) + Bytes(MsgPrv{0, "bob", "b"}) +
                      Bytes(MsgPrv{7, "bob", "c"}) + Bytes(MsgPrv{-7, "bob", "d"}));
  EXPECT_THAT(client->host.calls,
              ElementsAre("SendPrivate bob \"a\"", "SendPrivate bob \"b\"",
                          "SendPrivate bob@7 \"c\"", "SendPrivate bob@-7 \"d\""));
  EXPECT_EQ(client->host.sent, "");
}

TEST(PrivateMessageTest, ThatDoesNotArriveIsAnError) {
  const std::string chunk = Chunk("data");
  const struct {
    Delivery delivery;
    uint8_t code;
  } kCases[] = {
      {Delivery::kNoSuchServer, 0},
      {Delivery::kNoSuchUser, 1},
      {Delivery::kNotPossible, 1},
      {Delivery::kNoConsent, 1},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    client->host.private_delivery = client->host.file_delivery = c.delivery;
    for (const std::string& bytes :
         {Bytes(MsgPrv{7, "bob", "x"}), Bytes(FileChnk{7, "bob", 3, "a.txt", 1, chunk})}) {
      client->feeder.Feed(bytes);
      EXPECT_EQ(client->host.TakeCalls().back(), "Count no_such_user");
      EXPECT_EQ(client->host.TakeSent(), Bytes(Error{"alice", c.code}));
    }
  }
}

TEST(PrivateMessageTest, NobodyHasANicknameThatIsNone) {
  const std::string chunk = Chunk("data");
  for (absl::string_view name : {"", "bob@7", "b b", "b\n", "\xff"}) {
    const auto client = Client::LoggedIn();
    client->feeder.Feed(Bytes(MsgPrv{0, name, "x"}) +
                        Bytes(FileChnk{0, name, 3, "a.txt", 1, chunk}));
    EXPECT_THAT(client->host.calls, ElementsAre("Count no_such_user", "Count no_such_user"));
    EXPECT_EQ(client->host.sent, Bytes(Error{"alice", 1}) + Bytes(Error{"alice", 1}));
  }
}

// ---- Files ----

TEST(FileTest, FieldsAreChecked) {
  const std::string chunk = Chunk("data");
  const std::string longest(255, 'n');
  for (const std::string& bytes :
       {Bytes(FileChnk{0, "bob", 3, "a.txt", 0, chunk}),
        Bytes(FileChnk{0, "bob", 3, "a.txt", -1, chunk}),
        Bytes(FileChnk{0, "bob", 3, "\xff", 1, chunk}),
        Bytes(FileChnk{0, "bob", 3, absl::string_view("a\0", 2), 1, chunk}),
        Bytes(FileChnk{0, "bob", 3, longest + "n", 1, chunk})}) {
    const auto client = Client::LoggedIn();
    client->feeder.Feed(bytes);
    EXPECT_THAT(client->host.calls, ElementsAre("Count malformed"));
    EXPECT_EQ(client->host.sent, "");
    EXPECT_EQ(client->feeder.next(), Next::kMore);
  }
  const auto client = Client::LoggedIn();
  client->feeder.Feed(Bytes(FileChnk{0, "bob", -3, longest + ";size=4", 1, chunk}));
  EXPECT_THAT(client->host.calls, ElementsAre("SendFileChunk bob transfer -3 \"" + longest +
                                              ";size=4\" 1024 bytes of 1"));
}

// ---- Servers ----

TEST(MergeTest, AskedForWithASiblingListIsTheHostsToJudge) {
  Client server;
  // The longest list: it is not held to the limit of what a client may say before login.
  std::vector<Sibling> siblings;
  for (int i = 1; i <= 1000; ++i) siblings.push_back({i, 0x7F000001, 7773});
  const std::string bytes = SiblingBytes(siblings);
  server.feeder.Feed(Bytes(MrgReq{5, SiblingList(bytes)}));
  ASSERT_EQ(server.host.calls.size(), 1u);
  EXPECT_EQ(server.host.calls[0].substr(0, 42), "AskToMerge 5 (1 at 127.0.0.1:7773, 2 at 12");
  EXPECT_EQ(server.feeder.next(), Next::kPause);
}

TEST(MergeTest, WithANumberOutOfItsRangeCloses) {
  for (const char* hex :
       {"a0 00000000 00000000", "a0 ffffffff 00000000",
        "a0 00000005 00000001 00000000 7f000001 00001e5d",
        "a0 00000005 00000001 00000007 7f000001 00000000",
        "a0 00000005 00000001 00000007 7f000001 00010000",
        "a0 00000005 00000002 00000007 7f000001 00001e5d 00000008 7f000001 ffffffff"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 2)) {
      Client server;
      for (const std::string& segment : segments) server.feeder.Feed(segment);
      EXPECT_EQ(server.feeder.next(), Next::kClose) << hex;
      EXPECT_THAT(server.host.calls, ElementsAre("Count malformed")) << hex;
      EXPECT_EQ(server.host.sent, "");
    }
  }
}

TEST(MergeTest, WhatIsBehindTheRequestWaitsForTheAnswer) {
  Client server;
  server.feeder.Feed(Bytes(MrgReq{5, {}}) + Forwarded(1000, MsgPblInc{5, "bob", "hi"}));
  EXPECT_THAT(server.host.TakeCalls(), ElementsAre("AskToMerge 5 (none)"));
  EXPECT_EQ(server.feeder.next(), Next::kPause);
  server.Tell(MergeAnswer{MergeOffer{1000, {{1000, 0x7F000001, 7773}}}, {}});
  EXPECT_EQ(server.host.sent, Hex("a1 000003e8 00000001 000003e8 7f000001 00001e5d"));
  EXPECT_THAT(server.host.calls, ElementsAre("Forward Announcement by bob@5: \"hi\""));
  EXPECT_EQ(server.feeder.next(), Next::kMore);
}

TEST(MergeTest, RefusedIsClosed) {
  for (MergeRefusal refusal :
       {MergeRefusal::kMerged, MergeRefusal::kTooMany, MergeRefusal::kConflict}) {
    Client server;
    server.feeder.Feed(Bytes(MrgReq{5, {}}));
    EXPECT_EQ(server.session.OnEvent(MergeAnswer{std::nullopt, refusal}), Next::kClose);
    EXPECT_EQ(server.host.sent, Bytes(MrgDcl{static_cast<uint8_t>(refusal)}));
  }
}

// ---- Events ----

TEST(EventTest, IsSaidAsTheDocumentSays) {
  const User alice("alice"), bob("bob"), carol("carol", 7);
  const std::string chunk = Chunk("data");
  const struct {
    Event event;
    std::string sent;
  } kCases[] = {
      {PrivateMessage{bob, alice, Owned("psst")}, Bytes(MsgPrvInc{1000, "bob", "alice", "psst"})},
      {PrivateMessage{carol, alice, Owned("hi")}, Bytes(MsgPrvInc{7, "carol", "alice", "hi"})},
      {FileChunk{bob, alice, 3, "a.txt;size=4", 1, chunk},
       Bytes(FileChnkInc{1000, "bob", "alice", 3, "a.txt;size=4", 1, chunk})},
      {FileChunk{carol, alice, 3, "a.txt", 9, chunk},
       Bytes(FileChnkInc{7, "carol", "alice", 3, "a.txt", 9, chunk})},
      {Undelivered{bob, alice, false}, Bytes(Error{"alice", 1})},
      {Undelivered{User("", 7), alice, true}, Bytes(Error{"alice", 0})},
      {Undelivered{bob, User(), false}, Bytes(Error{"alice", 1})},
      // What cfp's clients have no packet for.
      {Request{RequestKind::kTalk, bob, alice, {}}, ""},
      {Request{RequestKind::kRelay, bob, alice, {}}, ""},
      {Request{RequestKind::kDirect, bob, alice, {}}, ""},
      {Answer{RequestKind::kTalk, alice, bob, Verdict::kAccepted, 1}, ""},
      {Answer{RequestKind::kTalk, alice, bob, Verdict::kRefused, 0}, ""},
      {TalkClosed{1, bob}, ""},
      {Announcement{carol, Owned("hi")}, ""},
      {MergeAnswer{std::nullopt, MergeRefusal::kTooMany}, ""},
      {Authenticated{LoginResult::kWrongPassword}, ""},
      {Registered{true}, ""},
      {RelayClosing{7, bob}, ""},
      {RelayEstablished{}, ""},
  };
  for (const auto& c : kCases) {
    const auto client = Client::LoggedIn();
    EXPECT_EQ(client->session.OnEvent(c.event), Next::kMore);
    EXPECT_EQ(client->host.sent, c.sent) << ToString(c.event);
    EXPECT_THAT(client->host.calls, IsEmpty());
  }
}

TEST(FarewellTest, HasNoWords) {
  const auto client = Client::LoggedIn();
  client->session.OnFarewell(Farewell::kShutdown);
  EXPECT_EQ(client->host.sent, "");
}

}  // namespace
}  // namespace chat::cfp
