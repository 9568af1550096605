// A file on its way through two servers, and those who chat there meanwhile.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "libchat/event/event.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/mesh/mesh_user.h"
#include "tools/testing/process.h"
#include "tools/testing/user/test_user.h"

namespace chat::tools {
namespace {

using testing::ExpectMesh;
using testing::MeshServer;
using testing::MeshUser;
using testing::Process;
using testing::ProcessOptions;
using testing::RunProcess;
using testing::TempDir;
using testing::TestUser;

constexpr int64_t kFileBytes = 50'000'000;
constexpr absl::Duration kSlowest = absl::Seconds(1);
constexpr int64_t kMostMemory = int64_t{64} << 20;

std::string RandomBytes(int64_t size) {
  static std::mt19937_64 random(1);
  std::string bytes(static_cast<size_t>(size), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string HashOf(const std::string& path) {
  const testing::Result result = RunProcess({"/usr/bin/sha256sum", path});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out.substr(0, 64);
}

struct RoundTrips {
  size_t count = 0;
  absl::Duration p50;
  absl::Duration p99;
};

// Of messages to everyone, from one of them to the other and back, until it is enough.
RoundTrips Measure(MeshUser& here, MeshUser& there, absl::string_view tag,
                   const std::function<bool(size_t)>& enough) {
  std::vector<absl::Duration> took;
  while (!enough(took.size())) {
    const absl::Time start = absl::Now();
    const std::string ping = absl::StrCat(tag, " ping ", took.size());
    const std::string pong = absl::StrCat(tag, " pong ", took.size());
    here.Say(ping);
    if (!there.Await({here.user(), ping})) break;
    there.Say(pong);
    if (!here.Await({there.user(), pong})) break;
    took.push_back(absl::Now() - start);
  }
  if (took.empty()) return {};
  std::sort(took.begin(), took.end());
  return {took.size(), took[took.size() / 2], took[took.size() * 99 / 100]};
}

void Report(absl::string_view when, const RoundTrips& trips) {
  std::cout << "round trips " << when << ": " << trips.count << ", p50 " << trips.p50 << ", p99 "
            << trips.p99 << std::endl;
  ::testing::Test::RecordProperty(absl::StrCat("p50_us_", when),
                                  static_cast<int>(absl::ToInt64Microseconds(trips.p50)));
  ::testing::Test::RecordProperty(absl::StrCat("p99_us_", when),
                                  static_cast<int>(absl::ToInt64Microseconds(trips.p99)));
}

std::vector<std::string> Command(absl::string_view tool, const MeshServer& server,
                                 absl::string_view user, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {testing::Runfile(absl::StrCat("tools/", tool, "/", tool)), "-s",
                                   server.url(), "-u", std::string(user)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

TEST(Files, FiftyMegabytesCrossWhileOthersChat) {
  MeshServer one(1, {.dialects = {"chaton"}}), two(2, {.dialects = {"chaton"}});
  one.Merge(two);
  ExpectMesh({&one, &two});
  MeshUser carol(one, "chaton", "carol"), dave(two, "chaton", "dave");
  Report("before", Measure(carol, dave, "before", [](size_t n) { return n == 500; }));

  const TempDir directory;
  const TempDir inbox;
  const std::string sent = directory.Write("big.bin", RandomBytes(kFileBytes));
  ProcessOptions options;
  options.outputs = {3};
  Process listener(Command("chat-listen", two, "bob",
                           {"--allow=alice@1", "--accept-files=" + inbox.path(), "--only=private",
                            "--count=1", "--ready-fd=3"}),
                   std::move(options));
  listener.WaitForLines(3, 1);
  std::atomic<bool> done = false;
  const absl::Time start = absl::Now();
  std::thread sending([&] {
    Process sender(Command("chat-send", one, "alice", {"--to=bob@2", "--file=" + sent}));
    EXPECT_EQ(sender.Wait(), 0) << sender.Stderr();
    EXPECT_EQ(listener.Wait(), 0) << listener.Stderr();
    done = true;
  });
  const RoundTrips during = Measure(carol, dave, "during", [&](size_t) { return done.load(); });
  const absl::Duration took = absl::Now() - start;
  sending.join();
  Report("during", during);
  std::cout << "the file took " << took << std::endl;

  EXPECT_EQ(HashOf(inbox.path() + "/big.bin"), HashOf(sent));
  EXPECT_GT(during.count, 10u);
  EXPECT_LT(during.p99, kSlowest);
  // Far from all of the file is ever in a server.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(one.MemoryPeak(), kMostMemory);
  EXPECT_LT(two.MemoryPeak(), kMostMemory);
#endif
  ExpectMesh({&one, &two});
}

// One piece of the one, one of the other: they have only their numbers to be told apart by.
TEST(Files, TwoAtOnceAreKeptApart) {
  MeshServer one(1), two(2);
  one.Merge(two);
  ExpectMesh({&one, &two});
  TestUser alice(one.url()), bob(two.url());
  alice.LogIn("alice");
  bob.LogIn("bob");
  const std::string files[] = {RandomBytes(1'000'000), RandomBytes(1'000'001)};
  std::thread sending([&] {
    for (size_t at = 0; at < files[1].size(); at += kFileChunkBytes) {
      for (int32_t i : {0, 1}) {
        const absl::string_view file = files[i];
        const absl::Status sent = alice.session().SendFileChunk({"bob", 2}, i, "same name",
                                                                static_cast<int64_t>(file.size()),
                                                                file.substr(at, kFileChunkBytes));
        EXPECT_TRUE(sent.ok()) << sent;
      }
    }
  });
  std::string received[2];
  while (received[0].size() < files[0].size() || received[1].size() < files[1].size()) {
    const auto piece = bob.Await<FileChunkReceived>();
    if (piece.from != User("alice", 1)) break;
    const auto i = static_cast<size_t>(piece.transfer);
    ASSERT_LT(i, 2u);
    EXPECT_EQ(piece.size, static_cast<int64_t>(files[i].size()));
    received[i] += piece.content;
  }
  sending.join();
  for (size_t i : {0, 1}) {
    received[i].resize(files[i].size());
    EXPECT_TRUE(received[i] == files[i]) << i;
  }
}

}  // namespace
}  // namespace chat::tools
