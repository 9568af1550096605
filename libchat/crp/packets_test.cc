#include "libchat/crp/packets.h"

#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::crp {
namespace {

using chat::testing::EveryWay;
using chat::testing::Hex;
using chat::testing::Segments;
using Status = Decoded::Status;

// Of a message that passes by.
constexpr size_t kMaxFollowed = 64 * 1024;

struct Case {
  Message message;
  std::string bytes;  // without the line end behind the NUL
  std::string shown;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](Message message, absl::string_view hex, absl::string_view shown) {
    cases.push_back({std::move(message), Hex(hex), std::string(shown)});
  };
  add({.command = Command::kReg, .user_id = "alice", .password = "secret1"},
      R"("REG" 0d0a                // start-line
         "UserID=alice" 0d0a       // header
         "Password=secret1" 0d0a   // header
         0d0a                      // the end of the headers
         00                        // the end of the message)",
      R"(REG UserID="alice" Password="secret1")");
  add({.command = Command::kSign, .status = kSuccessful, .user_id = "alice"},
      R"("SIGN" 0d0a               // start-line
         "Status=Successful" 0d0a  // header
         "UserID=alice" 0d0a       // header
         0d0a                      // the end of the headers
         00                        // the end of the message)",
      R"(SIGN Status="Successful" UserID="alice")");
  add({.command = Command::kInvt, .source_user = "alice", .target_user = "bobby", .body = "Hi"},
      R"("INVT" 0d0a               // start-line
         "SourceUser=alice" 0d0a   // header
         "TargetUser=bobby" 0d0a   // header
         0d0a                      // the end of the headers
         "Hi" 0d0a                 // body
         00                        // the end of the message)",
      R"(INVT SourceUser="alice" TargetUser="bobby" body="Hi")");
  add({.command = Command::kRsp,
       .session_id = "S00042",
       .source_user = "alice",
       .target_user = "bobby@7",
       .status = kAccepted},
      R"("RSP" 0d0a                // start-line
         "SessionID=S00042" 0d0a   // header
         "SourceUser=alice" 0d0a   // header
         "TargetUser=bobby@7" 0d0a // header
         "Status=Accepted" 0d0a    // header
         0d0a                      // the end of the headers
         00                        // the end of the message)",
      R"(RSP SessionID=S00042 SourceUser="alice" TargetUser="bobby@7" Status="Accepted")");
  add({.command = Command::kTxt,
       .session_id = "S12345",
       .source_user = "alice",
       .target_user = "bobby",
       .body = "two\nlines \u00e9"},
      R"("TXT" 0d0a                // start-line
         "SessionID=S12345" 0d0a   // header
         "SourceUser=alice" 0d0a   // header
         "TargetUser=bobby" 0d0a   // header
         0d0a                      // the end of the headers
         "two" 0d0a                // body
         "lines " c3a9 0d0a        // body
         00                        // the end of the message)",
      R"(TXT SessionID=S12345 SourceUser="alice" TargetUser="bobby" body="two\nlines \xc3\xa9")");
  add({.command = Command::kClose,
       .session_id = "not one",
       .source_user = "alice",
       .target_user = ""},
      R"("CLOSE" 0d0a              // start-line
         "SessionID=not one" 0d0a  // header
         "SourceUser=alice" 0d0a   // header
         "TargetUser=" 0d0a        // header
         0d0a                      // the end of the headers
         00                        // the end of the message)",
      R"(CLOSE SessionID="not one" SourceUser="alice" TargetUser="")");
  add({.command = Command::kQuit},
      R"("QUIT" 0d0a               // start-line
         0d0a                      // the end of the headers
         00                        // the end of the message)",
      "QUIT");
  add({.command = Command::kTxt, .body = ""}, R"("TXT" 0d0a 0d0a 0d0a 00)", R"(TXT body="")");
  return cases;
}

TEST(MessageTest, EveryCommandAndKeyHasACase) {
  std::vector<bool> commands(kCommands), keys(std::size(kKeys));
  for (const Case& c : Cases()) {
    commands[static_cast<size_t>(c.message.command)] = true;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (c.message.*kKeys[i].value) keys[i] = true;
    }
  }
  EXPECT_EQ(commands, std::vector<bool>(kCommands, true));
  EXPECT_EQ(keys, std::vector<bool>(keys.size(), true));
}

