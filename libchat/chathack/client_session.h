// The client's side of a chathack connection to a server. It trusts the server no further than it
// must: what it is told is bounded, and anything that breaks the protocol ends the session.

#ifndef LIBCHAT_CHATHACK_CLIENT_SESSION_H_
#define LIBCHAT_CHATHACK_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/chathack/packets.h"
#include "libchat/dialect/client_session.h"

namespace chat::chathack {

class ClientSession final : public chat::ClientSession {
 public:
  // `host` outlives the session.
  explicit ClientSession(ClientHost& host) : host_(host) {}

  absl::Status Login(absl::string_view name) override;
  absl::Status LoginWithPassword(absl::string_view name, absl::string_view password) override;
  absl::Status SendPublic(SendToken token, Text body) override;
  absl::Status Ask(RequestKind kind, UserRef to, Text reason) override;
  absl::Status Answer(RequestKind kind, UserRef asker, bool accept) override;
  absl::Status AcceptDirect(UserRef asker, const DirectAddress& at) override;
  Step OnBytes(absl::string_view in) override;

 private:
  enum class State : uint8_t { kNew, kLoggingIn, kAuthenticating, kLoggedIn, kBroken };

  // A public message whose echo has not come yet.
  struct Pending {
    SendToken token = 0;
    std::string body;
  };

  // Each returns false if the server may not send the packet now.
  bool On(const AckPacketError& packet);
  bool On(const AckLoginError& packet);
  bool On(const AckConnected& packet);
  bool On(const AckLoginExists& packet);
  bool On(const AckGlobalMessage& packet);
  bool On(const AckPrivateAsking& packet);
  bool On(const AckPrivateValidation& packet);
  bool On(const AckPrivateDenied& packet);

  bool is_logging_in() const {
    return state_ == State::kLoggingIn || state_ == State::kAuthenticating;
  }
  bool RefuseLogin(LoginRefused::Reason reason);
  // False if `login` has not been asked for anything, or has answered.
  bool TakeAsked(absl::string_view login);

  // Ok if the session is in `state`.
  absl::Status In(State state) const;
  absl::Status BeginLogin(absl::string_view name, State state);

  template <class P>
  void Send(const P& packet);

  ClientHost& host_;
  State state_ = State::kNew;
  std::string login_;
  std::deque<Pending> pending_;                  // in the order of sending
  absl::flat_hash_map<std::string, int> asked_;  // how often each user was, and has not answered
  AckReader reader_;
};

}  // namespace chat::chathack

#endif  // LIBCHAT_CHATHACK_CLIENT_SESSION_H_
