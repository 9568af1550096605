#include "libchat/chatos/server_session.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libchat/chatos/ascii.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

// What becomes of a well-formed packet from a client.
enum class Rule : uint8_t {
  kTake,
  kLoginFirst,   // error 6
  kOnce,         // error 2: the client is logged in
  kServersOnly,  // error 2
};

struct Rules {
  Rule anonymous;
  Rule logged_in;
};

// Section 4: the login comes first.
constexpr Rules kRules[kOpcodes] = {
    /* LOGIN */ {Rule::kTake, Rule::kOnce},
    /* CHAT */ {Rule::kLoginFirst, Rule::kTake},
    /* ACK */ {Rule::kLoginFirst, Rule::kTake},
    /* ERROR */ {Rule::kLoginFirst, Rule::kServersOnly},
    /* PRIVATE_ASK */ {Rule::kLoginFirst, Rule::kTake},
    /* PRIVATE_ACCEPTATION */ {Rule::kLoginFirst, Rule::kTake},
};

// The ID of the ACK that answers a login: the packet has none.
constexpr int64_t kLoginId = 0;

}  // namespace

ServerSession::ServerSession(const SessionLimits& limits, SessionHost& host)
    : limits_(limits), host_(host) {}

Step ServerSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (next_ == Next::kMore && !host_.Throttled()) {
    if (!(skip_ ? SkipPacket(in) : TakePacket(in))) break;
  }
  return {given - in.size(), next_};
}

bool ServerSession::TakePacket(absl::string_view& in) {
  const Decoded decoded = decoder_.Decode(in, decode_limits());
  switch (decoded.status) {
    case Decoded::Status::kNeedMore:
      return false;
    case Decoded::Status::kUnknownOpcode:
      SendError(ErrorCode::kBadData, "unknown opcode");
      return Close(Fault::kUnknownOpcode);
    case Decoded::Status::kFrameTooLong:
      if (Takes(static_cast<Opcode>(decoded.packet.index()))) {
        SendError(ErrorCode::kTooLong,
                  absl::StrCat("packet is over ", decode_limits().frame, " bytes"));
      }
      return Close(Fault::kFrameTooLong);
    case Decoded::Status::kFieldTooLong:
      in.remove_prefix(decoded.size);
      skip_.emplace(decoded.too_long, decode_limits().frame);
      OnFieldTooLong(decoded);
      return true;
    case Decoded::Status::kDone:
      break;
  }
  in.remove_prefix(decoded.size);
  if (Takes(static_cast<Opcode>(decoded.packet.index()))) {
    std::visit([this](const auto& packet) { On(packet); }, decoded.packet);
  }
  return true;
}

bool ServerSession::SkipPacket(absl::string_view& in) {
  switch (skip_->Advance(in)) {
    case Skip::Status::kNeedMore:
      return false;
    case Skip::Status::kFrameTooLong:
      return Close(Fault::kFrameTooLong);
    case Skip::Status::kDone:
      break;
  }
  skip_.reset();
  if (const auto id = std::exchange(skipped_id_, std::nullopt)) Send(Ack{*id});
  return true;
}

void ServerSession::OnFieldTooLong(const Decoded& decoded) {
  if (!Takes(decoded.too_long.opcode)) return;
  const std::string long_name = absl::StrCat("nickname is over ", kMaxShownNameBytes, " bytes");
  switch (decoded.too_long.opcode) {
    case Opcode::kLogin:
      return Refuse(Fault::kUnexpected, ErrorCode::kNameRefused,
                    absl::StrCat("nickname is over ", kMaxNameBytes, " bytes"));
    case Opcode::kChat:
      if (decoded.too_long.kind == FieldKind::kText) {
        return Refuse(Fault::kMessageTooLong, ErrorCode::kTooLong,
                      absl::StrCat("message is over ", kMaxMessageBytes, " bytes"));
      }
      skipped_id_ = std::get<Chat>(decoded.packet).id;
      return Refuse(Fault::kNoSuchUser, ErrorCode::kNoSuchUser, long_name);
    case Opcode::kPrivateAsk:
      return Refuse(Fault::kNoSuchUser, ErrorCode::kNoSuchUser, long_name);
    case Opcode::kPrivateAcceptation:
      return Refuse(Fault::kUnexpected, ErrorCode::kBadData, long_name);
    case Opcode::kAck:  // has no String
    case Opcode::kError:
      return;
  }
}

