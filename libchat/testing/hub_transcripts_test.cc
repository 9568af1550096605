// Plays every transcript on the real hub, without sockets and in virtual time.
//
//   TRANSCRIPTS_REWRITE=1 bazel run //libchat/testing:hub_transcripts_test
// writes what really comes into the files under testdata/; read the diff.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/hub_world.h"
#include "libchat/testing/transcript.h"
#include "libchat/testing/transcript_files.h"

namespace chat::testing {
namespace {

constexpr uint32_t kSeeds = 20;

class HubTranscripts : public ::testing::TestWithParam<TranscriptFile> {
 protected:
  void ExpectPlays(const Arrival& arrival) {
    const absl::StatusOr<Transcript> transcript = ParseTranscript(GetParam().text);
    ASSERT_TRUE(transcript.ok()) << GetParam().path << ": " << transcript.status();
    HubWorld world(AllDialects());
    const absl::Status status = Play(*transcript, PlayersOf(GetParam()), world, arrival);
    EXPECT_TRUE(status.ok()) << GetParam().path << ": " << status.message() << "\n# "
                             << transcript->rule;
  }
};

TEST_P(HubTranscripts, Whole) { ExpectPlays({Arrival::How::kWhole}); }
TEST_P(HubTranscripts, ByteByByte) { ExpectPlays({Arrival::How::kByteByByte}); }
TEST_P(HubTranscripts, Joined) { ExpectPlays({Arrival::How::kJoined}); }
TEST_P(HubTranscripts, CutAtRandom) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    ExpectPlays({Arrival::How::kRandom, seed});
  }
}

TEST_P(HubTranscripts, IsWhatARewriteWouldWrite) {
  const absl::StatusOr<Transcript> transcript = ParseTranscript(GetParam().text);
  ASSERT_TRUE(transcript.ok()) << GetParam().path << ": " << transcript.status();
  HubWorld world(AllDialects());
  const absl::StatusOr<std::string> rewritten = Rewrite(*transcript, PlayersOf(GetParam()), world);
  ASSERT_TRUE(rewritten.ok()) << GetParam().path << ": " << rewritten.status();
  const char* const workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (std::getenv("TRANSCRIPTS_REWRITE") != nullptr && workspace != nullptr) {
    std::ofstream(std::string(workspace) + "/" + GetParam().path, std::ios::binary) << *rewritten;
  }
  EXPECT_EQ(*rewritten, GetParam().text) << GetParam().path;
}

INSTANTIATE_TEST_SUITE_P(All, HubTranscripts, ::testing::ValuesIn(TranscriptFiles()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chat::testing
