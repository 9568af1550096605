#include "libchat/chathack/server_session.h"

#include <string>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "libchat/dialect/packet_fault.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

// What becomes of a well-formed packet from a client.
enum class Rule : uint8_t {
  kTake,
  kRefuse,  // counted, and answered with ACK 1
};
constexpr Rule kTake = Rule::kTake;
constexpr Rule kRefuse = Rule::kRefuse;

struct Rules {
  Rule anonymous;
  Rule logged_in;
};

constexpr Rules kRules[kOpcodes] = {
    /* EXISTING_LOGIN */ {kTake, kTake},
    /* NEW_LOGIN */ {kTake, kTake},
    /* GLOBAL_MESSAGE */ {kRefuse, kTake},
    /* PRIVATE_ASKING */ {kRefuse, kTake},
    /* PRIVATE_VALIDATION */ {kRefuse, kTake},
    /* PRIVATE_DENIED */ {kRefuse, kTake},
    // These are for the other client, on a direct connection.
    /* PRIVATE_STRING */ {kRefuse, kRefuse},
    /* PRIVATE_FILE */ {kRefuse, kRefuse},
    /* PRIVATE_CONNECTION */ {kRefuse, kRefuse},
};

bool IsLogin(Opcode opcode) {
  return opcode == Opcode::kExistingLogin || opcode == Opcode::kNewLogin;
}

// What stands before the login in an opcode 1 or 2.
constexpr size_t kLoginHeadBytes = 1 + wire::kSizeBytes;

// 0.0.0.0 or ::, "wherever I am".
bool IsUnspecified(absl::string_view address) {
  return address.find_first_not_of('\0') == absl::string_view::npos;
}

// "Where I am myself", which existing clients always say.
bool IsLoopback(absl::string_view address) {
  constexpr absl::string_view kIpv6Loopback("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  return address.size() == kIpv4Bytes ? address[0] == '\x7f' : address == kIpv6Loopback;
}

// An IPv4 address that is mapped into IPv6, as IPv4.
absl::string_view Unmapped(absl::string_view address) {
  constexpr absl::string_view kPrefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (address.size() == kIpv6Bytes) absl::ConsumePrefix(&address, kPrefix);
  return address;
}

}  // namespace

ServerSession::ServerSession(AddressRule addresses, const SessionLimits& limits, SessionHost& host)
    : addresses_(addresses), limits_(limits), host_(host) {}

Step ServerSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (next_ == Next::kMore && !host_.Throttled()) {
    const Decoded<Packet> decoded = reader_.Next(in, decode_limits());
    if (decoded.status == DecodeStatus::kNeedMore) break;
    OnPacket(decoded);
  }
  return {given - in.size(), next_};
}

void ServerSession::OnPacket(const Decoded<Packet>& decoded) {
  if (decoded.status == DecodeStatus::kFieldTooLong) return OnFieldTooLong(decoded.too_long);
  if (decoded.status != DecodeStatus::kDone) return Close(FaultOf(decoded.status));
  std::visit(
      [this](const auto& packet) {
        if (Takes(packet.kCode)) On(packet);
      },
      decoded.packet);
}

bool ServerSession::Takes(Opcode opcode) {
  const Rules& rules = kRules[static_cast<size_t>(opcode) - 1];
  if (state_ == State::kLoggedIn) {
    if (rules.logged_in == kRefuse) Refuse(Fault::kUnexpected);
    return rules.logged_in == kTake;
  }
  if (rules.anonymous == kRefuse) Refuse(Fault::kNotLoggedIn);
  return rules.anonymous == kTake;
}

void ServerSession::OnFieldTooLong(const Position& field) {
  if (!Takes(field.code)) return;
  if (IsLogin(field.code)) {
    AnswerLogin(LoginResult::kAlreadyIn);  // only a second login can be so long
  } else if (KindOf(field.code, field.field) == FieldKind::kContent) {
    Refuse(Fault::kMessageTooLong);
  } else {
    Refuse(Fault::kNoSuchUser);  // nobody has such a long name
  }
}

void ServerSession::Close(Fault fault) {
  Refuse(fault);
  next_ = Next::kClose;
}

void ServerSession::Refuse(Fault fault) {
  host_.Count(fault);
  Send(AckPacketError{});
}

DecodeLimits ServerSession::decode_limits() const {
  const size_t before = limits_.frame_before_login;
  return {.proposal = before < kLoginHeadBytes ? 0 : before - kLoginHeadBytes,
          .name = kMaxShownNameBytes,
          .file_name = kMaxFileNameBytes,
          .content = kMaxContentBytes,
          .frame = state_ == State::kLoggedIn ? limits_.frame : before};
}

// ---- Packets ----

void ServerSession::On(const ExistingLogin& packet) {
  if (state_ == State::kLoggedIn) return AnswerLogin(LoginResult::kAlreadyIn);
  login_ = std::string(packet.login);
  state_ = State::kAuthenticating;
  next_ = Next::kPause;
  host_.Authenticate(packet.login, packet.password, SessionHost::Takeover::kTakeover);
}

