#include "libchat/testing/tcp_transcripts.h"

#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/tcp_world.h"
#include "libchat/testing/transcript.h"
#include "libchat/testing/transcript_files.h"

namespace chat::testing {
namespace {

// As every dialect listens by default.
std::vector<Listening> Everywhere() {
  std::vector<Listening> wanted;
  for (const Dialect* dialect : AllDialects()) {
    for (const DefaultListener& listener : dialect->default_listeners()) {
      wanted.push_back({dialect, listener.options, 0});
    }
  }
  return wanted;
}

class TcpTranscripts : public ::testing::TestWithParam<TranscriptFile> {
 protected:
  // With a server of its own, so that no name is taken by who left a moment ago.
  void ExpectPlays(const Arrival& arrival) {
    const absl::StatusOr<Transcript> transcript = ParseTranscript(GetParam().text);
    ASSERT_TRUE(transcript.ok()) << GetParam().path << ": " << transcript.status();
    const std::unique_ptr<RunningServer> server = StartServer(Everywhere());
    ASSERT_NE(server, nullptr);
    TcpWorld world([&](const Dialect& dialect, const DialectOptions& options) -> uint16_t {
      for (const Listening& at : server->listening()) {
        if (at.dialect == &dialect && at.options == options) return at.port;
      }
      return 0;
    });
    const absl::Status status = Play(*transcript, PlayersOf(GetParam()), world, arrival);
    if (absl::IsUnimplemented(status)) GTEST_SKIP() << status.message();
    EXPECT_TRUE(status.ok()) << GetParam().path << ": " << status.message() << "\n# "
                             << transcript->rule;
  }
};

TEST_P(TcpTranscripts, Whole) { ExpectPlays({Arrival::How::kWhole}); }
TEST_P(TcpTranscripts, ByteByByte) { ExpectPlays({Arrival::How::kByteByByte}); }
TEST_P(TcpTranscripts, Joined) { ExpectPlays({Arrival::How::kJoined}); }

INSTANTIATE_TEST_SUITE_P(All, TcpTranscripts, ::testing::ValuesIn(TranscriptFiles()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chat::testing
