// The server's side of a cfp connection. The rules stand in README.md. Whether a client or another
// server is at the other end, its first packet says, for good.

#ifndef LIBCHAT_CFP_SERVER_SESSION_H_
#define LIBCHAT_CFP_SERVER_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/cfp/link_session.h"
#include "libchat/cfp/packet_reader.h"
#include "libchat/cfp/packets.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::cfp {

class ServerSession final : public chat::ServerSession {
 public:
  // `host` outlives the session.
  ServerSession(const SessionLimits& limits, SessionHost& host);

  Step OnBytes(absl::string_view in) override;
  Next OnEvent(const Event& event) override;
  void OnFarewell(Farewell) override {}  // the document has no packet for it

 private:
  enum class State : uint8_t {
    kNew,             // a client or a server
    kRefused,         // a client, whose logins were refused
    kAuthenticating,  // nothing is read until the host has answered
    kLoggedIn,
    kLink,  // another server: link_ does the rest
  };

  void OnPacket(const Taken& taken);
  void OnFieldTooLong(const Position& field);
  void Close(Fault fault);
  // Counts a packet that has no effect now.
  void Ignore();
  // Whether the table of rules lets this packet through now; counted if not.
  bool Takes(Code code);

  // The packets that the table lets through in some state.
  void On(const AuthGst& packet);
  void On(const AuthUsr& packet);
  void On(const MsgPbl& packet);
  void On(const MsgPrv& packet);
  void On(const FileChnk& packet);
  void On(const MrgReq& packet);
  void On(const Error& packet);
  // The others.
  template <class P>
  void On(const P&) {}

  void AnswerLogin(AuthCode code);
  // Whom a packet is for: id 0, too, is this server. Views `receiver`.
  UserRef Addressee(int32_t server_id, absl::string_view receiver) const;
  // Says what became of it, if it is not on its way.
  void Report(Delivery delivery);
  void SendError(bool no_server);
  // Of a user who is shown with a server.
  int32_t OriginOf(const User& user) const;

  template <class P>
  void Send(const P& packet);

  void Tell(const Authenticated& event);
  void Tell(const PrivateMessage& event);
  void Tell(const FileChunk& event);
  void Tell(const Undelivered& event);
  // What the protocol has no words for: nothing that its user asked for.
  template <class E>
  void Tell(const E&) {}

  DecodeLimits decode_limits() const;

  const SessionLimits limits_;
  SessionHost& host_;
  State state_ = State::kNew;
  Next next_ = Next::kMore;
  std::string login_;  // once logged in, or what it shall be
  PacketReader reader_;
  std::unique_ptr<LinkSession> link_;
};

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_SERVER_SESSION_H_
