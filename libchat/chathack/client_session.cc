#include "libchat/chathack/client_session.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libchat/dialect/limits.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

// As much as a server of the house is ready to read, in either direction.
constexpr DecodeLimits kLimits = {.proposal = 0,
                                  .name = kMaxShownNameBytes,
                                  .file_name = 0,
                                  .content = SessionLimits().frame,
                                  .frame = SessionLimits().frame};

// No server of the house takes a longer one.
constexpr size_t kMaxPasswordBytes = 128;

absl::Status CheckName(absl::string_view name) {
  if (IsName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("not a chathack login: it takes 1 to ", kMaxNameBytes,
                   " bytes of UTF-8 without spaces, control characters and '@'"));
}

// `what` has `bytes` bytes.
absl::Status CheckSize(absl::string_view what, size_t bytes, size_t most) {
  if (bytes <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a chathack ", what, " has at most ", most, " bytes, this one has ", bytes));
}

absl::Status CheckAddress(const DirectAddress& at) {
  if (at.port == 0) return absl::InvalidArgumentError("a port is from 1 to 65535, not 0");
  if (at.address.size() == kIpv4Bytes || at.address.size() == kIpv6Bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("an address has ", kIpv4Bytes, " or ", kIpv6Bytes,
                                                 " bytes, not ", at.address.size()));
}

}  // namespace

absl::Status ClientSession::In(State state) const {
  if (state_ == state) return absl::OkStatus();
  switch (state_) {
    case State::kNew:
      return absl::FailedPreconditionError("not logged in");
    case State::kLoggingIn:
    case State::kAuthenticating:
      return absl::FailedPreconditionError("the login has not been answered yet");
    case State::kLoggedIn:
      return absl::FailedPreconditionError("logged in already");
    case State::kBroken:
      break;
  }
  return absl::FailedPreconditionError("the server broke the protocol");
}

// ---- What the user does ----

absl::Status ClientSession::BeginLogin(absl::string_view name, State state) {
  if (absl::Status s = In(State::kNew); !s.ok()) return s;
  if (absl::Status s = CheckName(name); !s.ok()) return s;
  login_ = std::string(name);
  state_ = state;
  return absl::OkStatus();
}

absl::Status ClientSession::Login(absl::string_view name) {
  if (absl::Status s = BeginLogin(name, State::kLoggingIn); !s.ok()) return s;
  Send(NewLogin{login_});
  return absl::OkStatus();
}

absl::Status ClientSession::LoginWithPassword(absl::string_view name, absl::string_view password) {
  if (absl::Status s = CheckSize("password", password.size(), kMaxPasswordBytes); !s.ok()) return s;
  if (absl::Status s = BeginLogin(name, State::kAuthenticating); !s.ok()) return s;
  Send(ExistingLogin{login_, password});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPublic(SendToken token, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckSize("message", body.bytes().size(), kMaxContentBytes); !s.ok()) {
    return s;
  }
  pending_.push_back({token, std::string(body.bytes())});
  Send(GlobalMessage{login_, body.bytes()});
  return absl::OkStatus();
}

absl::Status ClientSession::Ask(RequestKind kind, UserRef to, Text reason) {
  if (kind != RequestKind::kDirect) return chat::ClientSession::Ask(kind, to, reason);
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  std::string target = Display(to);
  Send(PrivateAsking{login_, target});
  ++asked_[std::move(target)];
  return absl::OkStatus();
}

absl::Status ClientSession::Answer(RequestKind kind, UserRef asker, bool accept) {
  if (kind != RequestKind::kDirect) return chat::ClientSession::Answer(kind, asker, accept);
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (accept) {
    return absl::InvalidArgumentError("accepting a direct connection needs an address");
  }
  if (absl::Status s = CheckName(asker.name); !s.ok()) return s;
  Send(PrivateDenied{login_, Display(asker)});
  return absl::OkStatus();
}

absl::Status ClientSession::AcceptDirect(UserRef asker, const DirectAddress& at) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(asker.name); !s.ok()) return s;
  if (absl::Status s = CheckAddress(at); !s.ok()) return s;
  Send(PrivateValidation{login_, Display(asker), at.port, at.address, at.id});
  return absl::OkStatus();
}

