#include "libchat/testing/transcript.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/hub_world.h"

namespace chat::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kTalk[] = R"(# Two users hear each other.
A > LOGIN login="alice"
A < LOGIN_ACCEPTED
B connect long_bytes=8
B > hex 00 00000003 "bob"
B < hex 01
# Everybody gets it.
A > MESSAGE login="alice" msg="hi"
B < MESSAGE login="alice" msg="hi"
A < MESSAGE login="alice" msg="hi"
A > REQUEST_PRIVATE login_requester="alice" login_target="bob"
B < REQUEST_PRIVATE login_requester="alice" login_target="bob"
B > OK_PRIVATE login_requester="alice" login_target="bob"
A < ID_PRIVATE login_requester="alice" login_target="bob" connect_id=$id
B < ID_PRIVATE login_requester="alice" login_target="bob" connect_id=$id
C > LOGIN_PRIVATE connect_id=$id
wait 60s
C < closed
A > half-close
A < closed
)";

class TranscriptTest : public ::testing::Test {
 protected:
  TranscriptTest()
      : players_{.dialect = FindDialect("chaton"),
                 .find_dialect = FindDialect,
                 .find_notation = FindNotation} {}

  // The error of playing `text`, or "".
  std::string ErrorOf(absl::string_view text, Arrival::How how = Arrival::How::kWhole) {
    const absl::StatusOr<Transcript> transcript = ParseTranscript(text);
    if (!transcript.ok()) return std::string(transcript.status().message());
    HubWorld world(AllDialects());
    return std::string(Play(*transcript, players_, world, {how}).message());
  }

  std::string Rewritten(absl::string_view text) {
    HubWorld world(AllDialects());
    return Rewrite(*ParseTranscript(text), players_, world).value_or("failed");
  }

  const Players players_;
};

TEST_F(TranscriptTest, PlaysHoweverItIsCut) {
  for (Arrival::How how : {Arrival::How::kWhole, Arrival::How::kByteByByte, Arrival::How::kJoined,
                           Arrival::How::kRandom}) {
    EXPECT_EQ(ErrorOf(kTalk, how), "");
  }
  EXPECT_EQ(Rewritten(kTalk), kTalk);
}

// `line` in the place of line number `number` of kTalk.
std::string With(int number, absl::string_view line) {
  std::string text;
  int at = 0;
  for (absl::string_view old : absl::StrSplit(absl::StripSuffix(kTalk, "\n"), '\n')) {
    ++at;
    if (at != number) absl::StrAppend(&text, old, "\n");
    if (at == number && !line.empty()) absl::StrAppend(&text, line, "\n");
  }
  return text;
}

TEST_F(TranscriptTest, SaysWhatCameInstead) {
  EXPECT_THAT(ErrorOf(With(3, "A < LOGIN_REFUSED")),
              AllOf(HasSubstr("line 3"), HasSubstr("there comes LOGIN_ACCEPTED")));
  EXPECT_THAT(ErrorOf(With(6, "B < hex 02")), HasSubstr("line 6: there comes LOGIN_ACCEPTED"));
  EXPECT_THAT(ErrorOf(With(9, R"(B < MESSAGE login="alice" msg="ho")")),
              HasSubstr(R"(line 9: there comes MESSAGE login="alice" msg="hi")"));
  EXPECT_THAT(ErrorOf(With(3, "A < closed")), HasSubstr("line 3: before it comes LOGIN_ACCEPTED"));
  EXPECT_THAT(ErrorOf(With(18, "C < half-close")), HasSubstr("line 18: the connection is closed"));
  EXPECT_THAT(ErrorOf(With(20, "A < LOGIN_ACCEPTED")),
              HasSubstr("line 20: there comes nothing; the connection is closed"));
  EXPECT_THAT(
      ErrorOf(
          With(15, R"(B < ID_PRIVATE login_requester="alice" login_target="bob" connect_id=-1)")),
      HasSubstr("line 15: there comes ID_PRIVATE"));
}

TEST_F(TranscriptTest, SaysWhatCameToo) {
  EXPECT_THAT(ErrorOf(With(10, "")), AllOf(HasSubstr("line 8: below it, there also comes for A"),
                                           HasSubstr(R"(MESSAGE login="alice" msg="hi")")));
  EXPECT_THAT(ErrorOf(With(18, "")), HasSubstr("the connection of C is closed"));
}

TEST_F(TranscriptTest, NamesTheLineThatIsWrong) {
  EXPECT_THAT(ErrorOf(With(1, R"(A > LOGIN login="a")")), HasSubstr("line 1"));
  EXPECT_THAT(ErrorOf(With(2, "A says hello")), HasSubstr("line 2"));
  EXPECT_THAT(ErrorOf(With(2, "A > HELLO")), HasSubstr("line 2: not a chaton packet"));
  EXPECT_THAT(ErrorOf(With(5, "B > hex 0")), HasSubstr("line 5"));
  EXPECT_THAT(ErrorOf(With(4, "B connect morse")), HasSubstr("line 4: no dialect in: morse"));
  EXPECT_THAT(ErrorOf(With(4, "B connect long_bytes=3")), HasSubstr("line 4"));
  EXPECT_THAT(ErrorOf(With(7, "B connect")), HasSubstr("line 7: is connected already"));
  EXPECT_THAT(ErrorOf(With(17, "wait long")), HasSubstr("line 17"));
}

TEST_F(TranscriptTest, IsRewrittenBelowWhatHasOtherResults) {
  EXPECT_EQ(Rewritten(With(3, "A < LOGIN_REFUSED")), kTalk);
  EXPECT_EQ(Rewritten(With(3, "")), kTalk);
  EXPECT_EQ(Rewritten(With(18, "")), kTalk);
  EXPECT_EQ(Rewritten(With(10, R"(A < MESSAGE login="eve" msg="hi")")), kTalk);
}

}  // namespace
}  // namespace chat::testing
