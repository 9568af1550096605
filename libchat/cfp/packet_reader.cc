#include "libchat/cfp/packet_reader.h"

#include <utility>
#include <variant>

#include "libchat/dialect/packet_fault.h"

namespace chat::cfp {

Taken PacketReader::Next(absl::string_view& in, const DecodeLimits& limits) {
  while (true) {
    Taken taken = TakeOne(in, limits);
    if (taken.kind != Taken::Kind::kPacket && taken.kind != Taken::Kind::kTooLong) return taken;
    if (!Unwrap(taken)) return taken;
  }
}

Taken PacketReader::TakeOne(absl::string_view& in, const DecodeLimits& limits) {
  const Decoded decoded = packets_.Next(in, limits);
  Taken taken;
  switch (decoded.status) {
    case DecodeStatus::kNeedMore:
      break;
    case DecodeStatus::kDone:
      taken.kind = Taken::Kind::kPacket;
      taken.packet = decoded.packet;
      break;
    case DecodeStatus::kFieldTooLong:
      taken.kind = Taken::Kind::kTooLong;
      taken.too_long = decoded.too_long;
      break;
    case DecodeStatus::kUnknownCode:
    case DecodeStatus::kMalformed:
    case DecodeStatus::kFrameTooLong:
      taken.kind = Taken::Kind::kLost;
      taken.fault = FaultOf(decoded.status);
      break;
  }
  return taken;
}

bool PacketReader::Unwrap(Taken& taken) {
  const PckFwd* const forward =
      taken.kind == Taken::Kind::kPacket ? std::get_if<PckFwd>(&taken.packet) : nullptr;
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
