#include "libchat/crp/server_session.h"

#include <algorithm>
#include <string>
#include <variant>

#include "libchat/event/text.h"
#include "libchat/event/user.h"

namespace chat::crp {
namespace {

// What may be said before signing in.
constexpr bool kBeforeSignIn[kCommands] = {
    /* REG */ true,
    /* SIGN */ true,
    /* INVT */ false,
    /* RSP */ false,
    /* TXT */ false,
    /* CLOSE */ false,
    /* QUIT */ true,
};

// As many invitations as a user can have open by default (limits.requests_per_target).
constexpr size_t kMaxInvitations = 64;

// A name as an answer repeats it: one that nobody can have is left empty.
absl::string_view Repeated(const Header& name) {
  return name && name->size() <= kMaxShownNameBytes ? *name : absl::string_view();
}

}  // namespace

ServerSession::ServerSession(Compat compat, const SessionLimits& limits, SessionHost& host)
    : compat_(compat), limits_(limits), host_(host) {}

Step ServerSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (next_ == Next::kMore && !host_.Throttled()) {
    const size_t frame = login_.empty() ? limits_.frame_before_login : limits_.frame;
    const Decoded decoded = decoder_.Decode(in, std::min(frame, kMaxMessageSize), frame);
    in.remove_prefix(decoded.size);
    if (!Take(decoded)) break;
  }
  return {given - in.size(), next_};
}

bool ServerSession::Take(const Decoded& decoded) {
  switch (decoded.status) {
    case Decoded::Status::kNeedMore:
      return false;
    case Decoded::Status::kMalformed:
      return Close(Fault::kMalformed);
    case Decoded::Status::kTooLong:
      return Close(Fault::kFrameTooLong);
    case Decoded::Status::kUnknownCommand:
      host_.Count(Fault::kUnknownOpcode);
      return true;
    case Decoded::Status::kPassedBy:
      host_.Count(Fault::kMessageTooLong);
      return true;
    case Decoded::Status::kDone:
      On(decoded.message);
      return true;
  }
  return false;
}

bool ServerSession::Close(Fault fault) {
  host_.Count(fault);
  next_ = Next::kClose;
  return false;
}

void ServerSession::On(const Message& message) {
  if (login_.empty() && !kBeforeSignIn[static_cast<size_t>(message.command)]) {
    return host_.Count(Fault::kNotLoggedIn);
  }
  switch (message.command) {
    case Command::kReg:
      return OnReg(message);
    case Command::kSign:
      return OnSign(message);
    case Command::kInvt:
      return OnInvt(message);
    case Command::kRsp:
      return OnRsp(message);
    case Command::kTxt:
      return OnTxt(message);
    case Command::kClose:
      return OnClose(message);
    case Command::kQuit:
      return OnQuit(message);
  }
}

// ---- Messages ----

void ServerSession::OnReg(const Message& message) {
  user_id_ = std::string(Repeated(message.user_id));
  const absl::string_view password = message.password.value_or("");
  // Section 2.1.1.
  if (!IsUserId(user_id_) || !IsPassword(password)) {
    host_.Count(Fault::kMalformed);
    return SayHowItEnded(Command::kReg, kFailed);
  }
  next_ = Next::kPause;
  host_.Register(user_id_, password);
}

void ServerSession::OnSign(const Message& message) {
  user_id_ = std::string(Repeated(message.user_id));
  if (!login_.empty()) {
    host_.Count(Fault::kUnexpected);
    return SayHowItEnded(Command::kSign, kFailed);
  }
  next_ = Next::kPause;
  host_.Authenticate(user_id_, message.password.value_or(""), SessionHost::Takeover::kTakeover);
}

void ServerSession::OnInvt(const Message& message) {
  if (!IsOwn(message.source_user)) return;
  const absl::string_view target = Repeated(message.target_user);
  const std::optional<Text> reason = message.body ? BodyOf(message) : Text();
  if (!reason) return SayNoTalk(login_, target, kFailed);
  switch (host_.Ask(RequestKind::kTalk, ParseUser(target), *reason)) {
    case Delivery::kSent:
      return;
    case Delivery::kNoSuchUser:
    case Delivery::kNoSuchServer:
      host_.Count(Fault::kNoSuchUser);
      return SayNoTalk(login_, target, compat_ == Compat::kAuthor ? kFailed : kNotExist);
    case Delivery::kNoConsent:
    case Delivery::kNotPossible:
      return SayNoTalk(login_, target, kFailed);
  }
}

void ServerSession::OnRsp(const Message& message) {
  // Section 3.1: the source is who invited, so the target is who answers.
  if (!IsOwn(message.target_user)) return;
  const absl::string_view status = message.status.value_or("");
  const bool accepted =
      status == kAccepted || (compat_ == Compat::kAuthor && status == kSuccessful);
  if (!accepted && status != kRefused) return host_.Count(Fault::kUnexpected);
  const absl::string_view asker = message.source_user.value_or("");
  const bool invited = invited_by_.erase(asker) > 0;
  const Delivery answered = host_.AnswerRequest(RequestKind::kTalk, ParseUser(asker), accepted);
  if (answered == Delivery::kSent) return;
  // Section 3.2: who has agreed is told when the connection fails.
  if (invited && accepted) return SayNoTalk(asker, login_, kFailed);
  CountUnlessSent(answered);
}

