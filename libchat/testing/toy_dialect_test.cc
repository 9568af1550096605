#include "libchat/testing/toy_dialect.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/hub_world.h"
#include "libchat/testing/notation.h"
#include "libchat/testing/session_pair.h"
#include "libchat/testing/transcript.h"

namespace chat::testing {
namespace {

using ::testing::ElementsAre;

// Toy speaks no notation of its own: its transcripts are lines in quotes.
class Quoted final : public Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text, const DialectOptions&) const override {
    return std::string(text) + "\n";
  }
  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions&,
                              std::string* text) const override {
    const size_t end = bytes.find('\n');
    if (end == absl::string_view::npos) return 0;
    *text = std::string(bytes.substr(0, end));
    return end + 1;
  }
};

const Notation* FindNotationOrToy(absl::string_view dialect) {
  static const Quoted& quoted = *new Quoted;
  return dialect == "toy" ? &quoted : FindNotation(dialect);
}

// A dialect that the rest of the house has never heard of meets one of its own, on the same hub.
TEST(ToyDialectTest, ASixthDialectNeedsOnlyItsFolder) {
  std::vector<const Dialect*> dialects = AllDialects();
  dialects.push_back(&ToyDialect());
  const absl::StatusOr<Transcript> transcript = ParseTranscript(
      R"(# Users of a new dialect and of an old one hear each other.
T > tom
A connect chaton
A > LOGIN login="tom"
A < LOGIN_REFUSED
A > LOGIN login="alice"
A < LOGIN_ACCEPTED
T > hello
T < tom: hello
A < MESSAGE login="tom" msg="hello"
A > MESSAGE login="alice" msg="two\nlines"
A < MESSAGE login="alice" msg="two\nlines"
T < alice: two lines
A > MESSAGE_PRIVATE login_sender="alice" login_target="tom" msg="psst"
A > REQUEST_PRIVATE login_requester="alice" login_target="tom"
T > half-close
T < closed
)");
  ASSERT_TRUE(transcript.ok()) << transcript.status();
  const Players players = {
      .dialect = &ToyDialect(), .find_dialect = FindDialect, .find_notation = FindNotationOrToy};
  for (Arrival::How how : {Arrival::How::kWhole, Arrival::How::kByteByByte}) {
    HubWorld world(dialects);
    const absl::Status status = Play(*transcript, players, world, {how});
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(ToyDialectTest, HasAClientToo) {
  SessionPair pair(ToyDialect(), {});
  ASSERT_TRUE(pair.client().Login("tom").ok());
  ASSERT_TRUE(pair.client().SendPublic(1, *Text::From("hello")).ok());
  pair.Exchange(1);
  EXPECT_THAT(pair.server_host().calls, ElementsAre("Login tom", "Publish \"hello\""));
  pair.Say(User("alice"), "hi");
  pair.Exchange(1);
  EXPECT_THAT(pair.client_host().events,
              ElementsAre("LoggedIn", "Received alice -> everyone: \"hi\""));
}

}  // namespace
}  // namespace chat::testing
