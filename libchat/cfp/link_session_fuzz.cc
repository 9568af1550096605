// The link session on anything: the first byte chooses what has happened on the link and how its
// host answers, the rest is what the other server sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/cfp/link_session.h"
#include "libchat/cfp/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/segments.h"

namespace chat::cfp {
namespace {

using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Segments;

// What is never kept: the longest packet that is taken is a MRGRSP of kMaxSiblings.
constexpr size_t kMostKept = 1 + 4 + 4 + kMaxSiblings * kSiblingBytes;

void Check(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> calls;
  Next next = Next::kMore;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(uint8_t mode, const Segments& segments) {
  FakeHost host;
  LinkSession session(MergeOffer{1000, {}}, {}, host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  session.OnConnected();
  if (mode & 1) feeder.Feed(absl::string_view("\xa1\0\0\0\x05\0\0\0\0", 9));
  if (mode & 2) host.forwarded = false;
  if (mode & 4) host.merge_answer_taken = false;
  host.sent.clear();
  for (const std::string& segment : segments) {
    if (feeder.Feed(segment) == Next::kMore) Check(feeder.rest().size() < kMostKept);
  }
  Check(host.sent.empty());  // nothing that the other says is answered
  return {host.TakeCalls(), feeder.next()};
}

}  // namespace
}  // namespace chat::cfp

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::cfp::Run;
  if (size == 0) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = Run(data[0], chat::testing::Whole(in));
  chat::cfp::Check(Run(data[0], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::cfp::Check(Run(data[0], chat::testing::Random(in, random)) == whole);
  return 0;
}
