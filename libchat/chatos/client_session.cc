#include "libchat/chatos/client_session.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libchat/chatos/ascii.h"
#include "libchat/dialect/limits.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

// As much as a server of the house is ready to read, in either direction.
constexpr DecodeLimits kLimits = {.proposal = kMaxNameBytes,
                                  .name = kMaxShownNameBytes,
                                  .text = SessionLimits().frame,
                                  .frame = SessionLimits().frame};

// A server has at most so many requests open to one user (limits.requests_per_target). Older
// answers have long been read.
constexpr std::ptrdiff_t kMaxAnswers = 64;

absl::Status CheckName(absl::string_view name) {
  if (IsName(name) && IsAscii(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("not a chatos nickname: it takes 1 to ", kMaxNameBytes,
                   " bytes of ASCII without spaces, control characters and '@'"));
}

absl::Status CheckBody(Text body) {
  if (body.bytes().size() > kMaxMessageBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a chatos message has at most ",
                                                   kMaxMessageBytes, " bytes, this one has ",
                                                   body.bytes().size()));
  }
  if (!IsAscii(body.bytes())) {
    return absl::InvalidArgumentError("a chatos message is ASCII: it has no byte over 127");
  }
  return absl::OkStatus();
}

Rejected::Reason ReasonOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoSuchUser:
      return Rejected::Reason::kNoSuchUser;
    case ErrorCode::kNoConsent:
      return Rejected::Reason::kNotAllowed;
    case ErrorCode::kTooLong:
      return Rejected::Reason::kTooLong;
    default:
      return Rejected::Reason::kOther;
  }
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
  Send(chatos::Login{login_});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPublic(SendToken token, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckBody(body); !s.ok()) return s;
  SendMessage(token, "", body.bytes());
  return absl::OkStatus();
}

absl::Status ClientSession::SendPrivate(SendToken token, UserRef to, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (absl::Status s = CheckBody(body); !s.ok()) return s;
  SendMessage(token, Display(to), body.bytes());
  return absl::OkStatus();
}

absl::Status ClientSession::Ask(RequestKind kind, UserRef to, Text reason) {
  if (kind != RequestKind::kTalk) return chat::ClientSession::Ask(kind, to, reason);
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (asked_) {
    return absl::ResourceExhaustedError(absl::StrCat("chatos has one request at a time, and ",
                                                     Display(*asked_), " has not answered yet"));
  }
  asked_ = User(to);
  due_.push_back({.kind = Due::Kind::kAsk});
  Send(PrivateAsk{Display(to)});
  return absl::OkStatus();
}

absl::Status ClientSession::Answer(RequestKind kind, UserRef asker, bool accept) {
  if (kind != RequestKind::kTalk) return chat::ClientSession::Answer(kind, asker, accept);
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(asker.name); !s.ok()) return s;
  const auto is_answer = [](const Due& due) { return due.kind == Due::Kind::kAnswer; };
  if (std::count_if(due_.begin(), due_.end(), is_answer) == kMaxAnswers) {
    due_.erase(std::find_if(due_.begin(), due_.end(), is_answer));
  }
  due_.push_back(
      {.kind = Due::Kind::kAnswer, .accepted = accept ? std::optional(User(asker)) : std::nullopt});
  Send(PrivateAcceptation{accept, Display(asker)});
  // The server tells only the one who asked.
  if (accept) host_.OnClientEvent(TalkOpened{User(asker)});
  return absl::OkStatus();
}

void ClientSession::SendMessage(SendToken token, absl::string_view to, absl::string_view body) {
  if (held_.empty() && (to.empty() || !AskInDoubt())) return Transmit(token, to, body);
  held_.push_back({token, std::string(to), std::string(body)});
}

void ClientSession::Transmit(SendToken token, absl::string_view to, absl::string_view body) {
  due_.push_back(
      {.kind = Due::Kind::kMessage, .id = ++last_id_, .token = token, .is_private = !to.empty()});
  Send(Chat{last_id_, to, body});
}

bool ClientSession::AskInDoubt() const {
  return asked_ && std::any_of(due_.begin(), due_.end(),
                               [](const Due& due) { return due.kind == Due::Kind::kAsk; });
}

void ClientSession::Release() {
  if (AskInDoubt()) return;
  for (const Held& held : std::exchange(held_, {})) Transmit(held.token, held.to, held.body);
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
    const Decoded decoded = decoder_.Decode(in, kLimits);
    if (decoded.status == Decoded::Status::kNeedMore) break;
    const bool allowed =
        decoded.status == Decoded::Status::kDone &&
        std::visit([this](const auto& packet) { return On(packet); }, decoded.packet);
    if (!allowed) {
      state_ = State::kBroken;
      break;
    }
    in.remove_prefix(decoded.size);
  }
  return {given - in.size(), state_ == State::kBroken ? Next::kClose : Next::kMore};
}

bool ClientSession::On(const Chat& packet) {
  // A message may overtake the answer to the login.
  if (state_ != State::kLoggedIn && state_ != State::kLoggingIn) return false;
  Send(Ack{packet.id});  // each one: the document's summary
  // Nothing in the packet says whether it was for this user alone.
  host_.OnClientEvent(
      Received{false, User(ParseUser(packet.nickname)), User(), std::string(packet.message)});
  return true;
}

