#include "libchat/chaton/packets.h"

namespace chat::chaton {

Decoded Decode(absl::string_view in, LongBytes longs, const DecodeLimits& limits) {
  return wire::Decode<Packet>(in, Format{longs}, limits);
}

std::string ToString(const Packet& packet) { return wire::ToString(packet); }

}  // namespace chat::chaton
