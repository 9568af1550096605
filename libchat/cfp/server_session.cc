#include "libchat/cfp/server_session.h"

#include <string>
#include <variant>

#include "libchat/cfp/file_name.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

// When a client's well-formed packet is acted on; at other times it is counted, without effect.
enum class Rule : uint8_t {
  kNever,        // only servers send it
  kFirst,        // while it is open who is at the other end
  kBeforeLogin,  // the same, or after a refused login
  kAfterLogin,
};

constexpr Rule RuleOf(Code code) {
  switch (code) {
    case Code::kMrgReq:
      return Rule::kFirst;
    case Code::kAuthGst:
    case Code::kAuthUsr:
      return Rule::kBeforeLogin;
    case Code::kMsgPbl:
    case Code::kMsgPrv:
    case Code::kFileChnk:
    case Code::kError:
      return Rule::kAfterLogin;
    case Code::kAuthRsp:
    case Code::kMsgPblInc:
    case Code::kMsgPrvInc:
    case Code::kFileChnkInc:
    case Code::kPckFwd:
    case Code::kMrgRsp:
    case Code::kMrgDcl:
      break;
  }
  return Rule::kNever;
}

}  // namespace

ServerSession::ServerSession(const SessionLimits& limits, SessionHost& host)
    : limits_(limits), host_(host) {}

Step ServerSession::OnBytes(absl::string_view in) {
  if (link_ != nullptr) return link_->OnBytes(in);
  const size_t given = in.size();
  while (next_ == Next::kMore && !host_.Throttled()) {
    const Taken taken = reader_.Next(in, decode_limits());
    if (taken.kind == Taken::Kind::kNothing) break;
    if (taken.kind == Taken::Kind::kLost) {
      Close(taken.fault);
    } else {
      OnPacket(taken);
    }
  }
  return {given - in.size(), next_};
}

void ServerSession::OnPacket(const Taken& taken) {
  if (taken.wrapping != Wrapping::kNone) return Ignore();  // only servers forward
  if (taken.kind == Taken::Kind::kTooLong) return OnFieldTooLong(taken.too_long);
  std::visit(
      [this](const auto& packet) {
        if (Takes(packet.kCode)) On(packet);
      },
      taken.packet);
}

bool ServerSession::Takes(Code code) {
  bool takes = false;
  switch (RuleOf(code)) {
    case Rule::kNever:
      break;
    case Rule::kFirst:
      takes = state_ == State::kNew;
      break;
    case Rule::kBeforeLogin:
      takes = state_ != State::kLoggedIn;
      break;
    case Rule::kAfterLogin:
      takes = state_ == State::kLoggedIn;
      break;
  }
  if (!takes) Ignore();
  return takes;
}

void ServerSession::Ignore() {
  host_.Count(state_ == State::kLoggedIn ? Fault::kUnexpected : Fault::kNotLoggedIn);
}

void ServerSession::OnFieldTooLong(const Position& field) {
  if (!Takes(field.code)) return;
  switch (KindOf(field.code, field.field)) {
    case FieldKind::kText:
      return host_.Count(Fault::kMessageTooLong);
    case FieldKind::kName:
      return Report(Delivery::kNoSuchUser);  // nobody has such a long name
    case FieldKind::kShownName:
      return Ignore();  // nor has anybody sent a file
    default:
      return host_.Count(Fault::kMalformed);
  }
}

void ServerSession::Close(Fault fault) {
  host_.Count(fault);
  next_ = Next::kClose;
}

DecodeLimits ServerSession::decode_limits() const {
  const size_t before = limits_.frame_before_login;
  return {.proposal = before,
          .name = kMaxNameBytes,
          .text = kMaxMessageBytes,
          .file_name = kMaxFileNameBytes,
          .frame = state_ == State::kLoggedIn ? limits_.frame : before};
}

// ---- Packets ----

void ServerSession::On(const AuthGst& packet) {
  login_ = std::string(packet.nickname);
  switch (host_.Login(packet.nickname)) {
    case LoginResult::kAccepted:
      return AnswerLogin(AuthCode::kSucceeded);
    case LoginResult::kTaken:
    case LoginResult::kOverloaded:  // another time it may be free
      return AnswerLogin(AuthCode::kUsedAlready);
    default:
      return AnswerLogin(AuthCode::kReserved);
  }
}

