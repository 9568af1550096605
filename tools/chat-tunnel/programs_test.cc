// Programs that know nothing of chat, through real chat-tunnels and a real chatd.

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/pump/testing.h"
#include "tools/chat-tunnel/testing.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"

namespace chat::testing {
namespace {

using ::testing::HasSubstr;

bool IsThere(const std::string& program) { return access(program.c_str(), X_OK) == 0; }

TEST(Programs, CurlFromPythonsWebServerTwentyAtOnce) {
  const std::string python = "/usr/bin/python3";
  const std::string curl = "/usr/bin/curl";
  if (!IsThere(python) || !IsThere(curl)) GTEST_SKIP() << "python3 or curl is not installed";
  TempDir directory;
  const std::string page = RandomBytes(2'345'678, 42);
  directory.Write("page", page);
  Process web({python, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory",
               directory.path()});
  const std::string said = web.WaitForText(1, "(http://127.0.0.1:");
  const std::string port =
      said.substr(said.find("port ") + 5, said.find(" (http") - 5 - said.find("port "));

  ChatServer server;
  RunningTunnel bob(server, "bob", {"--accept=127.0.0.1:" + port, "--allow=ann"});
  RunningTunnel ann(server, "ann", {"-L", "0:bob"});
  std::vector<std::unique_ptr<Process>> fetches;
  for (int i = 0; i < 20; ++i) {
    fetches.push_back(std::make_unique<Process>(std::vector<std::string>{
        curl, "--silent", "--show-error", "--noproxy", "*", "http://" + ann.address() + "/page"}));
  }
  for (const std::unique_ptr<Process>& fetch : fetches) {
    EXPECT_EQ(fetch->Wait(), 0) << fetch->Stderr();
    EXPECT_TRUE(fetch->Stdout() == page) << fetch->Stdout().size() << " bytes";
  }
}

TEST(Programs, RedisThroughAUnixSocket) {
  const std::string redis = "/usr/bin/redis-server";
  const std::string client = "/usr/bin/redis-cli";
  if (!IsThere(redis) || !IsThere(client)) GTEST_SKIP() << "redis-server is not installed";
  TempDir directory;
  const std::string socket = directory.path() + "/redis.sock";
  Process database(
      {redis, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", directory.path()});
  // Redis 7.0 goes on with the path, Redis 8 does not.
  database.WaitForText(1, "eady to accept connections");

  ChatServer server;
  RunningTunnel bob(server, "bob", {"--accept=unix:" + socket, "--allow=ann"});
  RunningTunnel ann(server, "ann", {"-L", "0:bob"});
  const std::vector<std::string> cli = {client, "-p", absl::StrCat(ann.port())};
  const auto run = [&](std::vector<std::string> words, absl::string_view input) {
    words.insert(words.begin(), cli.begin(), cli.end());
    return RunProcess(std::move(words), input);
  };
  EXPECT_EQ(run({"PING"}, "").out, "PONG\n");
  const std::string value(3'000'000, 'v');
  EXPECT_EQ(run({"-x", "SET", "key"}, value).out, "OK\n");
  EXPECT_TRUE(run({"GET", "key"}, "").out == value + "\n");
  // Ten thousand commands in a pipeline.
  std::string pipeline;
  for (int i = 0; i < 10'000; ++i) pipeline += "INCR counter\r\n";
  const Result piped = run({"--pipe"}, pipeline);
  EXPECT_THAT(piped.out, HasSubstr("errors: 0, replies: 10000"));
  EXPECT_EQ(run({"GET", "counter"}, "").out, "10000\n");
}

}  // namespace
}  // namespace chat::testing
