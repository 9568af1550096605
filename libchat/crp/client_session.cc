#include "libchat/crp/client_session.h"

#include <string.h>  // explicit_bzero

#include "absl/strings/str_cat.h"
#include "libchat/dialect/limits.h"

namespace chat::crp {
namespace {

// As many as a server of ours looks at (limits.hashing).
constexpr size_t kMaxPasswordBytes = 128;
// So many bytes of a message that is too long are followed: as many as a server of ours follows.
constexpr size_t kMaxFollowed = SessionLimits().frame;
// The document writes NotExist in one place and this in another (section 3.2).
constexpr char kNotExit[] = "NotExit";

absl::Status CheckName(absl::string_view name) {
  if (IsName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("not a crp user: a name takes 1 to ", kMaxNameBytes,
                   " bytes of UTF-8 without spaces, control characters and '@'"));
}

absl::Status CheckBody(Text body) {
  if (body.bytes().size() <= kMaxMessageBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a crp message has at most ", kMaxMessageBytes,
                                                 " bytes, this one has ", body.bytes().size()));
}

}  // namespace

absl::Status ClientSession::In(State state) const {
  if (state_ == state) return absl::OkStatus();
  switch (state_) {
    case State::kNew:
      return absl::FailedPreconditionError("not signed in");
    case State::kRegistering:
      return absl::FailedPreconditionError("the registration has not been answered yet");
    case State::kSigningIn:
      return absl::FailedPreconditionError("signing in has not been answered yet");
    case State::kSignedIn:
      return absl::FailedPreconditionError("signed in already");
    case State::kSignedOut:
      return absl::FailedPreconditionError("signed out");
    case State::kBroken:
      break;
  }
  return absl::FailedPreconditionError("the server broke the protocol");
}

// ---- What the user does ----

absl::Status ClientSession::Login(absl::string_view) {
  return absl::UnimplementedError("crp has no login without a password");
}

absl::Status ClientSession::LoginWithPassword(absl::string_view name, absl::string_view password) {
  if (absl::Status s = In(State::kNew); !s.ok()) return s;
  if (absl::Status s = CheckName(name); !s.ok()) return s;
  if (password.size() > kMaxPasswordBytes ||
      password.find_first_of(absl::string_view("\r\n\0", 3)) != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("a password has at most ", kMaxPasswordBytes,
                                                   " bytes, none of them NUL or a line end"));
  }
  login_ = std::string(name);
  ForgetPassword();
  password_ = std::string(password);
  state_ = State::kSigningIn;
  Send({.command = Command::kSign, .user_id = name, .password = password});
  return absl::OkStatus();
}

