// The server session on anything: the first byte chooses the LONGs and whether the client has
// logged in, the second how its host answers, the rest is what the client sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/chaton/packets.h"
#include "libchat/chaton/server_session.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::chaton {
namespace {

using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Segments;

// What is never kept: 1 + 4 + 41 + 4 + 41 + 4 + 1024 bytes are the longest packet that is taken.
constexpr size_t kMostKept = 1119;

void Check(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> calls;
  std::string sent;
  Next next = Next::kMore;
  std::string rest;  // for a relay

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(uint8_t mode, uint8_t answers, const Segments& segments) {
  FakeHost host;
  ServerSession session(mode % 2 == 0 ? LongBytes::kFour : LongBytes::kEight, {}, host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  if (mode & 2) feeder.Feed(chat::testing::Hex("00 00000005 \"alice\""));
  if (answers & 1) host.login = LoginResult::kTaken;
  if (answers & 2) host.private_delivery = Delivery::kNoSuchUser;
  if (answers & 4) host.ask_delivery = Delivery::kNotPossible;
  if (answers & 8) host.answer_delivery = Delivery::kNotPossible;
  if (answers & 16) host.close_delivery = Delivery::kNotPossible;
  if (answers & 32) host.ticket = TicketResult::kRefused;
  for (const std::string& segment : segments) {
    if (feeder.Feed(segment) == Next::kMore) Check(feeder.rest().size() < kMostKept);
  }
  Outcome outcome = {host.TakeCalls(), host.TakeSent(), feeder.next(), ""};
  if (feeder.next() == Next::kRelay) outcome.rest = feeder.rest();
  return outcome;
}

}  // namespace
}  // namespace chat::chaton

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::chaton::Run;
  if (size < 2) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = Run(data[0], data[1], chat::testing::Whole(in));
  chat::chaton::Check(Run(data[0], data[1], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::chaton::Check(Run(data[0], data[1], chat::testing::Random(in, random)) == whole);
  return 0;
}
