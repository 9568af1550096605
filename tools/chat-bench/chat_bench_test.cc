// The real chat-bench against the real chatd, redis-server and HAProxy.

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tools/testing/process.h"

namespace chat::bench {
namespace {

using ::chat::testing::Process;
using ::chat::testing::ProcessOptions;
using ::chat::testing::Result;
using ::chat::testing::Runfile;
using ::chat::testing::RunProcess;
using ::chat::testing::TempDir;
using ::nlohmann::json;
using ::testing::HasSubstr;

constexpr char kBench[] = "tools/chat-bench/chat-bench";
constexpr char kChatd[] = "tools/chatd/chatd";

// A server of the test's own.
class Chatd {
 public:
  Chatd()
      : process_({Runfile(kChatd), "--listen", "chaton://127.0.0.1:0", "--ready-fd", "3", "--admin",
                  absl::StrCat("unix:", directory_.path(), "/admin"), "--data-dir",
                  absl::StrCat(directory_.path(), "/data")},
                 Options()) {
    const std::string ready = process_.WaitForText(3, "\n\n");
    url_ = ready.substr(0, ready.find('\n'));
  }

  const std::string& url() const { return url_; }
  std::string pid() const { return absl::StrCat(process_.pid()); }

 private:
  static ProcessOptions Options() {
    ProcessOptions options;
    options.outputs = {3};
    return options;
  }

  TempDir directory_;
  Process process_;
  std::string url_;
};

Result Bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Runfile(kBench));
  return RunProcess(arguments);
}

TEST(ChatBench, CountsTheDeliveriesOfChatd) {
  const Chatd chatd;
  const Result result =
      Bench({"fanout", "-s", chatd.url(), "-n", "5", "--window", "8", "--messages", "200",
             "--warm-up", "0.01", "--size", "100", "--pid", chatd.pid(), "-o", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report["verb"], "fanout");
  EXPECT_EQ(report["messages"], 200);
  EXPECT_EQ(report["deliveries_include_sender_echo"], true);
  EXPECT_EQ(report["deliveries"], 200 * (5 + 1));
  EXPECT_GT(report["frame_bytes"], 100);
  EXPECT_GT(report["deliveries_per_second"], 0);
  EXPECT_GE(report["server_cpu_us_per_delivery"], 0);
  EXPECT_GT(report["confirmation_p50_us"], 0);
  EXPECT_GE(report["last_delivery_p99_us"], report["last_delivery_p50_us"]);
}

TEST(ChatBench, MeasuresForAWhile) {
  const Chatd chatd;
  const Result result = Bench({"fanout", "-s", chatd.url(), "-n", "2", "--window", "1",
                               "--duration", "0.1", "--warm-up", "0", "-o", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_GE(report["seconds"], 0.1);
  EXPECT_EQ(report["deliveries"], report["messages"].get<int>() * 3);
  EXPECT_FALSE(report.contains("server_cpu_us_per_delivery"));
}

TEST(ChatBench, VerifiesAStreamThroughARelayOfChatd) {
  const Chatd chatd;
  const Result result = Bench({"tunnel", "-s", chatd.url(), "--bytes", "20000001", "--verify",
                               "--pid", chatd.pid(), "-o", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report["verb"], "tunnel");
  EXPECT_EQ(report["verified"], true);
  EXPECT_EQ(report["bytes"], 20000001);
  EXPECT_GE(report["server_cpu_seconds_per_gib"], 0);
}

TEST(ChatBench, PrintsATable) {
  const Chatd chatd;
  const Result result =
      Bench({"fanout", "-s", chatd.url(), "-n", "1", "--messages", "10", "--warm-up", "0"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\ndeliveries                                       20\n"));
}

TEST(ChatBench, SaysHowItFailed) {
  EXPECT_EQ(Bench({"fanout", "--no-such-flag"}).exit_code, 64);
  EXPECT_EQ(Bench({"fanout", "-s", "nosuch://127.0.0.1"}).exit_code, 64);
  EXPECT_EQ(Bench({"fanout", "-s", "redis://127.0.0.1"}).exit_code, 64);
  EXPECT_EQ(Bench({"tunnel", "--via", "127.0.0.1:1"}).exit_code, 64);
  EXPECT_EQ(Bench({"--help"}).exit_code, 0);
  EXPECT_THAT(Bench({"fanout", "-s", "crp://127.0.0.1"}).err, HasSubstr("crp has no public room"));
  // Nobody can listen on port 1 but root, who does not.
  const Result refused = Bench({"fanout", "-s", "chaton://127.0.0.1:1"});
  EXPECT_EQ(refused.exit_code, 69);
  EXPECT_THAT(refused.err, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(refused.out, "");
}

bool Installed(const std::string& program) {
  return access(absl::StrCat("/usr/bin/", program).c_str(), X_OK) == 0 ||
         access(absl::StrCat("/usr/sbin/", program).c_str(), X_OK) == 0;
}

TEST(Compare, MeasuresAllCasesAlike) {
  if (!Installed("redis-server") || !Installed("haproxy")) {
    GTEST_SKIP() << "needs redis-server and haproxy";
  }
  const std::vector<std::string> names = {
      "fanout-50x256",  "fanout-50x1",   "fanout-1000x256", "fanout-1000x1", "tunnel",
      "tunnel-spliced", "chatos-50x256", "chathack-50x256", "cfp-50x256",    "cfp-50x1"};
  std::vector<std::string> command = {Runfile("tools/chat-bench/compare"),
                                      "--chatd",
                                      Runfile(kChatd),
                                      "--bench",
                                      Runfile(kBench),
                                      "--rounds",
                                      "2",
                                      "--seconds",
                                      "0.1",
                                      "-o",
                                      "json"};
  for (const std::string& name : names) command.push_back("--only=" + name);
  const Result result = RunProcess(command);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_GT(report["machine"]["cpus"], 0);
  const json cases = report["cases"];
  EXPECT_EQ(cases.size(), names.size());
  for (const json& each : cases) {
    EXPECT_EQ(each["rounds"].size(), 2u);
    for (const json& round : each["rounds"]) {
      const json& chatd = round[each["chatd_as"].get<std::string>()];
      EXPECT_GE(chatd["others_cpu_share"], 0);
      EXPECT_LE(chatd["others_cpu_share"], 1);
      if (each["peer"] == "chaton") {
        EXPECT_GT(chatd["deliveries_per_second"], 0);
        EXPECT_EQ(chatd["window"], round["chaton"]["window"]);
      }
      if (each["peer"] != "redis") continue;
      const json& redis = round["redis"];
      EXPECT_EQ(chatd["window"], redis["window"]);
      EXPECT_EQ(chatd["deliveries"],
                chatd["messages"].get<int64_t>() * (chatd["receivers"].get<int64_t>() + 1));
      EXPECT_EQ(redis["deliveries"],
                redis["messages"].get<int64_t>() * redis["receivers"].get<int64_t>());
    }
  }
}

TEST(Compare, MeasuresOnlyWhatItIsAskedFor) {
  if (!Installed("haproxy")) GTEST_SKIP() << "needs haproxy";
  const Result result =
      RunProcess({Runfile("tools/chat-bench/compare"), "--chatd", Runfile(kChatd), "--bench",
                  Runfile(kBench), "--rounds", "1", "--seconds", "0.1", "--only", "tunnel"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("tunnel: chatd's chaton and haproxy\n"));
  EXPECT_THAT(result.out, HasSubstr("\nmedian "));
}

}  // namespace
}  // namespace chat::bench