void ServerSession::On(const AuthUsr& packet) {
  login_ = std::string(packet.nickname);
  state_ = State::kAuthenticating;
  next_ = Next::kPause;
  host_.Authenticate(packet.nickname, packet.password, SessionHost::Takeover::kNone);
}

void ServerSession::Tell(const Authenticated& event) {
  if (state_ != State::kAuthenticating) return;
  next_ = Next::kMore;
  switch (event.result) {
    case LoginResult::kAccepted:
      return AnswerLogin(AuthCode::kSucceeded);
    case LoginResult::kTaken:
    case LoginResult::kOverloaded:
      return AnswerLogin(AuthCode::kUsedAlready);
    default:
      return AnswerLogin(AuthCode::kWrongPair);
  }
}

void ServerSession::AnswerLogin(AuthCode code) {
  state_ = code == AuthCode::kSucceeded ? State::kLoggedIn : State::kRefused;
  Send(AuthRsp{static_cast<uint8_t>(code)});
}

void ServerSession::On(const MsgPbl& packet) {
  const std::optional<Text> body = Text::From(packet.message);
  if (!body) return host_.Count(Fault::kNotText);
  host_.Publish(*body);
}

void ServerSession::On(const MsgPrv& packet) {
  const std::optional<Text> body = Text::From(packet.message);
  if (!body) return host_.Count(Fault::kNotText);
  if (!IsName(packet.receiver)) return Report(Delivery::kNoSuchUser);
  Report(host_.SendPrivate(Addressee(packet.server_id, packet.receiver), *body));
}

void ServerSession::On(const FileChnk& packet) {
  if (!IsFile(packet.filename, packet.chunks)) return host_.Count(Fault::kMalformed);
  if (!IsName(packet.receiver)) return Report(Delivery::kNoSuchUser);
  Report(host_.SendFileChunk({User(login_), User(Addressee(packet.server_id, packet.receiver)),
                              packet.transfer_id, std::string(packet.filename), packet.chunks,
                              std::string(packet.content)}));
}

void ServerSession::On(const MrgReq& packet) {
  const std::optional<MergeOffer> offer = ToOffer(packet.server_id, packet.siblings);
  if (!offer) return Close(Fault::kMalformed);
  state_ = State::kLink;
  next_ = Next::kPause;
  link_ = std::make_unique<LinkSession>(offer->id, limits_, host_);
  host_.AskToMerge(*offer);
}

void ServerSession::On(const Error& packet) {
  const UserRef sender = ParseUser(packet.nickname);
  const bool refuses = packet.code == static_cast<uint8_t>(ErrorCode::kNoReceiver) &&
                       host_.RefuseFile(Addressee(sender.server, sender.name)) == Delivery::kSent;
  if (!refuses) Ignore();
}

UserRef ServerSession::Addressee(int32_t server_id, absl::string_view receiver) const {
  return {receiver, server_id == host_.ServerId() ? 0 : server_id};
}

void ServerSession::Report(Delivery delivery) {
  if (delivery == Delivery::kSent) return;
  host_.Count(Fault::kNoSuchUser);
  SendError(delivery == Delivery::kNoSuchServer);
}

void ServerSession::SendError(bool no_server) {
  const ErrorCode code = no_server ? ErrorCode::kNoServer : ErrorCode::kNoReceiver;
  Send(Error{login_, static_cast<uint8_t>(code)});
}

// ---- Events ----

Next ServerSession::OnEvent(const Event& event) {
  if (link_ != nullptr) return link_->OnEvent(event);
  std::visit([this](const auto& e) { Tell(e); }, event);
  return next_;
}

void ServerSession::Tell(const PrivateMessage& event) {
  Send(MsgPrvInc{OriginOf(event.from), event.from.name, event.to.name, event.body.bytes()});
}

void ServerSession::Tell(const FileChunk& event) {
  Send(FileChnkInc{OriginOf(event.from), event.from.name, event.to.name, event.transfer, event.name,
                   event.chunks, event.content});
}

void ServerSession::Tell(const Undelivered& event) { SendError(event.no_server); }

int32_t ServerSession::OriginOf(const User& user) const {
  return user.server == 0 ? host_.ServerId() : user.server;
}

template <class P>
void ServerSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  host_.Send(bytes);
}

}  // namespace chat::cfp
