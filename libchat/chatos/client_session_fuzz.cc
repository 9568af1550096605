// The client session on anything: the first byte chooses what the client has done, the rest is what
// the server sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/chatos/client_session.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::chatos {
namespace {

using chat::testing::FakeClientHost;
using chat::testing::Feeder;
using chat::testing::Segments;

void Check(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> events;
  std::string sent;
  Next next = Next::kMore;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Some of all that a session may be waiting for, in two orders.
void Speak(uint8_t mode, ClientSession& session) {
  const Text text = *Text::From("text");
  if (mode == 2) {
    Check(session.SendPublic(1, text).ok());
    Check(session.SendPrivate(2, User("bob"), text).ok());
    Check(session.Answer(RequestKind::kTalk, User("carol"), true).ok());
    Check(session.Ask(RequestKind::kTalk, User("dave"), Text()).ok());
    Check(session.SendPublic(3, text).ok());
  } else {
    Check(session.Ask(RequestKind::kTalk, User("dave"), Text()).ok());
    Check(session.SendPublic(1, text).ok());
    Check(session.SendPrivate(2, User("bob"), text).ok());
    Check(session.Answer(RequestKind::kTalk, User("carol"), true).ok());
    Check(session.SendPublic(3, text).ok());
  }
}

Outcome Run(uint8_t mode, const Segments& segments) {
  FakeClientHost host;
  ClientSession session(host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  if (mode % 4 > 0) Check(session.Login("alice").ok());
  if (mode % 4 > 1) {
    feeder.Feed(chat::testing::Hex("0002 0000000000000000"));
    Speak(mode % 4, session);
  }
  for (const std::string& segment : segments) {
    if (feeder.Feed(segment) == Next::kMore) Check(feeder.rest().size() < 65536);
  }
  return {host.TakeEvents(), host.TakeSent(), feeder.next()};
}

}  // namespace
}  // namespace chat::chatos

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::chatos::Run;
  if (size == 0) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = Run(data[0], chat::testing::Whole(in));
  chat::chatos::Check(Run(data[0], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::chatos::Check(Run(data[0], chat::testing::Random(in, random)) == whole);
  return 0;
}
