// The client's side of a chatos connection. It trusts the server no further than it must: what it
// is told is bounded, and anything that breaks the protocol ends the session.

#ifndef LIBCHAT_CHATOS_CLIENT_SESSION_H_
#define LIBCHAT_CHATOS_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/chatos/packets.h"
#include "libchat/dialect/client_session.h"

namespace chat::chatos {

// An error packet does not say what it is about. But the server takes packets in order, and
// acknowledges every message or refuses it: so the session keeps what it has sent and heard nothing
// about (due_), and an error is about something up to the first message there. Error 3 could still
// be about a request to talk or a private message behind it: so messages are held back from the
// first such one on, until it is known what has become of the request.
class ClientSession final : public chat::ClientSession {
 public:
  // `host` outlives the session.
  explicit ClientSession(ClientHost& host) : host_(host) {}

  absl::Status Login(absl::string_view name) override;
  absl::Status SendPublic(SendToken token, Text body) override;
  absl::Status SendPrivate(SendToken token, UserRef to, Text body) override;
  absl::Status Ask(RequestKind kind, UserRef to, Text reason) override;
  absl::Status Answer(RequestKind kind, UserRef asker, bool accept) override;
  Step OnBytes(absl::string_view in) override;

 private:
  enum class State : uint8_t { kNew, kLoggingIn, kLoggedIn, kBroken };

  // Something sent that the server has not answered yet, as far as it is known.
  struct Due {
    enum class Kind : uint8_t { kMessage, kAsk, kAnswer };
    Kind kind = Kind::kMessage;
    // kMessage
    int64_t id = 0;
    SendToken token = 0;
    bool is_private = false;
    bool rejected = false;  // by an error 3 or 4: its ACK is still to come
    // kAnswer: who asked, if the answer was yes
    std::optional<User> accepted = std::nullopt;
  };
  using DueList = std::deque<Due>;  // in the order of sending

  // A message that waits for what becomes of a request.
  struct Held {
    SendToken token = 0;
    std::string to;
    std::string body;
  };

  // Each returns false if the server may not send the packet now.
  bool On(const chatos::Login&) { return false; }
  bool On(const Chat& packet);
  bool On(const Ack& packet);
  bool On(const Error& packet);
  bool On(const PrivateAsk& packet);
  bool On(const PrivateAcceptation& packet);

  // What the error is about; due_.end() if nothing that is due.
  DueList::iterator FindFaulty(ErrorCode code);
  void Fail(DueList::iterator faulty, ErrorCode code);

  // `to` is empty for everyone.
  void SendMessage(SendToken token, absl::string_view to, absl::string_view body);
  void Transmit(SendToken token, absl::string_view to, absl::string_view body);
  // True if it is not known yet whether the server has let the request to talk through.
  bool AskInDoubt() const;
  // Transmits what was held back, if it may be.
  void Release();
  // Ok if the session is in `state`.
  absl::Status In(State state) const;

  template <class P>
  void Send(const P& packet);

  ClientHost& host_;
  State state_ = State::kNew;
  std::string login_;
  Decoder decoder_;
  int64_t last_id_ = 0;
  DueList due_;
  std::deque<Held> held_;
  std::optional<User> asked_;  // whose answer to a request to talk is to come
};

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_CLIENT_SESSION_H_
