// The server's side of a chaton connection. The rules stand in README.md.

#ifndef LIBCHAT_CHATON_SERVER_SESSION_H_
#define LIBCHAT_CHATON_SERVER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/chaton/packets.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::chaton {

class ServerSession final : public chat::ServerSession {
 public:
  // `host` outlives the session.
  ServerSession(LongBytes longs, const SessionLimits& limits, SessionHost& host);

  Step OnBytes(absl::string_view in) override;
  Next OnEvent(const Event& event) override;
  // Existing programs, all of which have LONGs of 8 bytes, announce it behind the end.
  bool relay_end_waits_for_notice() const override { return longs_ == LongBytes::kEight; }
  void OnFarewell(Farewell) override {}  // the document has no packet for it

 private:
  enum class State : uint8_t { kAnonymous, kLoggedIn, kRelay };

  void OnPacket(const Decoded& decoded);
  void OnFieldTooLong(const Position& field);
  void Close(Fault fault);
  // Whether the table of rules lets this packet through now; counted if not.
  bool Takes(Opcode opcode);

  // The packets that the table lets through in some state.
  void On(const Login& packet);
  void On(const Message& packet);
  void On(const MessagePrivate& packet);
  void On(const RequestPrivate& packet);
  void On(const OkPrivate& packet);
  void On(const KoPrivate& packet);
  void On(const LoginPrivate& packet);
  void On(const CloseConnection& packet);
  // The others.
  template <class P>
  void On(const P&) {}

  void OnAnswer(absl::string_view requester, absl::string_view target, bool accept);
  // True if `login` is this client's own; else it is counted as spoofed.
  bool IsOwn(absl::string_view login);
  // `body`, or nothing, counted, if it is not text.
  std::optional<Text> ToText(absl::string_view body);

  template <class P>
  void Send(const P& packet);

  // Events. Of requests only those for a relay concern chaton.
  void Tell(const PrivateMessage& event);
  void Tell(const Request& event);
  void Tell(const Answer& event);
  void Tell(const RelayClosing& event);
  void Tell(const RelayEstablished& event);
  // What the protocol has no words for: nothing that its user asked for.
  void Tell(const TalkClosed&) {}
  void Tell(const Undelivered&) {}
  void Tell(const FileChunk&) {}
  void Tell(const Announcement&) {}
  void Tell(const MergeAnswer&) {}
  void Tell(const Authenticated&) {}
  void Tell(const Registered&) {}

  DecodeLimits decode_limits() const;

  const LongBytes longs_;
  const SessionLimits limits_;
  SessionHost& host_;
  State state_ = State::kAnonymous;
  Next next_ = Next::kMore;
  std::string login_;  // once logged in
  PacketReader reader_;
};

}  // namespace chat::chaton

#endif  // LIBCHAT_CHATON_SERVER_SESSION_H_
