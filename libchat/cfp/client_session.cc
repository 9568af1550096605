#include "libchat/cfp/client_session.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libchat/cfp/file_name.h"
#include "libchat/dialect/limits.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

// As much as a server of the house is ready to read, in either direction. (Other servers may have
// longer nicknames.)
constexpr DecodeLimits kLimits = {.proposal = 0,
                                  .name = 255,
                                  .text = SessionLimits().frame,
                                  .file_name = kMaxFileNameBytes,
                                  .frame = SessionLimits().frame};

// No server of the house takes a longer one.
constexpr size_t kMaxPasswordBytes = 128;

absl::Status CheckName(absl::string_view name) {
  if (IsName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("not a cfp nickname: it takes 1 to ", kMaxNameBytes,
                   " bytes of UTF-8 without spaces, control characters and '@'"));
}

// `what` has `bytes` bytes.
absl::Status CheckSize(absl::string_view what, size_t bytes, size_t most) {
  if (bytes <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a cfp ", what, " has at most ", most, " bytes, this one has ", bytes));
}

// `content` is a piece of a file of `size` bytes.
absl::Status CheckPiece(int64_t size, absl::string_view content) {
  if (size < 0 || size > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a cfp file has 0 to ", kMaxFileBytes, " bytes, not ", size));
  }
  const auto bytes = static_cast<int64_t>(content.size());
  constexpr int64_t kPiece = kChunkBytes;
  const bool whole = bytes == kPiece && size >= kPiece;
  const bool last = bytes == size % kPiece && (bytes > 0 || size == 0);
  if (whole || last) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("no piece of a file of ", size, " bytes has ",
                                                 bytes, ": pieces have ", kChunkBytes,
                                                 ", the last one what is left"));
}

}  // namespace

absl::Status ClientSession::In(State state) const {
  if (state_ == state) return absl::OkStatus();
  switch (state_) {
    case State::kNew:
      return absl::FailedPreconditionError("not logged in");
    case State::kLoggingIn:
    case State::kAuthenticating:
    case State::kGreeting:
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
  Send(AuthGst{login_});
  return absl::OkStatus();
}

absl::Status ClientSession::LoginWithPassword(absl::string_view name, absl::string_view password) {
  if (absl::Status s = CheckSize("password", password.size(), kMaxPasswordBytes); !s.ok()) return s;
  if (absl::Status s = BeginLogin(name, State::kAuthenticating); !s.ok()) return s;
  Send(AuthUsr{login_, password});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPublic(SendToken token, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckSize("message", body.bytes().size(), kMaxMessageBytes); !s.ok()) {
    return s;
  }
  pending_.push_back({token, std::string(body.bytes())});
  Send(MsgPbl{body.bytes()});
  return absl::OkStatus();
}

absl::Status ClientSession::SendPrivate(SendToken, UserRef to, Text body) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (absl::Status s = CheckSize("message", body.bytes().size(), kMaxMessageBytes); !s.ok()) {
    return s;
  }
  Send(MsgPrv{to.server == 0 ? server_id_ : to.server, to.name, body.bytes()});
  return absl::OkStatus();
}

absl::Status ClientSession::SendFileChunk(UserRef to, int32_t transfer, absl::string_view name,
                                          int64_t size, absl::string_view content) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(to.name); !s.ok()) return s;
  if (absl::Status s = CheckSize("file name", name.size(), kMaxPlainNameBytes); !s.ok()) return s;
  if (!Text::From(name)) return absl::InvalidArgumentError("a cfp file name is UTF-8 without NUL");
  if (absl::Status s = CheckPiece(size, content); !s.ok()) return s;
  const int32_t server = to.server == 0 ? server_id_ : to.server;
  Send(FileChnk{server, to.name, transfer, WireFileName(name, size), ChunksOf(size), content});
  return absl::OkStatus();
}

