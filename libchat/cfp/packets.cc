#include "libchat/cfp/packets.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/reader.h"

namespace chat::cfp {
namespace {

using Status = DecodeStatus;

constexpr size_t kByteBytes = 1;
constexpr size_t kIntBytes = 4;

size_t LimitOf(FieldKind kind, const DecodeLimits& limits) {
  switch (kind) {
    case FieldKind::kProposal:
    case FieldKind::kPassword:
      return limits.proposal;
    case FieldKind::kName:
      return limits.name;
    case FieldKind::kText:
      return limits.text;
    case FieldKind::kFileName:
      return limits.file_name;
    case FieldKind::kByte:
    case FieldKind::kInt:
    case FieldKind::kContent:
    case FieldKind::kSiblings:
      break;
  }
  return limits.frame;
}

// One run over the fields of one packet.
class FieldDecoder {
 public:
  FieldDecoder(absl::string_view fields, const DecodeLimits& limits)
      : fields_(fields), limits_(limits) {}

  // Each returns false when there is nothing more to read: status() says why.
  bool Read(FieldKind, uint8_t& byte) {
    return Declare(kByteBytes) && (fields_.U8(&byte) || Stop(Status::kNeedMore)) && Done();
  }
  bool Read(FieldKind, int32_t& number) {
    return Declare(kIntBytes) && (fields_.I32(&number) || Stop(Status::kNeedMore)) && Done();
  }
  bool Read(FieldKind kind, absl::string_view& bytes) {
    size_ = kChunkBytes;
    if (kind == FieldKind::kContent ? !Declare(size_) : !ReadSize(kind)) return false;
    return (fields_.Bytes(size_, &bytes) || Stop(Status::kNeedMore)) && Done();
  }
  bool Read(FieldKind, SiblingList& siblings) {
    declared_ += kIntBytes;
    int32_t count = 0;
    if (!fields_.I32(&count)) return Stop(Status::kNeedMore);
    if (count < 0 || count > static_cast<int32_t>(kMaxSiblings)) return Stop(Status::kMalformed);
    size_ = static_cast<size_t>(count) * kSiblingBytes;
    declared_ += size_;
    absl::string_view bytes;
    if (!fields_.Bytes(size_, &bytes)) return Stop(Status::kNeedMore);
    siblings = SiblingList(bytes);
    return Done();
  }

  Status status() const { return status_; }
  // As Decoded::size.
  size_t size() const {
    return status_ == Status::kFieldTooLong ? 1 + fields_.consumed() : declared_;
  }
  // The string at which it stopped.
  Position at(Code code) const { return {code, field_, size_, declared_}; }

 private:
  bool ReadSize(FieldKind kind) {
    int32_t size = 0;
    if (!Declare(kSizeBytes)) return false;
    if (!fields_.I32(&size)) return Stop(Status::kNeedMore);
    if (size < 0) return Stop(Status::kMalformed);
    size_ = static_cast<size_t>(size);
    if (!Declare(size_)) return false;
    return size_ <= LimitOf(kind, limits_) || Stop(Status::kFieldTooLong);
  }
  bool Declare(size_t bytes) {
    declared_ += bytes;
    return declared_ <= limits_.frame || Stop(Status::kFrameTooLong);
  }
  bool Done() {
    ++field_;
    return true;
  }
  bool Stop(Status status) {
    status_ = status;
    return false;
  }