void ServerSession::OnTxt(const Message& message) {
  if (!IsOwn(message.source_user)) return;
  const std::optional<TalkNumber> talk = ParseSessionId(message.session_id.value_or(""));
  // Section 3.1: a TXT must contain a message-body.
  if (!talk || !message.body) return host_.Count(Fault::kUnexpected);
  const std::optional<Text> text = BodyOf(message);
  if (!text) return;
  CountUnlessSent(host_.SendInTalk(*talk, ParseUser(message.target_user.value_or("")), *text));
}

void ServerSession::OnClose(const Message& message) {
  if (!IsOwn(message.source_user)) return;
  const std::optional<TalkNumber> talk = ParseSessionId(message.session_id.value_or(""));
  if (!talk) return host_.Count(Fault::kUnexpected);
  CountUnlessSent(host_.CloseTalk(*talk, ParseUser(message.target_user.value_or(""))));
}

void ServerSession::OnQuit(const Message& message) {
  if (login_.empty() || IsOwn(message.user_id)) next_ = Next::kClose;
}

bool ServerSession::IsOwn(const Header& name) {
  if (name == login_) return true;
  host_.Count(Fault::kSpoofedSender);
  return false;
}

std::optional<Text> ServerSession::BodyOf(const Message& message) {
  if (message.body->size() > kMaxBodyBytes) {
    host_.Count(Fault::kMessageTooLong);
    return std::nullopt;
  }
  const std::optional<Text> text = Text::From(*message.body);
  if (!text) host_.Count(Fault::kNotText);
  return text;
}

void ServerSession::CountUnlessSent(Delivery delivery) {
  if (delivery == Delivery::kSent) return;
  host_.Count(delivery == Delivery::kNoSuchUser ? Fault::kNoSuchUser : Fault::kUnexpected);
}

void ServerSession::SayNoTalk(absl::string_view asker, absl::string_view target,
                              absl::string_view status) {
  Send({.command = Command::kRsp, .source_user = asker, .target_user = target, .status = status});
}

void ServerSession::SayHowItEnded(Command command, absl::string_view status) {
  Send({.command = command, .status = status, .user_id = user_id_});
}

// ---- Events ----

Next ServerSession::OnEvent(const Event& event) {
  std::visit([this](const auto& e) { Tell(e); }, event);
  return next_;
}

void ServerSession::Tell(const Registered& event) {
  next_ = Next::kMore;
  SayHowItEnded(Command::kReg, event.successful ? kSuccessful : kFailed);
}

void ServerSession::Tell(const Authenticated& event) {
  next_ = Next::kMore;
  switch (event.result) {
    case LoginResult::kAccepted:
      login_ = user_id_;
      return SayHowItEnded(Command::kSign, kSuccessful);
    case LoginResult::kNoAccount:
    case LoginResult::kNotAName:  // so no account has it
      // The clients of the document's author do not know NotExist.
      return SayHowItEnded(Command::kSign, compat_ == Compat::kAuthor ? kFailed : kNotExist);
    case LoginResult::kOverloaded:
      // Failed would say that the password is wrong, which nobody has looked at.
      next_ = Next::kClose;
      return;
    case LoginResult::kWrongPassword:
    case LoginResult::kTaken:
    case LoginResult::kAlreadyIn:
    case LoginResult::kReserved:
      SayHowItEnded(Command::kSign, kFailed);
      // Section 2.2.2.
      if (compat_ == Compat::kDocument) next_ = Next::kClose;
      return;
  }
}

void ServerSession::Tell(const Request& event) {
  if (event.kind != RequestKind::kTalk) return;
  const std::string from = Display(event.from);
  const std::string to = Display(event.to);
  if (invited_by_.size() < kMaxInvitations) invited_by_.insert(from);
  Message message = {.command = Command::kInvt, .source_user = from, .target_user = to};
  if (!event.reason.bytes().empty()) message.body = std::string(event.reason.bytes());
  Send(message);
}

void ServerSession::Tell(const Answer& event) {
  if (event.kind != RequestKind::kTalk) return;
  const std::string asker = Display(event.asker);
  const std::string target = Display(event.target);
  const std::string session_id = SessionIdOf(static_cast<TalkNumber>(event.grant));
  Message message = {.command = Command::kRsp, .source_user = asker, .target_user = target};
  switch (event.verdict) {
    case Verdict::kAccepted:
      message.session_id = session_id;
      message.status = compat_ == Compat::kAuthor ? kSuccessful : kAccepted;
      break;
    case Verdict::kRefused:
      message.status = kRefused;
      break;
    case Verdict::kAbsent:
    case Verdict::kFailed:
      message.status = kFailed;
      break;
  }
  Send(message);
}

void ServerSession::Tell(const PrivateMessage& event) {
  const std::string from = Display(event.from);
  const std::string to = Display(event.to);
  Send({.command = Command::kTxt,
        .session_id = SessionIdOf(event.talk),
        .source_user = from,
        .target_user = to,
        .body = std::string(event.body.bytes())});
}

void ServerSession::Tell(const TalkClosed& event) {
  const std::string by = Display(event.by);
  Send({.command = Command::kClose,
        .session_id = SessionIdOf(event.talk),
        .source_user = by,
        .target_user = login_});
}

void ServerSession::OnFarewell(Farewell reason) {
  // Section 3.2: QUIT says that the account has been signed in to elsewhere, and nothing else.
  if (reason == Farewell::kReplaced) Send({.command = Command::kQuit, .user_id = login_});
}

}  // namespace chat::crp
