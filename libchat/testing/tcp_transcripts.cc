#include "libchat/testing/tcp_transcripts.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/tcp_world.h"
#include "libchat/testing/transcript.h"
#include "libchat/testing/transcript_files.h"

namespace chat::testing {
namespace {

// As every dialect listens by default, and as the transcripts connect.
std::vector<Listening> Everywhere() {
  std::vector<Listening> wanted;
  const auto add = [&](const Dialect* dialect, const DialectOptions& options) {
    const auto same = [&](const Listening& one) {
      return one.dialect == dialect && one.options == options;
    };
    if (std::none_of(wanted.begin(), wanted.end(), same)) wanted.push_back({dialect, options, 0});
  };
  for (const Dialect* dialect : AllDialects()) {
    for (const DefaultListener& listener : dialect->default_listeners()) {
      add(dialect, listener.options);
    }
  }
  for (const TranscriptFile& file : TranscriptFiles()) {
    const absl::StatusOr<Transcript> transcript = ParseTranscript(file.text);
    if (!transcript.ok()) continue;  // its own test says so
    for (const Connecting& one : ConnectionsOf(*transcript, PlayersOf(file))) {
      if (one.dialect != nullptr && one.dialect->CheckOptions(one.options).ok()) {
        add(one.dialect, one.options);
      }
    }
  }
  return wanted;
}

// One server for all: who has played has left, and has seen the server close, before the next
// begins.
class TcpTranscripts : public ::testing::TestWithParam<TranscriptFile> {
 protected:
  static void TearDownTestSuite() { server_.reset(); }

  void ExpectPlays(const Arrival& arrival) {
    const absl::StatusOr<Transcript> transcript = ParseTranscript(GetParam().text);
    ASSERT_TRUE(transcript.ok()) << GetParam().path << ": " << transcript.status();
    if (server_ == nullptr) server_ = StartServer(Everywhere());
    ASSERT_NE(server_, nullptr);
    const absl::Status status = PlayOverTcp(*transcript, arrival);
    if (!status.ok()) server_.reset();  // it may not have seen yet that all have left
    if (absl::IsUnimplemented(status)) GTEST_SKIP() << status.message();
    EXPECT_TRUE(status.ok()) << GetParam().path << ": " << status.message() << "\n# "
                             << transcript->rule;
  }

 private:
  absl::Status PlayOverTcp(const Transcript& transcript, const Arrival& arrival) {
    server_->ForgetAccounts();
    TcpWorld world(FindPort);
    return Play(transcript, PlayersOf(GetParam()), world, arrival);
  }

  static uint16_t FindPort(const Dialect& dialect, const DialectOptions& options) {
    for (const Listening& at : server_->listening()) {
      if (at.dialect == &dialect && at.options == options) return at.port;
    }
    return 0;
  }

  static std::unique_ptr<RunningServer> server_;
};

std::unique_ptr<RunningServer> TcpTranscripts::server_;

TEST_P(TcpTranscripts, Whole) { ExpectPlays({Arrival::How::kWhole}); }
TEST_P(TcpTranscripts, ByteByByte) { ExpectPlays({Arrival::How::kByteByByte}); }
TEST_P(TcpTranscripts, Joined) { ExpectPlays({Arrival::How::kJoined}); }

INSTANTIATE_TEST_SUITE_P(All, TcpTranscripts, ::testing::ValuesIn(TranscriptFiles()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chat::testing