  wire::Reader fields_;
  const DecodeLimits& limits_;
  Status status_ = Status::kDone;
  size_t field_ = 0;
  size_t size_ = 0;      // of the last string
  size_t declared_ = 1;  // the code, and all that was said about the fields up to here
};

template <size_t I>
void DecodeAs(absl::string_view fields, const DecodeLimits& limits, Decoded& out) {
  using P = std::variant_alternative_t<I, Packet>;
  P& packet = out.packet.emplace<I>();
  FieldDecoder decoder(fields, limits);
  std::apply(
      [&](auto... field) {
        static_cast<void>((decoder.Read(field.kind, packet.*field.value) && ...));
      },
      P::kFields);
  out.status = decoder.status();
  out.size = decoder.size();
  out.too_long = decoder.at(P::kCode);
}

using Decoder = void (*)(absl::string_view, const DecodeLimits&, Decoded&);

constexpr auto kDecoders = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Decoder, kCodes>{&DecodeAs<I>...};
}
(std::make_index_sequence<kCodes>());

// What is known of a packet without looking at one.
struct Layout {
  Code code = Code::kAuthGst;
  size_t count = 0;
  FieldKind kinds[7] = {};
};

constexpr auto kLayouts = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Layout, kCodes>{std::apply(
      [](auto... field) {
        return Layout{
            std::variant_alternative_t<I, Packet>::kCode, sizeof...(field), {field.kind...}};
      },
      std::variant_alternative_t<I, Packet>::kFields)...};
}
(std::make_index_sequence<kCodes>());

// The index of a packet's alternative; kCodes if there is none such.
size_t IndexOf(uint8_t code) {
  if (code == kOtherPckFwd) code = static_cast<uint8_t>(Code::kPckFwd);
  const auto it = std::find_if(kLayouts.begin(), kLayouts.end(), [&](const Layout& layout) {
    return static_cast<uint8_t>(layout.code) == code;
  });
  return static_cast<size_t>(it - kLayouts.begin());
}

const Layout& LayoutOf(Code code) { return kLayouts[IndexOf(static_cast<uint8_t>(code))]; }

std::string Shown(FieldKind, int64_t number) { return absl::StrCat(number); }

std::string Shown(FieldKind kind, absl::string_view bytes) {
  if (kind == FieldKind::kPassword) return absl::StrCat("(", bytes.size(), " bytes)");
  if (kind == FieldKind::kContent) bytes = bytes.substr(0, bytes.find_last_not_of('\0') + 1);
  return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
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
  Decoded decoded;
  if (in.empty()) {
    decoded.size = 1;
    return decoded;
  }
  const size_t index = IndexOf(static_cast<uint8_t>(in[0]));
  if (index == kCodes) {
    decoded.status = Status::kUnknownCode;
    return decoded;
  }
  kDecoders[index](in.substr(1), limits, decoded);
  return decoded;
}

FieldKind KindOf(Code code, size_t field) { return LayoutOf(code).kinds[field]; }

DecodeStatus Skip::Advance(absl::string_view& in) {
  const Layout& layout = LayoutOf(at_.code);
  while (true) {
    const size_t taken = std::min(at_.left, in.size());
    in.remove_prefix(taken);
    at_.left -= taken;
    if (at_.left > 0) return Status::kNeedMore;
    if (at_.field + 1 == layout.count) return Status::kDone;

    const FieldKind kind = layout.kinds[at_.field + 1];
    if (kind == FieldKind::kInt || kind == FieldKind::kByte || kind == FieldKind::kContent) {
      at_.left = kind == FieldKind::kInt    ? kIntBytes
                 : kind == FieldKind::kByte ? kByteBytes
                                            : kChunkBytes;
    } else {
      wire::Reader reader(in);
      int32_t size = 0;
      if (!reader.I32(&size)) return Status::kNeedMore;
      if (size < 0) return Status::kMalformed;
      in.remove_prefix(kSizeBytes);
      at_.left = static_cast<size_t>(size);
      at_.declared += kSizeBytes;
    }
    ++at_.field;
    at_.declared += at_.left;
    if (at_.declared > frame_limit_) return Status::kFrameTooLong;
  }
}

std::string ToString(const Packet& packet) {
  return std::visit(
      [](const auto& p) {
        using P = std::decay_t<decltype(p)>;
        std::string line = P::kName;
        std::apply(
            [&](auto... field) {
              (absl::StrAppend(&line, " ", field.name, "=", Shown(field.kind, p.*field.value)),
               ...);
            },
            P::kFields);
        return line;
      },
      packet);
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
