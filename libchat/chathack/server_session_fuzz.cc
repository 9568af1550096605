// The server session on anything: the first byte chooses the listener's options and whether the
// client has logged in, the second how its host answers, the rest is what the client sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/chathack/packets.h"
#include "libchat/chathack/server_session.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::chathack {
namespace {

using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Segments;

// What is never kept: 1 + 4 + 41 + 4 + 255 + 4 + 1024 bytes are the longest packet that is looked
// at.
constexpr size_t kMostKept = 1333;

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
  ServerSession session(mode & 1 ? AddressRule::kAny : AddressRule::kOwn, {}, host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  if (mode & 2) feeder.Feed(chat::testing::Hex("02 00000005 \"alice\""));
  if (answers & 1) host.login = LoginResult::kTaken;
  if (answers & 2) host.ask_delivery = Delivery::kNoSuchUser;
  if (answers & 4) host.answer_delivery = Delivery::kNotPossible;
  if (answers & 8) host.peer_address = std::string(16, '\1');
  const auto authenticated = answers & 16 ? LoginResult::kWrongPassword : LoginResult::kAccepted;
  for (const std::string& segment : segments) {
    feeder.Feed(segment);
    while (feeder.next() == Next::kPause) {
      Check(session.OnEvent(Authenticated{authenticated}) == Next::kMore);
      feeder.Resume();
    }
    if (feeder.next() == Next::kMore) Check(feeder.rest().size() < kMostKept);
  }
  return {host.TakeCalls(), host.TakeSent(), feeder.next()};
}

}  // namespace
}  // namespace chat::chathack

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::chathack::Run;
  if (size < 2) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = Run(data[0], data[1], chat::testing::Whole(in));
  chat::chathack::Check(Run(data[0], data[1], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::chathack::Check(Run(data[0], data[1], chat::testing::Random(in, random)) == whole);
  return 0;
}