TEST(MessageTest, IsWrittenAsTheDocumentDrawsItWithALineEndBehind) {
  for (const Case& c : Cases()) EXPECT_EQ(Encode(c.message), c.bytes + "\r\n") << c.shown;
}

TEST(MessageTest, IsPrintedOnOneLine) {
  for (const Case& c : Cases()) EXPECT_EQ(ToString(c.message), c.shown);
}

TEST(MessageTest, IsReadWholeAndWithBytesBehind) {
  for (const Case& c : Cases()) {
    for (const char* behind : {"", "\r\n", "\n", "REG\r\n", "\r", "\xff"}) {
      const std::string in = c.bytes + behind;
      const Decoded decoded = Decoder().Decode(in, kMaxMessageSize, kMaxFollowed);
      ASSERT_EQ(decoded.status, Status::kDone) << c.shown;
      EXPECT_EQ(decoded.size, c.bytes.size()) << c.shown;
      EXPECT_TRUE(decoded.message == c.message) << c.shown << ", not " << ToString(decoded.message);
    }
  }
}

TEST(MessageTest, DiffersWhenAHeaderOrTheBodyDiffers) {
  const Message message = {.command = Command::kReg, .user_id = "a"};
  EXPECT_FALSE(message == (Message{.command = Command::kSign, .user_id = "a"}));
  EXPECT_FALSE(message == (Message{.command = Command::kReg, .user_id = "b"}));
  EXPECT_FALSE(message == (Message{.command = Command::kReg, .user_id = "a", .password = ""}));
  EXPECT_FALSE(message == (Message{.command = Command::kReg, .user_id = "a", .body = ""}));
}

// What a stream says: each message as ToString, and how it ends.
std::vector<std::string> Say(const Segments& segments, size_t max_bytes = kMaxMessageSize,
                             size_t max_followed = kMaxFollowed) {
  std::vector<std::string> said;
  Decoder decoder;
  std::string rest;
  for (const std::string& segment : segments) {
    rest += segment;
    while (true) {
      const std::string in = rest;
      const Decoded decoded = decoder.Decode(in, max_bytes, max_followed);
      rest.erase(0, decoded.size);
      if (decoded.status == Status::kNeedMore) break;
      if (decoded.status == Status::kMalformed || decoded.status == Status::kTooLong) {
        said.push_back(decoded.status == Status::kMalformed ? "malformed" : "too long");
        return said;
      }
      said.push_back(decoded.status == Status::kDone       ? ToString(decoded.message)
                     : decoded.status == Status::kPassedBy ? "passed by"
                                                           : "unknown");
    }
    // Nothing is kept of what passes by, and no more than a message of what may be one.
    EXPECT_LE(rest.size(), max_bytes);
  }
  if (!rest.empty()) said.push_back(absl::StrCat("need more than ", rest.size()));
  return said;
}

void ExpectSaid(absl::string_view hex, const std::vector<std::string>& said) {
  for (const Segments& segments : EveryWay(Hex(hex), 10)) EXPECT_EQ(Say(segments), said) << hex;
}

TEST(DecoderTest, NeedsAllOfAMessage) {
  for (const Case& c : Cases()) {
    for (size_t size = 1; size < c.bytes.size(); ++size) {
      EXPECT_EQ(Say({c.bytes.substr(0, size)}),
                std::vector<std::string>{absl::StrCat("need more than ", size)});
    }
  }
}

TEST(DecoderTest, TakesAStreamHoweverItIsCut) {
  std::string stream;
  std::vector<std::string> said;
  for (const Case& c : Cases()) {
    for (const char* end : {"", "\r\n", "\n"}) {
      absl::StrAppend(&stream, c.bytes, end);
      said.push_back(c.shown);
    }
  }
  for (const Segments& segments : EveryWay(stream, 50)) EXPECT_EQ(Say(segments), said);
}

TEST(DecoderTest, TakesLinesThatEndInLfAlone) {
  ExpectSaid(R"("TXT" 0a "SourceUser=alice" 0a 0a "one" 0d0a "two" 0a 00 "QUIT" 0a 0a 00 0a)",
             {R"(TXT SourceUser="alice" body="one\ntwo")", "QUIT"});
}