absl::Status ClientSession::RefuseFile(UserRef from) {
  if (absl::Status s = In(State::kLoggedIn); !s.ok()) return s;
  if (absl::Status s = CheckName(from.name); !s.ok()) return s;
  Send(Error{Display(from), static_cast<uint8_t>(ErrorCode::kNoReceiver)});
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
    const Taken taken = reader_.Next(in, kLimits);
    if (taken.kind == Taken::Kind::kNothing) break;
    const bool allowed =
        taken.kind == Taken::Kind::kPacket && taken.wrapping == Wrapping::kNone &&
        std::visit([this](const auto& packet) { return On(packet); }, taken.packet);
    if (!allowed) state_ = State::kBroken;
  }
  return {given - in.size(), state_ == State::kBroken ? Next::kClose : Next::kMore};
}

bool ClientSession::On(const AuthRsp& packet) {
  if (!is_logging_in()) return false;
  const bool guest = state_ == State::kLoggingIn;
  if (packet.code == static_cast<uint8_t>(AuthCode::kSucceeded)) {
    state_ = State::kGreeting;
    Send(MsgPrv{0, login_, greeting_});
    return true;
  }
  state_ = State::kNew;
  LoginRefused refused;
  switch (static_cast<AuthCode>(packet.code)) {
    case AuthCode::kReserved:
    case AuthCode::kUsedAlready:
      refused = {LoginRefused::Reason::kTaken, guest};  // an account has one name
      break;
    case AuthCode::kWrongPair:
      refused = {LoginRefused::Reason::kPassword, false};
      break;
    default:
      break;
  }
  host_.OnClientEvent(refused);
  return true;
}

void ClientSession::OnGreeted(int32_t server) {
  server_id_ = server;
  state_ = State::kLoggedIn;
  host_.OnClientEvent(LoggedIn{});
}

User ClientSession::UserOf(absl::string_view name, int32_t server) const {
  return User(std::string(name), server == server_id_ ? 0 : server);
}

bool ClientSession::On(const MsgPblInc& packet) {
  // A message may overtake AUTHRSP.
  if (!is_logged_in() && !is_logging_in()) return false;
  const User from = UserOf(packet.sender, packet.server_id);
  host_.OnClientEvent(Received{false, from, User(), std::string(packet.message)});
  // It goes to the sender, too (section 4). One that differs from what is due confirms nothing, nor
  // does what a user of the same name says elsewhere.
  const bool here = from.server == 0 || server_id_ == 0;
  if (from.name == login_ && here && !pending_.empty() && packet.message == pending_.front().body) {
    server_id_ = packet.server_id;
    const SendToken token = pending_.front().token;
    pending_.pop_front();
    host_.OnClientEvent(Confirmed{token});
  }
  return true;
}

bool ClientSession::On(const MsgPrvInc& packet) {
  if (!is_logged_in() || packet.receiver != login_) return false;
  if (state_ == State::kGreeting && packet.sender == login_ && packet.message == greeting_) {
    OnGreeted(packet.server_id);
    return true;
  }
  host_.OnClientEvent(Received{true, UserOf(packet.sender, packet.server_id), User(login_),
                               std::string(packet.message)});
  return true;
}

bool ClientSession::On(const FileChnkInc& packet) {
  if (!is_logged_in() || packet.receiver != login_ || packet.chunks <= 0) return false;
  const NamedFile file = ParseWireFileName(packet.filename, packet.chunks);
  host_.OnClientEvent(FileChunkReceived{UserOf(packet.sender, packet.server_id), packet.transfer_id,
                                        std::string(file.name), file.size,
                                        std::string(packet.content)});
  return true;
}

bool ClientSession::On(const Error& packet) {
  if (!is_logged_in()) return false;
  if (state_ == State::kGreeting) {
    OnGreeted(0);  // a server that does not know 0 as its own
  } else if (packet.code <= static_cast<uint8_t>(ErrorCode::kNoReceiver)) {
    host_.OnClientEvent(Undeliverable{packet.code == static_cast<uint8_t>(ErrorCode::kNoServer)});
  } else {
    host_.OnClientEvent(Notice{absl::StrCat("the server reports error ", packet.code)});
  }
  return true;
}

}  // namespace chat::cfp
