// The server session on anything: the first byte chooses whether the client has logged in and asked
// somebody, the second how its host answers, the rest is what the client sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/chatos/packets.h"
#include "libchat/chatos/server_session.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::chatos {
namespace {

using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Segments;

// What is never kept: 2 + 8 + 41 + 1 + 1024 + 1 bytes are the longest packet that is taken.
constexpr size_t kMostKept = 1077;

constexpr DecodeLimits kLimits = {.proposal = 30, .name = 41, .text = 1024, .frame = 65536};

void Check(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> calls;
  std::string sent;
  Next next = Next::kMore;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(uint8_t mode, uint8_t answers, const Segments& segments) {
  FakeHost host;
  ServerSession session({}, host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  if (mode & 1) feeder.Feed(chat::testing::Hex("0000 \"alice\" 00"));
  if (mode & 2) feeder.Feed(chat::testing::Hex("0004 \"bob\" 00"));
  if (answers & 1) host.login = LoginResult::kTaken;
  if (answers & 2) host.private_delivery = Delivery::kNoSuchUser;
  if (answers & 4) host.private_delivery = Delivery::kNoConsent;
  if (answers & 8) host.ask_delivery = Delivery::kNoSuchUser;
  if (answers & 16) host.ask_delivery = Delivery::kNotPossible;
  if (answers & 32) host.answer_delivery = Delivery::kNotPossible;
  for (const std::string& segment : segments) {
    if (feeder.Feed(segment) == Next::kMore) Check(feeder.rest().size() < kMostKept);
  }
  return {host.TakeCalls(), host.TakeSent(), feeder.next()};
}

// All that a server says is packets.
void CheckPackets(absl::string_view sent) {
  while (!sent.empty()) {
    const Decoded decoded = Decoder().Decode(sent, kLimits);
    Check(decoded.status == Decoded::Status::kDone);
    sent.remove_prefix(decoded.size);
  }
}

}  // namespace
}  // namespace chat::chatos

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::chatos::Run;
  if (size < 2) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = Run(data[0], data[1], chat::testing::Whole(in));
  chat::chatos::CheckPackets(whole.sent);
  chat::chatos::Check(Run(data[0], data[1], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::chatos::Check(Run(data[0], data[1], chat::testing::Random(in, random)) == whole);
  return 0;
}