absl::Status ClientSession::Register(absl::string_view name, absl::string_view password) {
  if (absl::Status s = In(State::kNew); !s.ok()) return s;
  if (!IsUserId(name)) {
    return absl::InvalidArgumentError(
        "not a crp userID: it takes a letter, then letters or digits, 5 to 10 in all");
  }
  if (!IsPassword(password)) {
    return absl::InvalidArgumentError("not a crp password: it takes 6 to 13 letters and digits");
  }
  state_ = State::kRegistering;
  Send({.command = Command::kReg, .user_id = name, .password = password});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPrivate(SendToken, UserRef to, Text body) {
  if (absl::Status s = In(State::kSignedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (absl::Status s = CheckBody(body); !s.ok()) return s;
  const std::string peer = Display(to);
  const auto talk = talks_.find(peer);
  if (talk == talks_.end()) {
    return absl::FailedPreconditionError(absl::StrCat("no talk with ", peer, " is open"));
  }
  Send({.command = Command::kTxt,
        .session_id = SessionIdOf(talk->second),
        .source_user = login_,
        .target_user = peer,
        .body = std::string(body.bytes())});
  return absl::OkStatus();
}

absl::Status ClientSession::Ask(RequestKind kind, UserRef to, Text reason) {
  if (kind != RequestKind::kTalk) return chat::ClientSession::Ask(kind, to, reason);
  if (absl::Status s = In(State::kSignedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (absl::Status s = CheckBody(reason); !s.ok()) return s;
  const std::string target = Display(to);
  Message message = {.command = Command::kInvt, .source_user = login_, .target_user = target};
  if (!reason.bytes().empty()) message.body = std::string(reason.bytes());
  Send(message);
  return absl::OkStatus();
}

absl::Status ClientSession::Answer(RequestKind kind, UserRef asker, bool accept) {
  if (kind != RequestKind::kTalk) return chat::ClientSession::Answer(kind, asker, accept);
  if (absl::Status s = In(State::kSignedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(asker.name); !s.ok()) return s;
  const std::string source = Display(asker);
  Send({.command = Command::kRsp,
        .source_user = source,
        .target_user = login_,
        .status = accept ? kAccepted : kRefused});
  return absl::OkStatus();
}

absl::Status ClientSession::CloseTalk(UserRef peer) {
  if (absl::Status s = In(State::kSignedIn); !s.ok()) return s;
  const std::string target = Display(peer);
  const auto talk = talks_.find(target);
  if (talk == talks_.end()) {
    return absl::FailedPreconditionError(absl::StrCat("no talk with ", target, " is open"));
  }
  Send({.command = Command::kClose,
        .session_id = SessionIdOf(talk->second),
        .source_user = login_,
        .target_user = target});
  talks_.erase(talk);
  return absl::OkStatus();
}

void ClientSession::Leave() {
  if (state_ != State::kSignedIn) return;
  for (const auto& [peer, talk] : talks_) {
    Send({.command = Command::kClose,
          .session_id = SessionIdOf(talk),
          .source_user = login_,
          .target_user = peer});
  }
  Send({.command = Command::kQuit, .user_id = login_, .password = password_});
  talks_.clear();
  ForgetPassword();
  state_ = State::kSignedOut;
}

void ClientSession::ForgetPassword() {
  explicit_bzero(password_.data(), password_.size());
  password_.clear();
}

// ---- What the server says ----

Step ClientSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (state_ != State::kBroken) {
    const Decoded decoded = decoder_.Decode(in, kMaxMessageSize, kMaxFollowed);
    in.remove_prefix(decoded.size);
    if (decoded.status == Decoded::Status::kNeedMore) break;
    if (decoded.status == Decoded::Status::kPassedBy) {
      host_.OnClientEvent(Notice{absl::StrCat("a message of over ", kMaxLines, " lines or ",
                                              kMaxMessageSize, " bytes was left out")});
      continue;
    }
    if (decoded.status != Decoded::Status::kDone || !On(decoded.message)) state_ = State::kBroken;
  }
  return {given - in.size(), state_ == State::kBroken ? Next::kClose : Next::kMore};
}

bool ClientSession::On(const Message& message) {
  if (message.command == Command::kReg) return state_ == State::kRegistering && OnReg(message);
  if (message.command == Command::kSign) return state_ == State::kSigningIn && OnSign(message);
  if (state_ != State::kSignedIn && state_ != State::kSignedOut) return false;
  switch (message.command) {
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
    case Command::kReg:
    case Command::kSign:
      break;
  }
  return false;
}

bool ClientSession::OnReg(const Message& message) {
  const bool successful = message.status == kSuccessful;
  if (!successful && message.status != kFailed) return false;
  state_ = State::kNew;
  host_.OnClientEvent(successful ? ClientEvent(AccountMade{}) : AccountRefused{});
  return true;
}

bool ClientSession::OnSign(const Message& message) {
  using Reason = LoginRefused::Reason;
  if (message.status == kSuccessful) {
    state_ = State::kSignedIn;
    host_.OnClientEvent(LoggedIn{});
    return true;
  }
  const bool no_account = message.status == kNotExist;
  if (!no_account && message.status != kFailed) return false;
  state_ = State::kNew;
  ForgetPassword();
  // Another name has another password.
  host_.OnClientEvent(LoginRefused{no_account ? Reason::kNoAccount : Reason::kPassword, false});
  return true;
}

bool ClientSession::OnInvt(const Message& message) {
  if (!message.source_user || message.target_user != login_) return false;
  host_.OnClientEvent(
      Asked{RequestKind::kTalk, User(ParseUser(*message.source_user)), message.body.value_or("")});
  return true;
}

bool ClientSession::OnRsp(const Message& message) {
  if (!message.source_user || !message.target_user || !message.status) return false;
  const bool is_asker = message.source_user == login_;
  if (!is_asker && message.target_user != login_) return false;
  // The programs of the document's author say Successful.
  if (message.status == kAccepted || message.status == kSuccessful) {
    return OnTalk(is_asker ? *message.target_user : *message.source_user, message.session_id);
  }
  if (is_asker) return OnRefusal(*message.target_user, *message.status);
  return message.status == kFailed;  // the talk that was agreed to has not come about
}

bool ClientSession::OnTalk(absl::string_view peer, const Header& session_id) {
  const std::optional<TalkNumber> talk = ParseSessionId(session_id.value_or(""));
  if (!talk || talks_.size() >= static_cast<size_t>(kMaxTalks)) return false;
  talks_[std::string(peer)] = *talk;
  host_.OnClientEvent(TalkOpened{User(ParseUser(peer))});
  return true;
}

bool ClientSession::OnRefusal(absl::string_view target, absl::string_view status) {
  // The programs of the document's author say Failed for somebody who is not there.
  const bool absent = status == kNotExist || status == kNotExit ||
                      (status == kFailed && compat_ == Compat::kAuthor);
  if (!absent && status != kRefused && status != kFailed) return false;
  host_.OnClientEvent(Refused{RequestKind::kTalk, User(ParseUser(target)), absent});
  return true;
}

bool ClientSession::OnTxt(const Message& message) {
  const bool is_one = ParseSessionId(message.session_id.value_or("")) && message.source_user &&
                      message.target_user == login_ && message.body;
  // Whether the talk is still open does not matter: it may have been closed here meanwhile.
  if (!is_one) return false;
  host_.OnClientEvent(
      Received{true, User(ParseUser(*message.source_user)), User(login_), *message.body});
  return true;
}

bool ClientSession::OnClose(const Message& message) {
  const std::optional<TalkNumber> talk = ParseSessionId(message.session_id.value_or(""));
  if (!talk || !message.source_user || message.target_user != login_) return false;
  const auto open = talks_.find(*message.source_user);
  // Both may close at once.
  if (open == talks_.end() || open->second != *talk) return true;
  talks_.erase(open);
  host_.OnClientEvent(TalkEnded{User(ParseUser(*message.source_user))});
  return true;
}

bool ClientSession::OnQuit(const Message&) {
  state_ = State::kSignedOut;
  ForgetPassword();
  host_.OnClientEvent(Replaced{});
  return true;
}

}  // namespace chat::crp
