#include "libchat/cfp/packets.h"

#include "absl/strings/str_cat.h"
#include "libchat/wire/reader.h"

namespace chat::cfp {
namespace {

std::string Shown(FieldKind, int64_t number) { return wire::Shown(number); }

std::string Shown(FieldKind kind, absl::string_view bytes) {
  if (kind == FieldKind::kPassword) return absl::StrCat("(", bytes.size(), " bytes)");
  if (kind == FieldKind::kContent) bytes = bytes.substr(0, bytes.find_last_not_of('\0') + 1);
  return wire::Shown(bytes);
}

std::string Shown(FieldKind, const SiblingList& siblings) {
  std::string shown = "[";
  for (size_t i = 0; i < siblings.size(); ++i) {
    const WireSibling one = siblings[i];
    absl::StrAppend(&shown, i == 0 ? "" : ",", one.id, "@", one.ipv4 >> 24, ".",
                    one.ipv4 >> 16 & 0xFF, ".", one.ipv4 >> 8 & 0xFF, ".", one.ipv4 & 0xFF, ":",
                    one.port);
  }
  return absl::StrCat(shown, "]");
}

}  // namespace

WireSibling SiblingList::operator[](size_t i) const {
  wire::Reader reader(bytes_.substr(i * kSiblingBytes, kSiblingBytes));
  WireSibling sibling;
  static_cast<void>(reader.I32(&sibling.id) && reader.U32(&sibling.ipv4) &&
                    reader.I32(&sibling.port));
  return sibling;
}

Decoded Decode(absl::string_view in, const DecodeLimits& limits) {
  return wire::Decode<Packet>(in, Format(), limits);
}

std::string ToString(const Packet& packet) {
  return wire::ToString(
      packet, [](const auto& field, const auto& value) { return Shown(field.kind, value); });
}

std::optional<MergeOffer> ToOffer(int32_t server_id, const SiblingList& siblings) {
  if (server_id <= 0) return std::nullopt;
  MergeOffer offer{server_id, {}};
  offer.siblings.reserve(siblings.size());
  for (size_t i = 0; i < siblings.size(); ++i) {
    const WireSibling one = siblings[i];
    if (one.id <= 0 || one.port <= 0 || one.port > UINT16_MAX) return std::nullopt;
    offer.siblings.push_back({one.id, one.ipv4, static_cast<uint16_t>(one.port)});
  }
  return offer;
}

std::string SiblingBytes(const std::vector<Sibling>& siblings) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  for (const Sibling& one : siblings) {
    out.I32(one.id);
    out.U32(one.ipv4);
    out.I32(one.port);
  }
  return bytes;
}

}  // namespace chat::cfp
