#include "libchat/chaton/client_session.h"

#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libchat/dialect/limits.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {
namespace {

// As much as a server of the house is ready to read, in either direction.
constexpr DecodeLimits kLimits = {.proposal = kMaxNameBytes,
                                  .name = kMaxShownNameBytes,
                                  .text = SessionLimits().frame,
                                  .frame = SessionLimits().frame};

absl::Status CheckName(absl::string_view name) {
  if (IsName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("not a chaton login: it takes 1 to ", kMaxNameBytes,
                   " bytes of UTF-8 without spaces, control characters and '@'"));
}

absl::Status CheckBody(Text body) {
  if (body.bytes().size() <= kMaxMessageBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a chaton message has at most ", kMaxMessageBytes,
                                                 " bytes, this one has ", body.bytes().size()));
}

}  // namespace

absl::Status ClientSession::In(State state) const {
  if (state_ == state) return absl::OkStatus();
  switch (state_) {
    case State::kNew:
      return absl::FailedPreconditionError("not logged in");
    case State::kLoggingIn:
      return absl::FailedPreconditionError("the login has not been answered yet");
    case State::kLoggedIn:
      return absl::FailedPreconditionError("logged in already");
    case State::kPresenting:
    case State::kRelay:
      return absl::FailedPreconditionError("this connection is one half of a relay");
    case State::kBroken:
      break;
  }
  return absl::FailedPreconditionError("the server broke the protocol");
}

// ---- What the user does ----

absl::Status ClientSession::Login(absl::string_view name) {
  if (absl::Status s = In(State::kNew); !s.ok()) return s;
  if (absl::Status s = CheckName(name); !s.ok()) return s;
  login_ = std::string(name);
  state_ = State::kLoggingIn;
  Send(chaton::Login{login_});
  return absl::OkStatus();
}

absl::Status ClientSession::PresentTicket(int64_t connect_id) {
  if (absl::Status s = In(State::kNew); !s.ok()) return s;
  if (longs_ == LongBytes::kFour && connect_id != static_cast<int32_t>(connect_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("connect_id ", connect_id, " does not fit the 4 bytes of this connection"));
  }
  state_ = State::kPresenting;
  Send(LoginPrivate{connect_id});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPublic(SendToken token, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckBody(body); !s.ok()) return s;
  pending_.push_back({token, std::string(body.bytes())});
  Send(Message{login_, body.bytes()});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPrivate(SendToken, UserRef to, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (absl::Status s = CheckBody(body); !s.ok()) return s;
  Send(MessagePrivate{login_, Display(to), body.bytes()});
  return absl::OkStatus();
}

absl::Status ClientSession::Ask(RequestKind kind, UserRef to, Text reason) {
  if (kind != RequestKind::kRelay) return chat::ClientSession::Ask(kind, to, reason);
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  Send(RequestPrivate{login_, Display(to)});
  return absl::OkStatus();
}

absl::Status ClientSession::Answer(RequestKind kind, UserRef asker, bool accept) {
  if (kind != RequestKind::kRelay) return chat::ClientSession::Answer(kind, asker, accept);
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(asker.name); !s.ok()) return s;
  const std::string requester = Display(asker);
  if (accept) {
    Send(OkPrivate{requester, login_});
  } else {
    Send(KoPrivate{requester, login_});
  }
  return absl::OkStatus();
}

absl::Status ClientSession::CloseRelay(const RelayGranted& relay) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  Send(CloseConnection{relay.connect_id, Display(relay.asker), Display(relay.target)});
  return absl::OkStatus();
}

template <class P>
void ClientSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, longs_, out);
  host_.Send(bytes);
}

// ---- What the server says ----

Step ClientSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (state_ != State::kRelay && state_ != State::kBroken) {
    const Decoded decoded = reader_.Next(in, kLimits);
    if (decoded.status == DecodeStatus::kNeedMore) break;
    const bool allowed =
        decoded.status == DecodeStatus::kDone &&
        std::visit([this](const auto& packet) { return On(packet); }, decoded.packet);
    if (!allowed) state_ = State::kBroken;
  }
  const Next next = state_ == State::kRelay    ? Next::kRelay
                    : state_ == State::kBroken ? Next::kClose
                                               : Next::kMore;
  return {given - in.size(), next};
}

bool ClientSession::On(const LoginAccepted&) {
  if (state_ != State::kLoggingIn) return false;
  state_ = State::kLoggedIn;
  host_.OnClientEvent(LoggedIn{});
  return true;
}

bool ClientSession::On(const chaton::LoginRefused&) {
  if (state_ != State::kLoggingIn) return false;
  state_ = State::kNew;
  host_.OnClientEvent(chat::LoginRefused{chat::LoginRefused::Reason::kTaken, true});
  return true;
}

bool ClientSession::On(const Message& packet) {
  // A message may overtake LOGIN_ACCEPTED.
  if (state_ != State::kLoggedIn && state_ != State::kLoggingIn) return false;
  host_.OnClientEvent(
      Received{false, User(ParseUser(packet.login)), User(), std::string(packet.msg)});
  // Section 2: it goes to the sender, too. One that differs from what is due confirms nothing.
  if (packet.login == login_ && !pending_.empty() && packet.msg == pending_.front().body) {
    const SendToken token = pending_.front().token;
    pending_.pop_front();
    host_.OnClientEvent(Confirmed{token});
  }
  return true;
}

bool ClientSession::On(const MessagePrivate& packet) {
  if (state_ != State::kLoggedIn) return false;
  host_.OnClientEvent(Received{true, User(ParseUser(packet.login_sender)),
                               User(ParseUser(packet.login_target)), std::string(packet.msg)});
  return true;
}

bool ClientSession::On(const RequestPrivate& packet) {
  if (state_ != State::kLoggedIn || packet.login_target != login_) return false;
  host_.OnClientEvent(Asked{RequestKind::kRelay, User(ParseUser(packet.login_requester)), ""});
  return true;
}

bool ClientSession::On(const KoPrivate& packet) {
  if (state_ != State::kLoggedIn || packet.login_requester != login_) return false;
  host_.OnClientEvent(Refused{RequestKind::kRelay, User(ParseUser(packet.login_target)), false});
  return true;
}

bool ClientSession::On(const IdPrivate& packet) {
  if (state_ != State::kLoggedIn) return false;
  host_.OnClientEvent(RelayGranted{User(ParseUser(packet.login_requester)),
                                   User(ParseUser(packet.login_target)), packet.connect_id});
  return true;
}

bool ClientSession::On(const Established&) {
  if (state_ != State::kPresenting) return false;
  state_ = State::kRelay;
  host_.OnClientEvent(RelayOpen{});
  return true;
}

bool ClientSession::On(const AcceptCloseConnection& packet) {
  if (state_ != State::kLoggedIn) return false;
  host_.OnClientEvent(RelayEnding{User(ParseUser(packet.login_target))});
  return true;
}

}  // namespace chat::chaton