template <class P>
void ClientSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  host_.Send(bytes);
}

// ---- What the server says ----

Step ClientSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (state_ != State::kBroken) {
    const Decoded<Ack> decoded = reader_.Next(in, kLimits);
    if (decoded.status == DecodeStatus::kNeedMore) break;
    const bool allowed =
        decoded.status == DecodeStatus::kDone &&
        std::visit([this](const auto& packet) { return On(packet); }, decoded.packet);
    if (!allowed) state_ = State::kBroken;
  }
  return {given - in.size(), state_ == State::kBroken ? Next::kClose : Next::kMore};
}

bool ClientSession::On(const AckPacketError&) {
  if (is_logging_in()) return RefuseLogin(LoginRefused::Reason::kOther);
  if (state_ != State::kLoggedIn) return false;
  if (pending_.empty()) {
    host_.OnClientEvent(Notice{"the server refused a packet (ACK 1)"});
    return true;
  }
  // What was said before it has been echoed by now.
  const SendToken token = pending_.front().token;
  pending_.pop_front();
  host_.OnClientEvent(Rejected{token, Rejected::Reason::kOther});
  return true;
}

bool ClientSession::On(const AckLoginError&) {
  return RefuseLogin(state_ == State::kAuthenticating ? LoginRefused::Reason::kPassword
                                                      : LoginRefused::Reason::kName);
}

bool ClientSession::On(const AckLoginExists&) { return RefuseLogin(LoginRefused::Reason::kTaken); }

bool ClientSession::RefuseLogin(LoginRefused::Reason reason) {
  if (!is_logging_in()) return false;
  // An account has one name, and an error in the packet has nothing to do with it.
  const bool another = state_ == State::kLoggingIn && reason != LoginRefused::Reason::kOther;
  state_ = State::kNew;
  host_.OnClientEvent(LoginRefused{reason, another});
  return true;
}

bool ClientSession::On(const AckConnected&) {
  if (!is_logging_in()) return false;
  state_ = State::kLoggedIn;
  host_.OnClientEvent(LoggedIn{});
  return true;
}

bool ClientSession::On(const AckGlobalMessage& packet) {
  // A message may overtake ACK 3.
  if (state_ != State::kLoggedIn && !is_logging_in()) return false;
  host_.OnClientEvent(
      Received{false, User(ParseUser(packet.login)), User(), std::string(packet.message)});
  // It goes to the sender, too. One that differs from what is due confirms nothing.
  if (packet.login == login_ && !pending_.empty() && packet.message == pending_.front().body) {
    const SendToken token = pending_.front().token;
    pending_.pop_front();
    host_.OnClientEvent(Confirmed{token});
  }
  return true;
}

bool ClientSession::On(const AckPrivateAsking& packet) {
  if (state_ != State::kLoggedIn) return false;
  host_.OnClientEvent(Asked{RequestKind::kDirect, User(ParseUser(packet.login)), ""});
  return true;
}

bool ClientSession::On(const AckPrivateValidation& packet) {
  if (state_ != State::kLoggedIn || packet.port < 1 || packet.port > UINT16_MAX) return false;
  // Nobody is connected to who has not been asked.
  if (!TakeAsked(packet.login)) return true;
  host_.OnClientEvent(
      DirectGranted{User(ParseUser(packet.login)),
                    {std::string(packet.address), static_cast<uint16_t>(packet.port), packet.id}});
  return true;
}

bool ClientSession::On(const AckPrivateDenied& packet) {
  if (state_ != State::kLoggedIn) return false;
  // Some servers answer so an acceptance that comes too late.
  if (!TakeAsked(packet.login)) return true;
  host_.OnClientEvent(Refused{RequestKind::kDirect, User(ParseUser(packet.login)), false});
  return true;
}

bool ClientSession::TakeAsked(absl::string_view login) {
  const auto it = asked_.find(login);
  if (it == asked_.end()) return false;
  if (--it->second == 0) asked_.erase(it);
  return true;
}

}  // namespace chat::chathack
