// The direct session on anything: the first byte chooses the side, and whether its peer has proved
// itself, the rest is what the peer sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/chathack/direct_session.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/segments.h"

namespace chat::chathack {
namespace {

using chat::testing::FakeDirectHost;
using chat::testing::Feeder;
using chat::testing::Segments;

// What is never kept: 1 + 4 + 41 + 4 + 255 + 4 + 1024 bytes are the longest packet.
constexpr size_t kMostKept = 1333;

void Check(bool holds) {
  if (!holds) std::abort();
}

// The peer is "alice", and the id 0x0102030405060708.
constexpr int64_t kId = 0x0102030405060708;
constexpr absl::string_view kProof(
    "\x09\0\0\0\x05"
    "alice\1\2\3\4\5\6\7\x08",
    18);

struct Outcome {
  std::vector<std::string> events;
  std::string sent;
  Next next = Next::kMore;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(uint8_t mode, const Segments& segments) {
  using Side = DirectOptions::Side;
  FakeDirectHost host;
  DirectSession session({mode & 1 ? Side::kConnects : Side::kListens, "bob", "alice", kId}, host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  session.Start();
  if (mode & 2) feeder.Feed(kProof);
  for (const std::string& segment : segments) {
    if (feeder.Feed(segment) == Next::kMore) Check(feeder.rest().size() < kMostKept);
  }
  if (feeder.next() == Next::kMore && feeder.rest().empty()) session.OnEnd();
  return {std::move(host.events), std::move(host.sent), feeder.next()};
}

}  // namespace
}  // namespace chat::chathack

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::chathack::Run;
  if (size == 0) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = Run(data[0], chat::testing::Whole(in));
  chat::chathack::Check(Run(data[0], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::chathack::Check(Run(data[0], chat::testing::Random(in, random)) == whole);
  return 0;
}