bool ServerSession::Takes(Opcode opcode) {
  const Rules& rules = kRules[static_cast<size_t>(opcode)];
  switch (logged_in() ? rules.logged_in : rules.anonymous) {
    case Rule::kTake:
      return true;
    case Rule::kLoginFirst:
      Refuse(Fault::kNotLoggedIn, ErrorCode::kNotLoggedIn, "log in first");
      return false;
    case Rule::kOnce:
      Refuse(Fault::kUnexpected, ErrorCode::kBadData, "logged in already");
      return false;
    case Rule::kServersOnly:
      Refuse(Fault::kUnexpected, ErrorCode::kBadData, "only servers send this opcode");
      return false;
  }
  return false;
}

bool ServerSession::Close(Fault fault) {
  host_.Count(fault);
  next_ = Next::kClose;
  return false;
}

DecodeLimits ServerSession::decode_limits() const {
  return {.proposal = kMaxNameBytes,
          .name = kMaxShownNameBytes,
          .text = kMaxMessageBytes,
          .frame = logged_in() ? limits_.frame : limits_.frame_before_login};
}

// ---- Packets ----

void ServerSession::On(const Login& packet) {
  if (!IsAscii(packet.nickname)) {
    return Refuse(Fault::kNotText, ErrorCode::kBadData, "nickname is not ASCII");
  }
  switch (host_.Login(packet.nickname)) {
    case LoginResult::kAccepted:
      login_ = std::string(packet.nickname);
      return Send(Ack{kLoginId});
    case LoginResult::kTaken:
      return SendError(ErrorCode::kNameRefused, "nickname is taken");
    case LoginResult::kNotAName:
      return SendError(ErrorCode::kNameRefused, "nickname is not allowed");
    case LoginResult::kReserved:
      return SendError(ErrorCode::kNameRefused, "nickname belongs to an account");
    case LoginResult::kAlreadyIn:
    case LoginResult::kNoAccount:
    case LoginResult::kWrongPassword:
    case LoginResult::kOverloaded:
      break;
  }
  SendError(ErrorCode::kNameRefused, "no login now");
}

void ServerSession::On(const Chat& packet) {
  if (!IsAscii(packet.nickname)) {
    return Refuse(Fault::kNotText, ErrorCode::kBadData, "nickname is not ASCII");
  }
  if (!IsAscii(packet.message)) {
    return Refuse(Fault::kNotText, ErrorCode::kBadData, "message is not ASCII");
  }
  if (delivered_.Contains(packet.id)) {
    host_.Count(Fault::kUnexpected);
  } else if (Deliver(packet.nickname, packet.message)) {
    delivered_.Add(packet.id);
  }
  // Sections 2 and 6: the packet was received.
  Send(Ack{packet.id});
}

bool ServerSession::Deliver(absl::string_view to, absl::string_view message) {
  const Text body = *Text::From(message);
  if (to.empty()) {
    host_.Publish(body);
    return true;
  }
  switch (host_.SendPrivate(ParseUser(to), body)) {
    case Delivery::kSent:
      return true;
    case Delivery::kNoSuchUser:
    case Delivery::kNoSuchServer:
      Refuse(Fault::kNoSuchUser, ErrorCode::kNoSuchUser, "nickname is of nobody here");
      return false;
    case Delivery::kNoConsent:
      SendError(ErrorCode::kNoConsent, "nickname has not accepted a private connection");
      return false;
    case Delivery::kNotPossible:
      break;
  }
  SendError(ErrorCode::kNoSuchUser, "nickname cannot be sent this now");
  return false;
}

void ServerSession::On(const Ack& packet) { host_.Acknowledge(packet.id); }