TEST(DecoderTest, ConsumesTheLineEndOfTheMessageBefore) {
  Decoder decoder;
  EXPECT_EQ(decoder.Decode(Hex(R"("QUIT" 0a 0a 00)"), 100, 100).size, 7u);
  EXPECT_EQ(decoder.Decode("\r", 100, 100).size, 0u);
  EXPECT_EQ(decoder.Decode("\r\nQ", 100, 100).size, 2u);
  EXPECT_EQ(decoder.Decode("QUIT\n\n", 100, 100).size, 0u);
  EXPECT_EQ(decoder.Decode(Hex(R"("QUIT" 0a 0a 00)"), 100, 100).status, Status::kDone);
  EXPECT_EQ(decoder.Decode("\n", 100, 100).size, 1u);
}

TEST(DecoderTest, OnlyOneLineEndBelongsToAMessage) {
  // The second one is an empty start-line; what follows it is no header.
  ExpectSaid(R"("QUIT" 0d0a 0d0a 00 0d0a 0d0a "QUIT" 0d0a)", {"QUIT", "malformed"});
  ExpectSaid(R"("QUIT" 0d0a 0d0a 00 0d "QUIT" 0d0a)", {"QUIT", "malformed"});
}

TEST(DecoderTest, MatchesKeysWithoutCaseAndIgnoresOthers) {
  ExpectSaid(R"("REG" 0a "USERID=alice" 0a "password=a=b" 0a "X-Other=1" 0a "=" 0a 0a 00)",
             {R"(REG UserID="alice" Password="a=b")"});
  ExpectSaid(R"("REG" 0a "UserID =alice" 0a 0a 00)", {"REG"});
}

TEST(DecoderTest, KeepsValuesAsTheyAre) {
  ExpectSaid(R"("REG" 0a "UserID= a" 09 ff " " 0a 0a 00)", {R"(REG UserID=" a\t\xff ")"});
}

TEST(DecoderTest, FollowsMessagesThatItDoesNotKnow) {
  ExpectSaid(R"("HELP" 0a "UserID=alice" 0a 0a "body" 0a 00 "reg" 0a 0a 00 " REG" 0a 0a 00
                0a 0a 0a 00 "QUIT" 0a 0a 00)",
             {"unknown", "unknown", "unknown", "unknown", "QUIT"});
}

TEST(DecoderTest, RefusesWhatIsNoMessageAsSoonAsItIsThere) {
  for (const char* hex : {
           R"("GET / HTTP/1.1" 0d0a "Host: here" 0d0a)",  // no `=`
           R"("REG" 0a " " 0a)",
           R"("REG" 0a "UserID=a" 0a "userid=a" 0a)",  // twice
           R"("REG" 0a "Other=a" 0a "OTHER=b" 0a)",
           R"("REG" 0a "UserID=a" 0d "b" 0a)",  // CR or NUL in the head
           R"("REG" 0a "UserID=a" 0d0d0a)",
           R"("REG" 0a "UserID=a" 00 "b" 0a)",
           R"("REG" 0a "User" 0d "ID=a" 0a)",
           R"("REG" 0d0d0a)",
           R"("R" 00 "EG" 0a)",
           R"("REG" 0a 00)",  // the end before the empty line
           R"("REG" 0a "UserID=a" 0a 00)",
           R"(00)",
       }) {
    ExpectSaid(hex, {"malformed"});
    ExpectSaid(absl::StrCat(hex, "0a 0a 00"), {"malformed"});
  }
}

TEST(DecoderTest, ANulWithinABodyLineIsNotTheEnd) {
  ExpectSaid(R"("TXT" 0a 0a "a" 00 "b" 0a 00)", {R"(TXT body="a\x00\x62")"});
  ExpectSaid(R"("TXT" 0a 0a "ab" 00 0a 00)", {R"(TXT body="ab\x00")"});
}

TEST(DecoderTest, TakesFiftyLines) {
  // With the start-line, the empty line and the end.
  ExpectSaid(R"("QUIT" 0a 0a "x\n"*47 00)",
             {absl::StrCat("QUIT body=\"", absl::StrJoin(std::vector<std::string>(47, "x"), "\\n"),
                           "\"")});
  ExpectSaid(R"("QUIT" 0a 0a "x\n"*48 00)", {"passed by"});
  ExpectSaid(R"("QUIT" 0a 0a "\n"*48)", {});
  std::string headers;
  for (int i = 0; i < 49; ++i) absl::StrAppend(&headers, "\"K", i, "=\" 0a ");
  ExpectSaid(absl::StrCat("\"QUIT\" 0a ", headers), {});
  ExpectSaid(absl::StrCat("\"QUIT\" 0a ", headers, "\"no header\" 0a 0a 00"), {"passed by"});
}

