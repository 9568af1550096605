#include "libchat/chathack/packets.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"

namespace chat::chathack {
namespace {

std::string Shown(FieldKind, int64_t number) { return wire::Shown(number); }
std::string Shown(FieldKind kind, absl::string_view bytes) {
  if (kind == FieldKind::kPassword) return absl::StrCat("(", bytes.size(), " bytes)");
  if (kind != FieldKind::kAddress) return wire::Shown(bytes);
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(bytes.size() == kIpv4Bytes ? AF_INET : AF_INET6, bytes.data(), buffer,
                   sizeof(buffer));
}

template <class Packets>
std::string Show(const Packets& packet) {
  return wire::ToString(
      packet, [](const auto& field, const auto& value) { return Shown(field.kind, value); });
}

}  // namespace

Decoded<Packet> DecodePacket(absl::string_view in, const DecodeLimits& limits) {
  return wire::Decode<Packet>(in, Format(), limits);
}
Decoded<Ack> DecodeAck(absl::string_view in, const DecodeLimits& limits) {
  return wire::Decode<Ack>(in, Format(), limits);
}

std::string ToString(const Packet& packet) { return Show(packet); }
std::string ToString(const Ack& ack) { return Show(ack); }

}  // namespace chat::chathack
