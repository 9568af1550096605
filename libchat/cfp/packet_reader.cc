#include "libchat/cfp/packet_reader.h"

#include <utility>
#include <variant>

namespace chat::cfp {
namespace {

using Kind = Taken::Kind;

Taken Lost(DecodeStatus status) {
  Taken taken;
  taken.kind = Kind::kLost;
  taken.fault = status == DecodeStatus::kUnknownCode    ? Fault::kUnknownOpcode
                : status == DecodeStatus::kFrameTooLong ? Fault::kFrameTooLong
                                                        : Fault::kMalformed;
  return taken;
}

}  // namespace

Taken PacketReader::Next(absl::string_view& in, const DecodeLimits& limits) {
  while (true) {
    if (skip_) {
      const DecodeStatus status = skip_->Advance(in);
      if (status == DecodeStatus::kNeedMore) return {};
      if (status != DecodeStatus::kDone) return Lost(status);
      skip_.reset();
    }
    Taken taken = TakeOne(in, limits);
    if (taken.kind != Kind::kPacket && taken.kind != Kind::kTooLong) return taken;
    if (!Unwrap(taken)) return taken;
  }
}

Taken PacketReader::TakeOne(absl::string_view& in, const DecodeLimits& limits) {
  if (in.size() < need_) return {};
  need_ = 1;
  const Decoded decoded = Decode(in, limits);
  Taken taken;
  switch (decoded.status) {
    case DecodeStatus::kNeedMore:
      need_ = decoded.size;
      return taken;
    case DecodeStatus::kDone:
      taken.kind = Kind::kPacket;
      taken.packet = decoded.packet;
      break;
    case DecodeStatus::kFieldTooLong:
      taken.kind = Kind::kTooLong;
      taken.too_long = decoded.too_long;
      skip_.emplace(decoded.too_long, limits.frame);
      break;
    default:
      return Lost(decoded.status);
  }
  in.remove_prefix(decoded.size);
  return taken;
}

bool PacketReader::Unwrap(Taken& taken) {
  const PckFwd* const forward =
      taken.kind == Kind::kPacket ? std::get_if<PckFwd>(&taken.packet) : nullptr;
  if (forward != nullptr && wrapping_ == Wrapping::kNone) {
    wrapping_ = Wrapping::kForwarded;
    destination_ = forward->server_id;
    return true;
  }
  if (forward != nullptr) {
    wrapping_ = taken.wrapping = Wrapping::kNested;
  } else {
    taken.wrapping = std::exchange(wrapping_, Wrapping::kNone);
    taken.destination = destination_;
  }
  return false;
}

}  // namespace chat::cfp