TEST(DecoderTest, FollowsWhatPassesByToItsEnd) {
  // A NUL within a line is not the end; what comes behind the end is the next message.
  ExpectSaid(R"("TXT" 0a 0a "x\n"*60 "a" 00 "b" 0a 00 0d0a "QUIT" 0a 0a 00)",
             {"passed by", "QUIT"});
  ExpectSaid(R"("HELP" 0a 0a "x\n"*60 00 "HELP" 0a 0a 00)", {"passed by", "unknown"});
  // The line end behind it may be missing, and only one belongs to it.
  ExpectSaid(R"("TXT" 0a 0a "x\n"*60 00 0a 0a "QUIT" 0a)", {"passed by", "malformed"});
  // By its bytes, the end right behind the last one that is allowed included.
  for (const char* hex :
       {R"("QUIT" 0a 0a 78*93 0a 00)", R"("QUIT" 0a 0a 78*94 0a 00)",
        R"("QUIT" 0a 0a 78*200 0a 78*99 0a 0a 00)", R"("QUIT" 0a 78*200 0a 00)"}) {
    for (const Segments& segments : EveryWay(Hex(hex) + Hex(R"(0d0a "QUIT" 0a 0a 00)"), 10)) {
      EXPECT_EQ(Say(segments, 100, 400), (std::vector<std::string>{"passed by", "QUIT"})) << hex;
    }
  }
}

TEST(DecoderTest, FollowsForSoManyBytes) {
  // Up to the NUL, and with it.
  const std::string most = Hex(R"("QUIT" 0a 0a 78*392 0a 00)");
  ASSERT_EQ(most.size(), 400u);
  for (const Segments& segments : EveryWay(most, 10)) {
    EXPECT_EQ(Say(segments, 100, 400), std::vector<std::string>{"passed by"});
    EXPECT_EQ(Say(segments, 100, 399), std::vector<std::string>{"too long"});
  }
  for (const char* hex : {R"("QUIT" 0a 0a "x\n"*198)", "78*401", R"("QUIT" 0a 0a 78*393 0a 00)"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 10)) {
      EXPECT_EQ(Say(segments, 300, 400), std::vector<std::string>{"too long"}) << hex;
    }
  }
}

TEST(DecoderTest, TakesAsManyBytesAsAreAllowed) {
  // 4 + 1 + 1 bytes, and those of the body, and the NUL.
  const std::string most = Hex(R"("QUIT" 0a 0a 78*92 0a 00)");
  ASSERT_EQ(most.size(), 100u);
  for (const Segments& segments : EveryWay(most, 10)) {
    EXPECT_EQ(Say(segments, 100).size(), 1u);
    EXPECT_NE(Say(segments, 100)[0], "passed by");
  }
  for (const char* hex : {R"("QUIT" 0a 0a 78*93 0a 00)", R"("QUIT" 0a 0a 78*95)", "78*101",
                          R"("QUIT" 0a 0a "x\n"*47 "K" 00)", R"("QUIT" 0a "K="*48)"}) {
    for (const Segments& segments : EveryWay(Hex(hex), 10)) {
      EXPECT_EQ(Say(segments, 100, 100), std::vector<std::string>{"too long"}) << hex;
    }
  }
  // The line end of a message before does not count.
  for (const Segments& segments : EveryWay(most + "\r\n" + most, 10)) {
    EXPECT_EQ(Say(segments, 100).size(), 2u);
  }
}

TEST(DecoderTest, JudgesInTheOrderOfTheBytes) {
  for (const Segments& segments : EveryWay(Hex(R"("GET" 0a "no header" 0a 78*200)"), 10)) {
    EXPECT_EQ(Say(segments, 100), std::vector<std::string>{"malformed"});
  }
}

// ---- Bodies ----

std::string RoundTrip(const std::string& body) {
  const std::string bytes = Encode({.command = Command::kTxt,
                                    .session_id = "S12345",
                                    .source_user = std::string(kMaxShownNameBytes, 'a'),
                                    .target_user = std::string(kMaxShownNameBytes, 'b'),
                                    .body = body});
  const Decoded decoded = Decoder().Decode(bytes, kMaxMessageSize, kMaxFollowed);
  EXPECT_EQ(decoded.status, Status::kDone);
  EXPECT_EQ(decoded.size + 2, bytes.size()) << "one message, and its line end";
  return decoded.message.body.value_or("(none)");
}

