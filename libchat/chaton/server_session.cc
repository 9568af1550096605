#include "libchat/chaton/server_session.h"

#include <string>
#include <variant>

#include "libchat/dialect/packet_fault.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {
namespace {

// What becomes of a well-formed packet from a client.
enum class Rule : uint8_t {
  kTake,
  kIgnore,  // counted, without effect
};
constexpr Rule kTake = Rule::kTake;
constexpr Rule kIgnore = Rule::kIgnore;

struct Rules {
  Rule anonymous;
  Rule logged_in;
};

// Section 1: before login only LOGIN and LOGIN_PRIVATE are processed.
constexpr Rules kRules[kOpcodes] = {
    /* LOGIN */ {kTake, kTake},
    /* LOGIN_ACCEPTED */ {kIgnore, kIgnore},
    /* LOGIN_REFUSED */ {kIgnore, kIgnore},
    /* MESSAGE */ {kIgnore, kTake},
    /* MESSAGE_PRIVATE */ {kIgnore, kTake},
    /* REQUEST_PRIVATE */ {kIgnore, kTake},
    /* OK_PRIVATE */ {kIgnore, kTake},
    /* KO_PRIVATE */ {kIgnore, kTake},
    /* ID_PRIVATE */ {kIgnore, kIgnore},
    /* LOGIN_PRIVATE */ {kTake, kIgnore},
    /* ESTABLISHED */ {kIgnore, kIgnore},
    /* CLOSE_CONNECTION */ {kIgnore, kTake},
    /* ACCEPT_CLOSE_CONNECTION */ {kIgnore, kIgnore},
};

// What stands before the login in a LOGIN.
constexpr size_t kLoginHeadBytes = 1 + wire::kSizeBytes;

}  // namespace

ServerSession::ServerSession(LongBytes longs, const SessionLimits& limits, SessionHost& host)
    : longs_(longs), limits_(limits), host_(host), reader_({longs}) {}

Step ServerSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (next_ == Next::kMore && !host_.Throttled()) {
    const Decoded decoded = reader_.Next(in, decode_limits());
    if (decoded.status == DecodeStatus::kNeedMore) break;
    OnPacket(decoded);
  }
  return {given - in.size(), next_};
}

void ServerSession::OnPacket(const Decoded& decoded) {
  if (decoded.status == DecodeStatus::kFieldTooLong) return OnFieldTooLong(decoded.too_long);
  if (decoded.status != DecodeStatus::kDone) return Close(FaultOf(decoded.status));
  std::visit(
      [this](const auto& packet) {
        if (Takes(packet.kCode)) On(packet);
      },
      decoded.packet);
}

bool ServerSession::Takes(Opcode opcode) {
  const Rules& rules = kRules[static_cast<size_t>(opcode)];
  if (state_ == State::kAnonymous) {
    if (rules.anonymous == kIgnore) host_.Count(Fault::kNotLoggedIn);
    return rules.anonymous == kTake;
  }
  if (rules.logged_in == kIgnore) host_.Count(Fault::kUnexpected);
  return rules.logged_in == kTake;
}

void ServerSession::OnFieldTooLong(const Position& field) {
  if (!Takes(field.code)) return;
  if (field.code == Opcode::kLogin) {
    host_.Count(Fault::kUnexpected);
    Send(LoginRefused{});  // only a second LOGIN can be so long
  } else if (KindOf(field.code, field.field) == FieldKind::kText) {
    host_.Count(Fault::kMessageTooLong);
  } else {
    host_.Count(Fault::kNoSuchUser);  // nobody has such a long name
  }
}

void ServerSession::Close(Fault fault) {
  host_.Count(fault);
  next_ = Next::kClose;
}

DecodeLimits ServerSession::decode_limits() const {
  const size_t before = limits_.frame_before_login;
  return {.proposal = before < kLoginHeadBytes ? 0 : before - kLoginHeadBytes,
          .name = kMaxShownNameBytes,
          .text = kMaxMessageBytes,
          .frame = state_ == State::kAnonymous ? before : limits_.frame};
}

// ---- Packets ----

