// The server's side of a chathack connection. The rules stand in README.md.

#ifndef LIBCHAT_CHATHACK_SERVER_SESSION_H_
#define LIBCHAT_CHATHACK_SERVER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/chathack/packets.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::chathack {

// Whether a client may say that it listens at an address that is not its own.
enum class AddressRule : uint8_t { kOwn, kAny };

class ServerSession final : public chat::ServerSession {
 public:
  // `host` outlives the session.
  ServerSession(AddressRule addresses, const SessionLimits& limits, SessionHost& host);

  Step OnBytes(absl::string_view in) override;
  Next OnEvent(const Event& event) override;
  void OnFarewell(Farewell) override {}  // the document has no packet for it

 private:
  // kAuthenticating: nothing is read until the host has answered.
  enum class State : uint8_t { kAnonymous, kAuthenticating, kLoggedIn };

  void OnPacket(const Decoded<Packet>& decoded);
  void OnFieldTooLong(const Position& field);
  void Close(Fault fault);
  // Whether the table of rules lets this packet through now; refused if not.
  bool Takes(Opcode opcode);

  // The packets that the table lets through in some state.
  void On(const ExistingLogin& packet);
  void On(const NewLogin& packet);
  void On(const GlobalMessage& packet);
  void On(const PrivateAsking& packet);
  void On(const PrivateValidation& packet);
  void On(const PrivateDenied& packet);
  // The others.
  template <class P>
  void On(const P&) {}

  void AnswerLogin(LoginResult result);
  // The login of two that is not this client's; nothing, and the packet is refused, if neither is.
  std::optional<absl::string_view> OtherOf(absl::string_view sender, absl::string_view receiver);
  // Where the client of `packet` listens; nothing, and it is counted, if it may not say so.
  std::optional<DirectAddress> ListeningAt(const PrivateValidation& packet);
  // Counts an answer to a request that is not open (any more): existing clients end on an error.
  void CountUnlessSent(Delivery delivery);
  // True if `login` is this client's own; else the packet is refused.
  bool IsOwn(absl::string_view login);
  // `bytes`, or nothing, and the packet is refused, if they are no text.
  std::optional<Text> ToText(absl::string_view bytes);
  // Counts `fault` and says that there was an error in the packet.
  void Refuse(Fault fault);

  template <class P>
  void Send(const P& packet);

  // Events. Of requests only those for a direct connection concern chathack.
  void Tell(const Request& event);
  void Tell(const Answer& event);
  void Tell(const Authenticated& event);
  // What the protocol has no words for: nothing that its user asked for.
  template <class E>
  void Tell(const E&) {}

  DecodeLimits decode_limits() const;

  const AddressRule addresses_;
  const SessionLimits limits_;
  SessionHost& host_;
  State state_ = State::kAnonymous;
  Next next_ = Next::kMore;
  std::string login_;  // once logged in, or what it shall be
  PacketReader reader_;
};

}  // namespace chat::chathack

#endif  // LIBCHAT_CHATHACK_SERVER_SESSION_H_
