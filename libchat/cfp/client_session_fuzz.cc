// The client session on anything: the first byte chooses what the client has done, the rest is what
// the server sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/cfp/client_session.h"
#include "libchat/cfp/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/segments.h"

namespace chat::cfp {
namespace {

using chat::testing::FakeClientHost;
using chat::testing::Feeder;
using chat::testing::Segments;

void Check(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> events;
  Next next = Next::kMore;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(uint8_t mode, const Segments& segments) {
  FakeClientHost host;
  ClientSession session(host, "greeting");
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  switch (mode % 4) {
    case 0:
      break;
    case 1:
      Check(session.Login("alice").ok());
      break;
    case 2:
      Check(session.LoginWithPassword("alice", "secret").ok());
      break;
    case 3:
      Check(session.Login("alice").ok());
      feeder.Feed(absl::string_view("\x10\0", 2));
      // MSGPRVINC of server 7, from itself.
      feeder.Feed(absl::string_view("\x31\0\0\0\7\0\0\0\5alice\0\0\0\5alice\0\0\0\x8greeting", 35));
      Check(session.SendPublic(1, *Text::From("one")).ok());
      Check(session.SendPublic(2, *Text::From("two")).ok());
      break;
  }
  for (const std::string& segment : segments) {
    if (feeder.Feed(segment) == Next::kMore) Check(feeder.rest().size() < 65536);
  }
  return {host.TakeEvents(), feeder.next()};
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
