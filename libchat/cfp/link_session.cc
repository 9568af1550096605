#include "libchat/cfp/link_session.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "libchat/cfp/file_name.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {

LinkSession::LinkSession(const MergeOffer& offer, const SessionLimits& limits, SessionHost& host)
    : offer_(offer), limits_(limits), host_(host), state_(State::kAsking), next_(Next::kMore) {}

LinkSession::LinkSession(int32_t peer, const SessionLimits& limits, SessionHost& host)
    : limits_(limits), host_(host), state_(State::kAsked), next_(Next::kPause), peer_(peer) {}

void LinkSession::OnConnected() {
  const std::string siblings = SiblingBytes(offer_.siblings);
  Send(MrgReq{offer_.id, SiblingList(siblings)});
}

// ---- What the other server says ----

Step LinkSession::OnBytes(absl::string_view in) {
  const DecodeLimits limits = {.proposal = limits_.frame_before_login,
                               .name = kMaxNameBytes,
                               .text = kMaxMessageBytes,
                               .file_name = kMaxFileNameBytes,
                               .frame = limits_.frame};
  const size_t given = in.size();
  while (next_ == Next::kMore && !host_.Throttled()) {
    const Taken taken = reader_.Next(in, limits);
    if (taken.kind == Taken::Kind::kNothing) break;
    if (taken.kind == Taken::Kind::kLost) {
      Close(taken.fault);
    } else {
      OnPacket(taken);
    }
  }
  return {given - in.size(), next_};
}

void LinkSession::OnPacket(const Taken& taken) {
  if (taken.wrapping != Wrapping::kNone) return OnForwarded(taken);
  if (taken.kind == Taken::Kind::kTooLong) return host_.Count(Fault::kUnexpected);
  std::visit([this](const auto& packet) { On(packet); }, taken.packet);
}

void LinkSession::OnForwarded(const Taken& taken) {
  // Until the merge is accepted no message crosses; and nothing is ever forwarded again.
  if (state_ != State::kMerged) return host_.Count(Fault::kUnexpected);
  if (taken.wrapping == Wrapping::kNested) return host_.Count(Fault::kMalformed);
  if (taken.destination != host_.ServerId()) return host_.Count(Fault::kUnexpected);
  if (taken.kind == Taken::Kind::kTooLong) {
    const bool text = KindOf(taken.too_long.code, taken.too_long.field) == FieldKind::kText;
    return host_.Count(text ? Fault::kMessageTooLong : Fault::kMalformed);
  }
  std::visit([this](const auto& packet) { HandOn(packet); }, taken.packet);
}

void LinkSession::Close(Fault fault) {
  host_.Count(fault);
  next_ = Next::kClose;
}

void LinkSession::On(const MrgRsp& packet) {
  if (state_ != State::kAsking) return host_.Count(Fault::kUnexpected);
  std::optional<MergeOffer> accepted = ToOffer(packet.server_id, packet.siblings);
  if (!accepted) return Close(Fault::kMalformed);
  peer_ = accepted->id;
  OnAnswer({std::move(accepted), {}});
}

void LinkSession::On(const MrgDcl& packet) {
  if (state_ != State::kAsking) return host_.Count(Fault::kUnexpected);
  if (packet.code > static_cast<uint8_t>(MergeRefusal::kConflict)) return Close(Fault::kMalformed);
  OnAnswer({std::nullopt, static_cast<MergeRefusal>(packet.code)});
}

void LinkSession::OnAnswer(const MergeAnswer& answer) {
  if (host_.OnMergeAnswer(answer) && answer.accepted) {
    state_ = State::kMerged;
  } else {
    next_ = Next::kClose;
  }
}

void LinkSession::HandOn(const MsgPblInc& packet) {
  if (!AreNames({packet.sender})) return;
  std::optional<OwnedText> body = ToText(packet.message);
  if (!body) return;
  Forward(Announcement{User(std::string(packet.sender), packet.server_id), *std::move(body)});
}

void LinkSession::HandOn(const MsgPrvInc& packet) {
  if (!AreNames({packet.sender, packet.receiver})) return;
  std::optional<OwnedText> body = ToText(packet.message);
  if (!body) return;
  Forward(PrivateMessage{User(std::string(packet.sender), packet.server_id),
                         User(std::string(packet.receiver)), *std::move(body)});
}

void LinkSession::HandOn(const FileChnkInc& packet) {
  if (!AreNames({packet.sender, packet.receiver})) return;
  if (!IsFile(packet.filename, packet.chunks)) return host_.Count(Fault::kMalformed);
  Forward(FileChunk{User(std::string(packet.sender), packet.server_id),
                    User(std::string(packet.receiver)), packet.transfer_id,
                    std::string(packet.filename), packet.chunks, std::string(packet.content)});
}

void LinkSession::HandOn(const Error& packet) {
  if (packet.code > static_cast<uint8_t>(ErrorCode::kNoReceiver)) {
    return host_.Count(Fault::kMalformed);
  }
  if (!AreNames({packet.nickname})) return;
  // The packet says neither where it comes from nor who was not there.
  Forward(Undelivered{User("", peer_), User(std::string(packet.nickname)),
                      packet.code == static_cast<uint8_t>(ErrorCode::kNoServer)});
}

void LinkSession::Forward(const Event& event) {
  if (!host_.Forward(event)) host_.Count(Fault::kSpoofedSender);
}

bool LinkSession::AreNames(std::initializer_list<absl::string_view> nicknames) {
  if (std::all_of(nicknames.begin(), nicknames.end(), IsName)) return true;
  host_.Count(Fault::kMalformed);
  return false;
}

std::optional<OwnedText> LinkSession::ToText(absl::string_view bytes) {
  if (const std::optional<Text> text = Text::From(bytes)) return OwnedText(*text);
  host_.Count(Fault::kNotText);
  return std::nullopt;
}

// ---- What this server says ----

Next LinkSession::OnEvent(const Event& event) {
  std::visit([this](const auto& e) { Tell(e); }, event);
  return next_;
}

void LinkSession::Tell(const MergeAnswer& event) {
  if (state_ != State::kAsked) return;
  if (!event.accepted) {
    next_ = Next::kClose;
    return Send(MrgDcl{static_cast<uint8_t>(event.refusal)});
  }
  state_ = State::kMerged;
  next_ = Next::kMore;
  const std::string siblings = SiblingBytes(event.accepted->siblings);
  Send(MrgRsp{event.accepted->id, SiblingList(siblings)});
}

void LinkSession::Tell(const Announcement& event) {
  SendForwarded(MsgPblInc{host_.ServerId(), event.from.name, event.body.bytes()});
}

void LinkSession::Tell(const PrivateMessage& event) {
  SendForwarded(MsgPrvInc{host_.ServerId(), event.from.name, event.to.name, event.body.bytes()});
}

void LinkSession::Tell(const FileChunk& event) {
  SendForwarded(FileChnkInc{host_.ServerId(), event.from.name, event.to.name, event.transfer,
                            event.name, event.chunks, event.content});
}

void LinkSession::Tell(const Undelivered& event) {
  const ErrorCode code = event.no_server ? ErrorCode::kNoServer : ErrorCode::kNoReceiver;
  SendForwarded(Error{event.from.name, static_cast<uint8_t>(code)});
}

template <class P>
void LinkSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  host_.Send(bytes);
}

template <class P>
void LinkSession::SendForwarded(const P& packet) {
  if (state_ != State::kMerged) return;
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(PckFwd{peer_}, out);
  Encode(packet, out);
  host_.Send(bytes);
}

}  // namespace chat::cfp