void ServerSession::On(const PrivateAsk& packet) {
  if (!IsNickname(packet.nickname)) return;
  if (asks_) {
    return Refuse(Fault::kUnexpected, ErrorCode::kBadData, "an earlier request is unanswered");
  }
  switch (host_.Ask(RequestKind::kTalk, ParseUser(packet.nickname), Text())) {
    case Delivery::kSent:
      asks_ = true;
      return;
    case Delivery::kNoSuchUser:
    case Delivery::kNoSuchServer:
      return Refuse(Fault::kNoSuchUser, ErrorCode::kNoSuchUser, "nickname is of nobody here");
    case Delivery::kNoConsent:
    case Delivery::kNotPossible:
      return AnswerAsk(false);
  }
}

void ServerSession::On(const PrivateAcceptation& packet) {
  if (!IsNickname(packet.nickname)) return;
  if (packet.yes > 1) {
    return Refuse(Fault::kMalformed, ErrorCode::kBadData, "yes is neither 0 nor 1");
  }
  const UserRef asker = ParseUser(packet.nickname);
  if (host_.AnswerRequest(RequestKind::kTalk, asker, packet.yes == 1) != Delivery::kSent) {
    Refuse(Fault::kUnexpected, ErrorCode::kBadData, "nickname has no open request");
  }
}

bool ServerSession::IsNickname(absl::string_view nickname) {
  if (nickname.empty()) {
    Refuse(Fault::kMalformed, ErrorCode::kMissingData, "nickname is missing");
    return false;
  }
  if (!IsAscii(nickname)) {
    Refuse(Fault::kNotText, ErrorCode::kBadData, "nickname is not ASCII");
    return false;
  }
  return true;
}

// Section 9: with the name of who asked.
void ServerSession::AnswerAsk(bool yes) {
  asks_ = false;
  Send(PrivateAcceptation{yes, login_});
}

// ---- Events ----

Next ServerSession::OnEvent(const Event& event) {
  std::visit([this](const auto& e) { Tell(e); }, event);
  return next_;
}

void ServerSession::Tell(const PrivateMessage& event) {
  Send(Chat{event.number, ToAscii(Display(event.from)), ToAscii(event.body.bytes())});
}

void ServerSession::Tell(const Request& event) {
  if (event.kind == RequestKind::kTalk) Send(PrivateAsk{ToAscii(Display(event.from))});
}

void ServerSession::Tell(const Answer& event) {
  // The one who was asked has accepted itself.
  const bool own = asks_ && event.kind == RequestKind::kTalk && event.asker == User(login_);
  if (own) AnswerAsk(event.verdict == Verdict::kAccepted);
}

void ServerSession::Tell(const Undelivered& event) {
  SendError(ErrorCode::kNoSuchUser,
            absl::StrCat("nickname is of nobody on server ", event.to.server));
}

void ServerSession::OnTooFast() {
  SendError(ErrorCode::kTooFast, "too fast: over messages_per_second");
}

void ServerSession::OnFarewell(Farewell reason) {
  switch (reason) {
    case Farewell::kSlowConsumer:
      return SendError(ErrorCode::kTooFast, "messages come faster than they are read");
    case Farewell::kLoginTimeout:
      return SendError(ErrorCode::kNotLoggedIn, "no login in time");
    case Farewell::kKicked:
      return SendError(ErrorCode::kNotLoggedIn, "an operator has ended this login");
    case Farewell::kOverloaded:
      return SendError(ErrorCode::kTooFast, "too many connections");
    case Farewell::kReplaced:
      return SendError(ErrorCode::kNameRefused, "nickname has logged in elsewhere");
    case Farewell::kShutdown:
      return SendError(ErrorCode::kShutdown, "server is shutting down");
  }
}

// ---- Output ----

template <class P>
void ServerSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  host_.Send(bytes);
}

void ServerSession::SendError(ErrorCode code, absl::string_view message) {
  Send(Error{static_cast<int16_t>(code), message});
}

void ServerSession::Refuse(Fault fault, ErrorCode code, absl::string_view message) {
  host_.Count(fault);
  SendError(code, message);
}

}  // namespace chat::chatos