void ServerSession::On(const Login& packet) {
  // Section 1: only one login can succeed.
  if (state_ == State::kLoggedIn) {
    host_.Count(Fault::kUnexpected);
    return Send(LoginRefused{});
  }
  if (host_.Login(packet.login) != LoginResult::kAccepted) return Send(LoginRefused{});
  login_ = std::string(packet.login);
  state_ = State::kLoggedIn;
  Send(LoginAccepted{});
}

void ServerSession::On(const Message& packet) {
  if (!IsOwn(packet.login)) return;
  if (const std::optional<Text> body = ToText(packet.msg)) host_.Publish(*body);
}

void ServerSession::On(const MessagePrivate& packet) {
  if (!IsOwn(packet.login_sender)) return;
  const std::optional<Text> body = ToText(packet.msg);
  if (!body) return;
  // Section 2: ignored if nobody connected has that login.
  if (host_.SendPrivate(ParseUser(packet.login_target), *body) == Delivery::kNoSuchUser) {
    host_.Count(Fault::kNoSuchUser);
  }
}

void ServerSession::On(const RequestPrivate& packet) {
  if (!IsOwn(packet.login_requester)) return;
  switch (host_.Ask(RequestKind::kRelay, ParseUser(packet.login_target), Text())) {
    case Delivery::kSent:
      break;
    case Delivery::kNoSuchUser:
    case Delivery::kNoSuchServer:
      // Section 3: ignored if nobody connected has that login.
      host_.Count(Fault::kNoSuchUser);
      break;
    case Delivery::kNoConsent:
    case Delivery::kNotPossible:
      Send(KoPrivate{packet.login_requester, packet.login_target});
      break;
  }
}

void ServerSession::On(const OkPrivate& packet) {
  OnAnswer(packet.login_requester, packet.login_target, true);
}

void ServerSession::On(const KoPrivate& packet) {
  OnAnswer(packet.login_requester, packet.login_target, false);
}

void ServerSession::OnAnswer(absl::string_view requester, absl::string_view target, bool accept) {
  if (!IsOwn(target)) return;
  if (host_.AnswerRequest(RequestKind::kRelay, ParseUser(requester), accept) != Delivery::kSent) {
    host_.Count(Fault::kUnexpected);
  }
}

void ServerSession::On(const LoginPrivate& packet) {
  const bool accepted = host_.PresentTicket(packet.connect_id) == TicketResult::kAccepted;
  state_ = State::kRelay;
  next_ = accepted ? Next::kRelay : Next::kClose;
}

void ServerSession::On(const CloseConnection& packet) {
  // Either party may ask.
  const bool is_requester = packet.login_requester == login_;
  if (!is_requester && !IsOwn(packet.login_target)) return;
  const absl::string_view other = is_requester ? packet.login_target : packet.login_requester;
  if (host_.CloseRelay(packet.connect_id, ParseUser(other)) != Delivery::kSent) {
    host_.Count(Fault::kUnexpected);
  }
}

bool ServerSession::IsOwn(absl::string_view login) {
  if (login == login_) return true;
  host_.Count(Fault::kSpoofedSender);
  return false;
}

std::optional<Text> ServerSession::ToText(absl::string_view body) {
  const std::optional<Text> text = Text::From(body);
  if (!text) host_.Count(Fault::kNotText);
  return text;
}

// ---- Events ----

Next ServerSession::OnEvent(const Event& event) {
  std::visit([this](const auto& e) { Tell(e); }, event);
  return next_;
}

void ServerSession::Tell(const PrivateMessage& event) {
  Send(MessagePrivate{Display(event.from), Display(event.to), event.body.bytes()});
}

void ServerSession::Tell(const Request& event) {
  if (event.kind != RequestKind::kRelay) return;
  Send(RequestPrivate{Display(event.from), Display(event.to)});
}

void ServerSession::Tell(const Answer& event) {
  if (event.kind != RequestKind::kRelay) return;
  const std::string asker = Display(event.asker);
  const std::string target = Display(event.target);
  if (event.verdict == Verdict::kAccepted) {
    Send(IdPrivate{asker, target, event.grant});
  } else {
    Send(KoPrivate{asker, target});
  }
}

void ServerSession::Tell(const RelayClosing& event) {
  Send(AcceptCloseConnection{Display(event.by)});
}

void ServerSession::Tell(const RelayEstablished&) { Send(Established{}); }

template <class P>
void ServerSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, longs_, out);
  host_.Send(bytes);
}

}  // namespace chat::chaton
