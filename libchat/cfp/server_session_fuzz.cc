// The server session on anything: the first byte chooses what the client has done, the second how
// its host answers, the rest is what the client sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/cfp/packets.h"
#include "libchat/cfp/server_session.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::cfp {
namespace {

using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;

// What is never kept: the longest packet that is taken is a MRGREQ of kMaxSiblings.
constexpr size_t kMostKept = 1 + 4 + 4 + kMaxSiblings * kSiblingBytes;

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
  bool over = false;  // an answer has ended it
  // While the session is paused, what it waits for comes at once.
  const auto feed = [&](absl::string_view bytes) {
    feeder.Feed(bytes);
    while (!over && feeder.next() == Next::kPause) {
      const bool merges = host.calls.back().substr(0, 5) == "AskTo";
      const Event answer = merges ? Event(answers & 1 ? MergeAnswer{std::nullopt, {}}
                                                      : MergeAnswer{MergeOffer{1000, {}}, {}})
                                  : Event(Authenticated{answers & 2 ? LoginResult::kWrongPassword
                                                                    : LoginResult::kAccepted});
      over = session.OnEvent(answer) != Next::kMore;
      if (!over) feeder.Resume();
    }
  };
  if (mode % 3 == 1) feed(Hex("00 00000005 \"alice\""));
  if (mode % 3 == 2) feed(Hex("a0 00000005 00000000"));
  if (answers & 4) host.login = LoginResult::kTaken;
  if (answers & 8) host.private_delivery = Delivery::kNoSuchServer;
  if (answers & 16) host.file_delivery = Delivery::kNoSuchUser;
  if (answers & 32) host.forwarded = false;
  for (const std::string& segment : segments) {
    feed(segment);
    if (feeder.next() == Next::kMore) Check(feeder.rest().size() < kMostKept);
  }
  return {host.TakeCalls(), host.TakeSent(), feeder.next()};
}

}  // namespace
}  // namespace chat::cfp

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::cfp::Run;
  if (size < 2) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = Run(data[0], data[1], chat::testing::Whole(in));
  chat::cfp::Check(Run(data[0], data[1], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::cfp::Check(Run(data[0], data[1], chat::testing::Random(in, random)) == whole);
  return 0;
}
