// The client's side of a cfp connection. It trusts the server no further than it must: what it is
// told is bounded, and anything that breaks the protocol ends the session.

#ifndef LIBCHAT_CFP_CLIENT_SESSION_H_
#define LIBCHAT_CFP_CLIENT_SESSION_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/cfp/packet_reader.h"
#include "libchat/cfp/packets.h"
#include "libchat/dialect/client_session.h"
#include "libchat/event/user.h"

namespace chat::cfp {

// Where a user's server is 0, it is the one that this client is connected to. No packet tells a
// client that server's id, and without it "bob@7" may be a neighbour or a stranger. So, before it
// reports LoggedIn, it writes to itself, and sees from where that comes.
class ClientSession final : public chat::ClientSession {
 public:
  // `host` outlives the session. `greeting` is what it writes to itself: a text that nobody can
  // guess, since whoever knows it can pretend to be of this server.
  ClientSession(ClientHost& host, std::string greeting)
      : host_(host), greeting_(std::move(greeting)) {}

  absl::Status Login(absl::string_view name) override;
  absl::Status LoginWithPassword(absl::string_view name, absl::string_view password) override;
  absl::Status SendPublic(SendToken token, Text body) override;
  absl::Status SendPrivate(SendToken token, UserRef to, Text body) override;
  absl::Status SendFileChunk(UserRef to, int32_t transfer, absl::string_view name, int64_t size,
                             absl::string_view content) override;
  absl::Status RefuseFile(UserRef from) override;
  Step OnBytes(absl::string_view in) override;

 private:
  // kLoggingIn: as a guest. kAuthenticating: with a password. kGreeting: logged in, and the
  // server's id is to be known yet.
  enum class State : uint8_t { kNew, kLoggingIn, kAuthenticating, kGreeting, kLoggedIn, kBroken };

  // A public message whose echo has not come yet.
  struct Pending {
    SendToken token = 0;
    std::string body;
  };

  // Each returns false if the server may not send the packet now.
  bool On(const AuthRsp& packet);
  bool On(const MsgPblInc& packet);
  bool On(const MsgPrvInc& packet);
  bool On(const FileChnkInc& packet);
  bool On(const Error& packet);
  // What only clients send, or servers to each other.
  template <class P>
  bool On(const P&) {
    return false;
  }

  absl::Status BeginLogin(absl::string_view name, State state);
  // Ok if the session is in `state`.
  absl::Status In(State state) const;
  bool is_logging_in() const {
    return state_ == State::kLoggingIn || state_ == State::kAuthenticating;
  }
  bool is_logged_in() const { return state_ == State::kGreeting || state_ == State::kLoggedIn; }
  // `server` has answered the greeting; 0: it did not say.
  void OnGreeted(int32_t server);
  // With server 0, if it is this one.
  User UserOf(absl::string_view name, int32_t server) const;

  template <class P>
  void Send(const P& packet);

  ClientHost& host_;
  State state_ = State::kNew;
  std::string login_;
  std::deque<Pending> pending_;  // in the order of sending
  const std::string greeting_;
  int32_t server_id_ = 0;  // of the server; 0: not known
  PacketReader reader_;
};

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_CLIENT_SESSION_H_