TEST(BodyTest, IsReadAsItWasWritten) {
  const std::vector<std::string> bodies = {"",
                                           "hello",
                                           "\n",
                                           "\n\n\n",
                                           "a\n",
                                           "\na",
                                           "a\r",
                                           "a\r\n",
                                           "a\r\n\r\nb",
                                           "\r",
                                           "\r\r\n\r",
                                           "Status=Accepted\n\nTXT\nUserID=x",
                                           " \t\x01\x7f",
                                           std::string(kMaxBodyBytes, 'x'),
                                           Hex("0a*43"),
                                           Hex("0d0a*43")};
  for (const std::string& body : bodies) EXPECT_EQ(RoundTrip(body), body);
}

TEST(BodyTest, NewlinesBeyondTheRoomBecomeSpaces) {
  EXPECT_EQ(MaxBodyLines(3), 44u);
  EXPECT_EQ(RoundTrip(Hex("0a*44")), Hex("0a*43 20"));
  EXPECT_EQ(RoundTrip(Hex("\"a\n\"*50")), Hex("\"a\n\"*43 \"a \"*7"));
  EXPECT_EQ(RoundTrip(std::string(1000, '\n')), Hex("0a*43 20*957"));
}

// One text is one message, whatever it is: none is read as another packet.
TEST(BodyTest, AnyTextIsOneMessage) {
  const std::vector<std::string> parts = {
      "a",     "hello", " ",        "\n",   "\r\n",   "\r",           "\t",     "\x01",
      "\x7f",  "=",     "TXT",      "QUIT", "\r\n\n", "UserID=alice", "Status", "SessionID=S12345",
      "\\000", "é",     "\n\n\n\n", "\xff", "\u202e", "TXT\r\n\r\n"};
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string body;
    for (size_t n = random() % 200; n > 0; --n) body += parts[random() % parts.size()];
    if (i % 10 == 0) body.insert(random() % (body.size() + 1), std::string(1000, '\n'));
    const std::string read = RoundTrip(body);
    // All that may differ are newlines at the end that became spaces.
    EXPECT_EQ(absl::StrReplaceAll(read, {{"\n", " "}}), absl::StrReplaceAll(body, {{"\n", " "}}));
    size_t lines = 0;
    std::string expected = body;
    for (char& c : expected) {
      if (c == '\n' && ++lines >= MaxBodyLines(3)) c = ' ';
    }
    EXPECT_EQ(read, expected);
  }
}

TEST(BodyTest, TheLongestFitsWithTheLongestNames) {
  std::string body(kMaxBodyBytes, 'x');
  for (size_t i = 0; i < MaxBodyLines(3) - 1; ++i) body[i * 7] = '\n';
  EXPECT_EQ(RoundTrip(body), body);
}

// ---- What stands in headers ----

TEST(SessionIdTest, IsAnSAndFiveDigits) {
  EXPECT_EQ(SessionIdOf(0), "S00000");
  EXPECT_EQ(SessionIdOf(42), "S00042");
  EXPECT_EQ(SessionIdOf(kMaxTalks - 1), "S99999");
  EXPECT_EQ(ParseSessionId("S00000"), 0);
  EXPECT_EQ(ParseSessionId("S00042"), 42);
  EXPECT_EQ(ParseSessionId("S99999"), 99999);
  for (const char* none : {"", "S", "12345", "s12345", "S1234", "S123456", "S+1234", "S 1234",
                           "S-0001", "S1234x", "S12345 ", " S12345", "SS1234"}) {
    EXPECT_EQ(ParseSessionId(none), std::nullopt) << none;
  }
}

TEST(UserIdTest, FollowsTheDocument) {
  for (const char* good : {"alice", "ALICE", "a1234", "alice12345", "Zz9zz"}) {
    EXPECT_TRUE(IsUserId(good)) << good;
  }
  for (const char* bad : {"", "alic", "alice123456", "1alice", "ali ce", "alice_", "al-ice",
                          "alic\u00e9", "alice\n", "alice@7"}) {
    EXPECT_FALSE(IsUserId(bad)) << bad;
  }
}

TEST(PasswordTest, FollowsTheDocument) {
  for (const char* good : {"secret", "123456", "Secret1234567"}) {
    EXPECT_TRUE(IsPassword(good)) << good;
  }
  for (const char* bad : {"", "secre", "Secret12345678", "sec ret", "secret!", "secret\u00e9"}) {
    EXPECT_FALSE(IsPassword(bad)) << bad;
  }
}

}  // namespace
}  // namespace chat::crp
