// The server's side of a chatos connection. The rules stand in README.md.

#ifndef LIBCHAT_CHATOS_SERVER_SESSION_H_
#define LIBCHAT_CHATOS_SERVER_SESSION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/chatos/packets.h"
#include "libchat/chatos/seen_ids.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::chatos {

class ServerSession final : public chat::ServerSession {
 public:
  // `host` outlives the session.
  ServerSession(const SessionLimits& limits, SessionHost& host);

  Step OnBytes(absl::string_view in) override;
  Next OnEvent(const Event& event) override;
  void OnTooFast() override;
  void OnFarewell(Farewell reason) override;

 private:
  // One packet, or a part of a skipped one. False: stop, next_ says why.
  bool TakePacket(absl::string_view& in);
  bool SkipPacket(absl::string_view& in);
  void OnFieldTooLong(const Decoded& decoded);
  bool Close(Fault fault);
  // Whether the table of rules lets this packet through now; its error is sent if not.
  bool Takes(Opcode opcode);

  void On(const Login& packet);
  void On(const Chat& packet);
  void On(const Ack& packet);
  void On(const Error&) {}  // never let through
  void On(const PrivateAsk& packet);
  void On(const PrivateAcceptation& packet);

  // False: the error is sent.
  bool Deliver(absl::string_view to, absl::string_view message);
  // True if it may be a nickname of somebody; the error is sent if not.
  bool IsNickname(absl::string_view nickname);
  void AnswerAsk(bool yes);

  template <class P>
  void Send(const P& packet);
  void SendError(ErrorCode code, absl::string_view message);
  // The same, counted.
  void Refuse(Fault fault, ErrorCode code, absl::string_view message);

  // Events. Of requests only those to talk concern chatos.
  void Tell(const PrivateMessage& event);
  void Tell(const Request& event);
  void Tell(const Answer& event);
  void Tell(const Undelivered& event);
  // What the protocol has no words for, or nothing that its user asked for.
  template <class E>
  void Tell(const E&) {}

  DecodeLimits decode_limits() const;
  bool logged_in() const { return !login_.empty(); }

  const SessionLimits limits_;
  SessionHost& host_;
  Next next_ = Next::kMore;
  std::string login_;  // once logged in
  Decoder decoder_;
  std::optional<Skip> skip_;           // a packet that is too long is passing by
  std::optional<int64_t> skipped_id_;  // to be acknowledged when it has passed
  SeenIds delivered_;
  bool asks_ = false;  // an op 4 of this client's is unanswered
};

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_SERVER_SESSION_H_
