#include "libchat/chathack/direct_session.h"

#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

constexpr DecodeLimits kLimits = {.proposal = 0,
                                  .name = kMaxShownNameBytes,
                                  .file_name = kMaxFileNameBytes,
                                  .content = kMaxContentBytes,
                                  .frame = 2048};  // more than all fields together

// All that a peer may begin with: its login, and the id as a proof.
constexpr Opcode kProof = Opcode::kPrivateConnection;

absl::Status CheckFileName(absl::string_view name) {
  if (!name.empty() && name.size() <= kMaxFileNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a file name has 1 to ", kMaxFileNameBytes,
                                                 " bytes in chathack, this one has ", name.size()));
}

// `what` has `bytes` bytes.
absl::Status CheckContent(absl::string_view what, size_t bytes) {
  if (bytes <= kMaxContentBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a chathack ", what, " has at most ",
                                                 kMaxContentBytes, " bytes, this one has ", bytes));
}

}  // namespace

DirectSession::DirectSession(DirectOptions options, DirectHost& host)
    : options_(std::move(options)), host_(host) {}

// ---- What the user does ----

void DirectSession::Start() {
  if (options_.side == DirectOptions::Side::kListens) return;
  Send(PrivateConnection{options_.self, options_.id});
  state_ = State::kOpen;
  host_.OnDirectEvent(DirectOpened{});
}

absl::Status DirectSession::SendMessage(Text body) {
  if (absl::Status s = IsOpen(); !s.ok()) return s;
  if (absl::Status s = CheckContent("message", body.bytes().size()); !s.ok()) return s;
  if (sending_) {
    return absl::FailedPreconditionError(
        absl::StrCat("the file ", *sending_, " has to be sent to its end first"));
  }
  Send(PrivateString{options_.self, body.bytes()});
  return absl::OkStatus();
}

absl::Status DirectSession::SendFilePiece(absl::string_view name, absl::string_view content) {
  if (absl::Status s = IsOpen(); !s.ok()) return s;
  if (absl::Status s = CheckFileName(name); !s.ok()) return s;
  if (absl::Status s = CheckContent("piece of a file", content.size()); !s.ok()) return s;
  if (sending_ && *sending_ != name) {
    return absl::FailedPreconditionError(
        absl::StrCat("the file ", *sending_, " has to be sent to its end first"));
  }
  // A file that fits one packet is one packet.
  if (!content.empty() || pieces_sent_ != 1) Send(PrivateFile{options_.self, name, content});
  if (content.size() == kMaxContentBytes) {
    sending_ = std::string(name);
    ++pieces_sent_;
  } else {
    sending_.reset();
    pieces_sent_ = 0;
  }
  return absl::OkStatus();
}

absl::Status DirectSession::IsOpen() const {
  switch (state_) {
    case State::kNew:
      return absl::FailedPreconditionError("the peer has not come yet");
    case State::kOpen:
      return absl::OkStatus();
    case State::kBroken:
      break;
  }
  return absl::FailedPreconditionError("the peer broke the protocol");
}

template <class P>
void DirectSession::Send(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  host_.Send(bytes);
}

// ---- What the peer says ----

Step DirectSession::OnBytes(absl::string_view in) {
  const size_t given = in.size();
  while (state_ != State::kBroken && !in.empty()) {
    Decoded<Packet> decoded;
    decoded.status = DecodeStatus::kUnknownCode;
    const absl::string_view packet = in;
    if (MayBegin(static_cast<Opcode>(in[0]))) decoded = reader_.Next(in, kLimits);
    if (decoded.status == DecodeStatus::kNeedMore) break;
    if (decoded.status == DecodeStatus::kFieldTooLong &&
        KindOf(decoded.too_long.code, decoded.too_long.field) == FieldKind::kContent) {
      OnContentTooLong(packet);
    }
    const bool allowed =
        decoded.status == DecodeStatus::kDone &&
        std::visit([this](const auto& packet) { return On(packet); }, decoded.packet);
    if (!allowed) state_ = State::kBroken;
  }
  return {given - in.size(), state_ == State::kBroken ? Next::kClose : Next::kMore};
}

bool DirectSession::MayBegin(Opcode opcode) const {
  if (state_ == State::kNew) return opcode == kProof;
  return opcode == Opcode::kPrivateString || opcode == Opcode::kPrivateFile;
}

bool DirectSession::On(const PrivateConnection& packet) {
  // The comparison of two numbers takes the same time whatever they are: an id is not guessed bit
  // by bit.
  if (packet.id != options_.id || packet.login != options_.peer) return false;
  state_ = State::kOpen;
  host_.OnDirectEvent(DirectOpened{});
  return true;
}

bool DirectSession::On(const PrivateString& packet) {
  if (packet.login != options_.peer) return false;
  Release(/*last=*/true);
  host_.OnDirectEvent(DirectMessage{std::string(packet.message)});
  return true;
}

bool DirectSession::On(const PrivateFile& packet) {
  if (packet.login != options_.peer) return false;
  Release(/*last=*/held_ && held_->name != packet.name);
  held_ = DirectFilePiece{std::string(packet.name), std::string(packet.content), false};
  if (packet.content.size() < kMaxContentBytes) Release(/*last=*/true);
  return true;
}

void DirectSession::Release(bool last) {
  if (!held_) return;
  DirectFilePiece piece = *std::move(held_);
  held_.reset();
  piece.last = last;
  host_.OnDirectEvent(std::move(piece));
}

void DirectSession::OnContentTooLong(absl::string_view packet) {
  if (!held_) return;
  std::string same_file;
  wire::StringWriter out(&same_file);
  Encode(PrivateFile{options_.peer, held_->name, absl::string_view()}, out);
  same_file.resize(same_file.size() - wire::kSizeBytes);
  // Anything else leaves the file before it whole.
  if (!absl::StartsWith(packet, same_file)) Release(/*last=*/true);
}

void DirectSession::OnEnd() {
  if (state_ == State::kOpen) Release(/*last=*/true);
}

}  // namespace chat::chathack