void ServerSession::On(const NewLogin& packet) {
  if (state_ == State::kLoggedIn) return AnswerLogin(LoginResult::kAlreadyIn);
  login_ = std::string(packet.login);
  AnswerLogin(host_.Login(packet.login));
}

void ServerSession::AnswerLogin(LoginResult result) {
  switch (result) {
    case LoginResult::kAccepted:
      state_ = State::kLoggedIn;
      return Send(AckConnected{});
    case LoginResult::kTaken:
    case LoginResult::kReserved:
      return Send(AckLoginExists{});
    case LoginResult::kAlreadyIn:
      host_.Count(Fault::kUnexpected);
      return Send(AckLoginError{});
    case LoginResult::kNotAName:
    case LoginResult::kNoAccount:
    case LoginResult::kWrongPassword:
      return Send(AckLoginError{});
    case LoginResult::kOverloaded:
      // Neither the login nor the password is wrong, as far as anybody knows.
      return Send(AckPacketError{});
  }
}

void ServerSession::On(const GlobalMessage& packet) {
  if (!IsOwn(packet.login)) return;
  if (const std::optional<Text> body = ToText(packet.message)) host_.Publish(*body);
}

void ServerSession::On(const PrivateAsking& packet) {
  if (!IsOwn(packet.sender) || !ToText(packet.receiver)) return;
  const Delivery asked = host_.Ask(RequestKind::kDirect, ParseUser(packet.receiver), Text());
  if (asked == Delivery::kSent) return;
  if (asked == Delivery::kNoSuchUser) host_.Count(Fault::kNoSuchUser);
  Send(AckPrivateDenied{packet.receiver});
}

void ServerSession::On(const PrivateValidation& packet) {
  const std::optional<absl::string_view> asker = OtherOf(packet.sender, packet.receiver);
  if (!asker) return;
  if (packet.port < 1 || packet.port > UINT16_MAX) return Refuse(Fault::kMalformed);
  if (const std::optional<DirectAddress> at = ListeningAt(packet)) {
    CountUnlessSent(host_.AcceptDirect(ParseUser(*asker), *at));
  } else {
    host_.AnswerRequest(RequestKind::kDirect, ParseUser(*asker), false);
  }
}

void ServerSession::On(const PrivateDenied& packet) {
  const std::optional<absl::string_view> asker = OtherOf(packet.sender, packet.receiver);
  if (!asker) return;
  CountUnlessSent(host_.AnswerRequest(RequestKind::kDirect, ParseUser(*asker), false));
}

void ServerSession::CountUnlessSent(Delivery delivery) {
  if (delivery != Delivery::kSent) host_.Count(Fault::kUnexpected);
}

std::optional<absl::string_view> ServerSession::OtherOf(absl::string_view sender,
                                                        absl::string_view receiver) {
  if (sender == login_) return receiver;
  if (IsOwn(receiver)) return sender;
  return std::nullopt;
}

std::optional<DirectAddress> ServerSession::ListeningAt(const PrivateValidation& packet) {
  const std::string own = host_.PeerAddress();
  const absl::string_view said = Unmapped(packet.address);
  const bool is_own = said == own;
  const bool replaced = !is_own && (IsUnspecified(said) || IsLoopback(said));
  if (!is_own && !replaced && addresses_ == AddressRule::kOwn) {
    // Nobody points a peer at somebody else.
    host_.Count(Fault::kSpoofedSender);
    return std::nullopt;
  }
  return DirectAddress{replaced ? own : std::string(packet.address),
                       static_cast<uint16_t>(packet.port), packet.id};
}

bool ServerSession::IsOwn(absl::string_view login) {
  if (login == login_) return true;
  Refuse(Fault::kSpoofedSender);
  return false;
}

std::optional<Text> ServerSession::ToText(absl::string_view bytes) {
  const std::optional<Text> text = Text::From(bytes);
  if (!text) Refuse(Fault::kNotText);
  return text;
}

// ---- Events ----

Next ServerSession::OnEvent(const Event& event) {
  std::visit([this](const auto& e) { Tell(e); }, event);
  return next_;
}

void ServerSession::Tell(const Authenticated& event) {
  if (state_ != State::kAuthenticating) return;
  state_ = State::kAnonymous;
  next_ = Next::kMore;
  AnswerLogin(event.result);
}

void ServerSession::Tell(const Request& event) {
  if (event.kind == RequestKind::kDirect) Send(AckPrivateAsking{Display(event.from)});
}

void ServerSession::Tell(const Answer& event) {
  if (event.kind != RequestKind::kDirect) return;
  const std::string target = Display(event.target);
  if (event.verdict == Verdict::kAccepted && event.direct) {
    const DirectAddress& at = *event.direct;
    Send(AckPrivateValidation{target, at.port, at.address, at.id});
  } else {
    Send(AckPrivateDenied{target});
  }
}

template <class P>
void ServerSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  host_.Send(bytes);
}

}  // namespace chat::chathack
