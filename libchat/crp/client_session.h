// The client's side of a crp connection. It trusts the server no further than it must: what it is
// told is bounded, and anything that breaks the protocol ends the session.

#ifndef LIBCHAT_CRP_CLIENT_SESSION_H_
#define LIBCHAT_CRP_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/crp/packets.h"
#include "libchat/dialect/client_session.h"

namespace chat::crp {

class ClientSession final : public chat::ClientSession {
 public:
  // `host` outlives the session.
  ClientSession(Compat compat, ClientHost& host) : compat_(compat), host_(host) {}
  ~ClientSession() override { ForgetPassword(); }

  absl::Status Login(absl::string_view name) override;
  absl::Status LoginWithPassword(absl::string_view name, absl::string_view password) override;
  absl::Status Register(absl::string_view name, absl::string_view password) override;
  absl::Status SendPrivate(SendToken token, UserRef to, Text body) override;
  absl::Status Ask(RequestKind kind, UserRef to, Text reason) override;
  absl::Status Answer(RequestKind kind, UserRef asker, bool accept) override;
  absl::Status CloseTalk(UserRef peer) override;
  // Section 3.1: CLOSE for each talk that is open, then QUIT, which needs the password.
  void Leave() override;
  Step OnBytes(absl::string_view in) override;

 private:
  // kSignedOut: nothing is said any more, and still heard what the server says.
  enum class State : uint8_t { kNew, kRegistering, kSigningIn, kSignedIn, kSignedOut, kBroken };

  // Each returns false if the server may not send the message now. A section each of 3.2.
  bool On(const Message& message);
  bool OnReg(const Message& message);
  bool OnSign(const Message& message);
  bool OnInvt(const Message& message);
  bool OnRsp(const Message& message);
  bool OnTxt(const Message& message);
  bool OnClose(const Message& message);
  bool OnQuit(const Message& message);

  // The end of an invitation of `peer`, or by `peer`.
  bool OnTalk(absl::string_view peer, const Header& session_id);
  bool OnRefusal(absl::string_view target, absl::string_view status);

  // Ok if the session is in `state`.
  absl::Status In(State state) const;
  void Send(const Message& message) { host_.Send(Encode(message)); }
  void ForgetPassword();

  const Compat compat_;
  ClientHost& host_;
  State state_ = State::kNew;
  std::string login_;
  std::string password_;  // from the login on, for Leave; overwritten when it is of no more use
  Decoder decoder_;
  // The talks that are open, by the other party as it is shown. At most kMaxTalks.
  absl::flat_hash_map<std::string, TalkNumber> talks_;
};

}  // namespace chat::crp

#endif  // LIBCHAT_CRP_CLIENT_SESSION_H_
