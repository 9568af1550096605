// The server session on anything: the first byte chooses the options and whether the client has
// signed in, the second how its host answers, the rest is what the client sends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "libchat/crp/packets.h"
#include "libchat/crp/server_session.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/segments.h"

namespace chat::crp {
namespace {

using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Segments;

void Check(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> calls;
  std::string sent;
  Next next = Next::kMore;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

LoginResult ResultOf(uint8_t answers) {
  switch (answers % 4) {
    case 0:
      return LoginResult::kAccepted;
    case 1:
      return LoginResult::kNoAccount;
    case 2:
      return LoginResult::kWrongPassword;
    default:
      return LoginResult::kOverloaded;
  }
}

// The host answers a session that waits for it, until it waits no more.
Next AnswerPauses(ServerSession& session, const FakeHost& host, Feeder& feeder, uint8_t answers) {
  while (feeder.next() == Next::kPause) {
    const bool registers = absl::StartsWith(host.calls.back(), "Register");
    const Next next = session.OnEvent(registers ? Event(Registered{(answers & 4) != 0})
                                                : Event(Authenticated{ResultOf(answers)}));
    Check(next != Next::kPause);
    if (next == Next::kClose) return next;
    feeder.Resume();
  }
  return feeder.next();
}

Outcome Run(uint8_t mode, uint8_t answers, const Segments& segments) {
  FakeHost host;
  ServerSession session(mode & 1 ? Compat::kAuthor : Compat::kDocument, {}, host);
  Feeder feeder([&](absl::string_view in) { return session.OnBytes(in); });
  if (mode & 2) {
    feeder.Feed(Encode({.command = Command::kSign, .user_id = "alice", .password = "secret1"}));
    AnswerPauses(session, host, feeder, 0);
  }
  if (mode & 4) {
    session.OnEvent(Request{RequestKind::kTalk, User("bobby"), User("alice"), {}});
  }
  if (answers & 8) host.ask_delivery = Delivery::kNoSuchUser;
  if (answers & 16) host.answer_delivery = Delivery::kNotPossible;
  if (answers & 32) host.talk_delivery = Delivery::kNotPossible;
  Next next = Next::kMore;
  for (const std::string& segment : segments) {
    feeder.Feed(segment);
    next = AnswerPauses(session, host, feeder, answers);
    if (next == Next::kClose) break;
    Check(feeder.rest().size() <= kMaxMessageSize);
  }
  return {host.TakeCalls(), host.TakeSent(), next};
}

// All that a client hears are whole messages.
void CheckHeard(absl::string_view sent) {
  Decoder decoder;
  while (!sent.empty()) {
    const Decoded decoded = decoder.Decode(sent, kMaxMessageSize, kMaxMessageSize);
    Check(decoded.status == Decoded::Status::kDone || sent == "\r\n");
    sent.remove_prefix(decoded.size);
  }
}

}  // namespace
}  // namespace chat::crp

// Any split of the same bytes has the same effects.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::crp::Run;
  if (size < 2) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = Run(data[0], data[1], chat::testing::Whole(in));
  chat::crp::CheckHeard(whole.sent);
  chat::crp::Check(Run(data[0], data[1], chat::testing::ByteByByte(in)) == whole);
  std::mt19937 random(static_cast<uint32_t>(size));
  chat::crp::Check(Run(data[0], data[1], chat::testing::Random(in, random)) == whole);
  return 0;
}