bool ClientSession::On(const Ack& packet) {
  if (state_ == State::kLoggingIn) {
    if (packet.id != 0) return false;
    state_ = State::kLoggedIn;
    host_.OnClientEvent(LoggedIn{});
    return true;
  }
  if (state_ != State::kLoggedIn) return false;
  const auto acked = std::find_if(due_.begin(), due_.end(), [&](const Due& due) {
    return due.kind == Due::Kind::kMessage && due.id == packet.id;
  });
  if (acked == due_.end()) return true;  // of something that an error has ended
  // The server has come so far: what it has passed over is not delivered.
  const DueList passed(due_.begin(), acked + 1);
  due_.erase(due_.begin(), acked + 1);
  for (const Due& due : passed) {
    if (due.kind != Due::Kind::kMessage || due.rejected) continue;
    if (due.id == packet.id) {
      host_.OnClientEvent(Confirmed{due.token});
    } else {
      host_.OnClientEvent(Rejected{due.token, Rejected::Reason::kOther});
    }
  }
  Release();
  return true;
}

bool ClientSession::On(const Error& packet) {
  const auto code = static_cast<ErrorCode>(packet.code);
  if (state_ == State::kLoggingIn &&
      (code == ErrorCode::kNameRefused || code == ErrorCode::kMissingData ||
       code == ErrorCode::kBadData)) {
    state_ = State::kNew;
    const bool taken = code == ErrorCode::kNameRefused;
    host_.OnClientEvent(
        LoginRefused{taken ? LoginRefused::Reason::kTaken : LoginRefused::Reason::kName, true});
    return true;
  }
  if (state_ == State::kLoggedIn) {
    if (code == ErrorCode::kNameRefused) {
      host_.OnClientEvent(Replaced{});
      return true;
    }
    if (const auto faulty = FindFaulty(code); faulty != due_.end()) {
      Fail(faulty, code);
      return true;
    }
  }
  host_.OnClientEvent(Notice{absl::StrCat("error ", packet.code, ": ", packet.message)});
  return true;
}

ClientSession::DueList::iterator ClientSession::FindFaulty(ErrorCode code) {
  // Up to the first message that is open; of each kind the first.
  const DueList::iterator none = due_.end();
  DueList::iterator message = none, ask = none, answer = none;
  for (auto it = due_.begin(); it != none && message == none; ++it) {
    if (it->kind == Due::Kind::kMessage && !it->rejected) message = it;
    if (it->kind == Due::Kind::kAsk && ask == none) ask = it;
    if (it->kind == Due::Kind::kAnswer && answer == none) answer = it;
  }
  const bool is_private = message != none && message->is_private;
  switch (code) {
    case ErrorCode::kNoSuchUser:
      return ask != none ? ask : is_private ? message : none;
    case ErrorCode::kNoConsent:
      return is_private ? message : none;
    case ErrorCode::kMissingData:
    case ErrorCode::kBadData:
      // What this session says is well-formed, but a request may be over before its answer comes.
      return answer != none ? answer : message != none ? message : ask;
    case ErrorCode::kNotLoggedIn:
    case ErrorCode::kTooLong:
      return message;
    case ErrorCode::kNameRefused:
    case ErrorCode::kTooFast:
    case ErrorCode::kShutdown:
      break;
  }
  return none;
}

void ClientSession::Fail(DueList::iterator faulty, ErrorCode code) {
  const Due due = *faulty;
  // Errors 3 and 4 are followed by the ACK: the packet was received, the message not delivered.
  const bool ack_follows = due.kind == Due::Kind::kMessage &&
                           (code == ErrorCode::kNoSuchUser || code == ErrorCode::kNoConsent);
  faulty->rejected = ack_follows;
  // What stands before it was let through.
  due_.erase(due_.begin(), ack_follows ? faulty : faulty + 1);
  switch (due.kind) {
    case Due::Kind::kMessage:
      host_.OnClientEvent(Rejected{due.token, ReasonOf(code)});
      break;
    case Due::Kind::kAsk:
      host_.OnClientEvent(Refused{RequestKind::kTalk, *std::exchange(asked_, std::nullopt),
                                  code == ErrorCode::kNoSuchUser});
      break;
    case Due::Kind::kAnswer:
      if (due.accepted) host_.OnClientEvent(TalkEnded{*due.accepted});
      break;
  }
  Release();
}

bool ClientSession::On(const PrivateAsk& packet) {
  if (state_ != State::kLoggedIn) return false;
  host_.OnClientEvent(Asked{RequestKind::kTalk, User(ParseUser(packet.nickname)), ""});
  return true;
}

bool ClientSession::On(const PrivateAcceptation& packet) {
  if (state_ != State::kLoggedIn || !asked_) return false;
  if (packet.nickname != login_ || packet.yes > 1) return false;
  const User peer = *std::exchange(asked_, std::nullopt);
  due_.erase(std::remove_if(due_.begin(), due_.end(),
                            [](const Due& due) { return due.kind == Due::Kind::kAsk; }),
             due_.end());
  if (packet.yes == 1) {
    host_.OnClientEvent(TalkOpened{peer});
  } else {
    host_.OnClientEvent(Refused{RequestKind::kTalk, peer, false});
  }
  Release();
  return true;
}

}  // namespace chat::chatos
