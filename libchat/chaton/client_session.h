// The client's side of a chaton connection. It trusts the server no further than it must: what it
// is told is bounded, and anything that breaks the protocol ends the session.

#ifndef LIBCHAT_CHATON_CLIENT_SESSION_H_
#define LIBCHAT_CHATON_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/chaton/packets.h"
#include "libchat/dialect/client_session.h"

namespace chat::chaton {

class ClientSession final : public chat::ClientSession {
 public:
  // `host` outlives the session.
  ClientSession(LongBytes longs, ClientHost& host) : longs_(longs), host_(host), reader_({longs}) {}

  absl::Status Login(absl::string_view name) override;
  absl::Status PresentTicket(int64_t connect_id) override;
  absl::Status SendPublic(SendToken token, Text body) override;
  absl::Status SendPrivate(SendToken token, UserRef to, Text body) override;
  absl::Status Ask(RequestKind kind, UserRef to, Text reason) override;
  absl::Status Answer(RequestKind kind, UserRef asker, bool accept) override;
  absl::Status CloseRelay(const RelayGranted& relay) override;
  // Existing programs, all of which have LONGs of 8 bytes, need it.
  bool announces_relay_end() const override { return longs_ == LongBytes::kEight; }
  Step OnBytes(absl::string_view in) override;

 private:
  enum class State : uint8_t { kNew, kLoggingIn, kLoggedIn, kPresenting, kRelay, kBroken };

  // A public message whose echo has not come yet.
  struct Pending {
    SendToken token = 0;
    std::string body;
  };

  // Each returns false if the server may not send the packet now.
  bool On(const LoginAccepted& packet);
  bool On(const chaton::LoginRefused& packet);
  bool On(const Message& packet);
  bool On(const MessagePrivate& packet);
  bool On(const RequestPrivate& packet);
  bool On(const KoPrivate& packet);
  bool On(const IdPrivate& packet);
  bool On(const Established& packet);
  bool On(const AcceptCloseConnection& packet);
  // What only clients send.
  template <class P>
  bool On(const P&) {
    return false;
  }

  // Ok if the session is in `state`.
  absl::Status In(State state) const;

  template <class P>
  void Send(const P& packet);

  const LongBytes longs_;
  ClientHost& host_;
  State state_ = State::kNew;
  std::string login_;
  std::deque<Pending> pending_;  // in the order of sending
  PacketReader reader_;
};

}  // namespace chat::chaton

#endif  // LIBCHAT_CHATON_CLIENT_SESSION_H_
