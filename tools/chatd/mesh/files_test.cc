// A file on its way through two servers, and those who chat there meanwhile.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "libchat/event/event.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/mesh/mesh_user.h"
#include "tools/testing/user/test_user.h"

namespace chat::tools {
namespace {

using testing::ExpectMesh;
using testing::MeshServer;
using testing::MeshUser;
using testing::RunProcess;
using testing::TempDir;
using testing::TestUser;

constexpr int64_t kFileBytes = 50'000'000;
constexpr absl::Duration kSlowest = absl::Seconds(1);
constexpr int64_t kMostMemory = int64_t{64} << 20;

std::string RandomBytes(int64_t size) {
  std::mt19937_64 random(1);
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

// As chat-send does it.
void SendFile(TestUser& sender, UserRef to, const std::string& bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  for (size_t at = 0; at < bytes.size(); at += kFileChunkBytes) {
    const absl::Status sent = sender.session().SendFileChunk(
        to, 1, "big.bin", size, absl::string_view(bytes).substr(at, kFileChunkBytes));
    ASSERT_TRUE(sent.ok()) << sent;
  }
}

void ReceiveFile(TestUser& receiver, const UserRef& from, std::ofstream& file) {
  for (int64_t left = kFileBytes; left > 0;) {
    const auto chunk = receiver.Await<FileChunkReceived>();
    ASSERT_EQ(chunk.from, User(from));
    ASSERT_EQ(chunk.size, kFileBytes);
    const int64_t size = std::min<int64_t>(left, static_cast<int64_t>(chunk.content.size()));
    file.write(chunk.content.data(), size);
    left -= size;
  }
  file.close();
  ASSERT_TRUE(file.good());
}

TEST(Files, FiftyMegabytesCrossWhileOthersChat) {
  MeshServer one(1, {.dialects = {"chaton"}}), two(2, {.dialects = {"chaton"}});
  one.Merge(two);
  ExpectMesh({&one, &two});
  MeshUser carol(one, "chaton", "carol"), dave(two, "chaton", "dave");
  const RoundTrips before = Measure(carol, dave, "before", [](size_t n) { return n == 500; });
  Report("before", before);

  const TempDir directory;
  const std::string bytes = RandomBytes(kFileBytes);
  const std::string sent = directory.Write("sent", bytes);
  const std::string received = directory.Write("received", "");
  TestUser alice(one.url()), bob(two.url());
  alice.LogIn("alice");
  bob.LogIn("bob");
  std::atomic<bool> done = false;
  std::thread sending([&] { SendFile(alice, {"bob", 2}, bytes); });
  std::thread receiving([&] {
    std::ofstream file(received, std::ios::binary);
    ReceiveFile(bob, {"alice", 1}, file);
    done = true;
  });
  const absl::Time start = absl::Now();
  const RoundTrips during = Measure(carol, dave, "during", [&](size_t) { return done.load(); });
  const absl::Duration took = absl::Now() - start;
  sending.join();
  receiving.join();
  Report("during", during);
  std::cout << "the file took " << took << std::endl;

  EXPECT_EQ(HashOf(received), HashOf(sent));
  EXPECT_GT(during.count, 10u);
  EXPECT_LT(during.p99, kSlowest);
  // Far from all of the file is ever in a server.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(one.MemoryPeak(), kMostMemory);
  EXPECT_LT(two.MemoryPeak(), kMostMemory);
#endif
  ExpectMesh({&one, &two});
}

}  // namespace
}  // namespace chat::tools
