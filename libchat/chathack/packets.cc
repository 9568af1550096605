#include "libchat/chathack/packets.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/reader.h"

namespace chat::chathack {
namespace {

using Status = DecodeStatus;

// The size of a field that is no string.
constexpr size_t kPortBytes = 4;
constexpr size_t kAdCodeBytes = 1;
constexpr size_t kIdBytes = 8;

size_t LimitOf(FieldKind kind, const DecodeLimits& limits) {
  switch (kind) {
    case FieldKind::kProposal:
    case FieldKind::kPassword:
      return limits.proposal;
    case FieldKind::kName:
      return limits.name;
    case FieldKind::kFileName:
      return limits.file_name;
    case FieldKind::kContent:
      return limits.content;
    case FieldKind::kPort:
    case FieldKind::kAddress:
    case FieldKind::kId:
      break;
  }
  return limits.frame;
}

// What an adCode stands for, in bytes; 0: nothing.
size_t AddressBytes(uint8_t ad_code) {
  return ad_code == 1 ? kIpv4Bytes : ad_code == 2 ? kIpv6Bytes : 0;
}

// One run over the fields of one packet.
class FieldDecoder {
 public:
  FieldDecoder(absl::string_view fields, const DecodeLimits& limits)
      : fields_(fields), limits_(limits) {}

  // Each returns false when there is nothing more to read: status() says why.
  bool Read(FieldKind, int32_t& port) {
    return Declare(kPortBytes) && (fields_.I32(&port) || Stop(Status::kNeedMore)) && Done();
  }
  bool Read(FieldKind, int64_t& id) {
    return Declare(kIdBytes) && (fields_.I64(&id) || Stop(Status::kNeedMore)) && Done();
  }
  bool Read(FieldKind kind, absl::string_view& bytes) {
    if (!(kind == FieldKind::kAddress ? ReadAdCode() : ReadSize(kind))) return false;
    return (fields_.Bytes(size_, &bytes) || Stop(Status::kNeedMore)) && Done();
  }

  Status status() const { return status_; }
  // As Decoded::size.
  size_t size() const {
    return status_ == Status::kFieldTooLong ? 1 + fields_.consumed() : declared_;
  }
  // The string at which it stopped.
  Position at(Opcode opcode) const { return {opcode, field_, size_, declared_}; }

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
  bool ReadAdCode() {
    uint8_t ad_code = 0;
    if (!Declare(kAdCodeBytes)) return false;
    if (!fields_.U8(&ad_code)) return Stop(Status::kNeedMore);
    size_ = AddressBytes(ad_code);
    return size_ == 0 ? Stop(Status::kMalformed) : Declare(size_);
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
  size_t size_ = 0;      // of the last string or address
  size_t declared_ = 1;  // the code, and all that was said about the fields up to here
};

template <class Packets, size_t I>
void DecodeAs(absl::string_view fields, const DecodeLimits& limits, Decoded<Packets>& out) {
  using P = std::variant_alternative_t<I, Packets>;
  static_assert(static_cast<size_t>(P::kCode) == I + 1);
  P& packet = out.packet.template emplace<I>();
  FieldDecoder decoder(fields, limits);
  std::apply(
      [&](auto... field) {
        static_cast<void>((decoder.Read(field.kind, packet.*field.value) && ...));
      },
      P::kFields);
  out.status = decoder.status();
  out.size = decoder.size();
  out.too_long = decoder.at(static_cast<Opcode>(I + 1));
}

template <class Packets>
Decoded<Packets> Decode(absl::string_view in, const DecodeLimits& limits) {
  using Decoder = void (*)(absl::string_view, const DecodeLimits&, Decoded<Packets>&);
  constexpr size_t kCount = std::variant_size_v<Packets>;
  static constexpr auto kDecoders = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Decoder, kCount>{&DecodeAs<Packets, I>...};
  }
  (std::make_index_sequence<kCount>());

  Decoded<Packets> decoded;
  if (in.empty()) {
    decoded.size = 1;
    return decoded;
  }
  const auto code = static_cast<uint8_t>(in[0]);
  if (code == 0 || code > kCount) {
    decoded.status = Status::kUnknownCode;
    return decoded;
  }
  kDecoders[code - 1](in.substr(1), limits, decoded);
  return decoded;
}

// The kinds of a packet's fields.
struct Layout {
  size_t count = 0;
  FieldKind kinds[5] = {};
};

constexpr auto kLayouts = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Layout, kOpcodes>{std::apply(
      [](auto... field) {
        return Layout{sizeof...(field), {field.kind...}};
      },
      std::variant_alternative_t<I, Packet>::kFields)...};
}
(std::make_index_sequence<kOpcodes>());

const Layout& LayoutOf(Opcode opcode) { return kLayouts[static_cast<size_t>(opcode) - 1]; }

std::string Shown(FieldKind, int64_t number) { return absl::StrCat(number); }
std::string Shown(FieldKind kind, absl::string_view bytes) {
  if (kind == FieldKind::kPassword) return absl::StrCat("(", bytes.size(), " bytes)");
  if (kind != FieldKind::kAddress) return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(bytes.size() == kIpv4Bytes ? AF_INET : AF_INET6, bytes.data(), buffer,
                   sizeof(buffer));
}

template <class Packets>
std::string Show(const Packets& packet) {
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

}  // namespace

Decoded<Packet> DecodePacket(absl::string_view in, const DecodeLimits& limits) {
  return Decode<Packet>(in, limits);
}
Decoded<Ack> DecodeAck(absl::string_view in, const DecodeLimits& limits) {
  return Decode<Ack>(in, limits);
}

FieldKind KindOf(Opcode opcode, size_t field) { return LayoutOf(opcode).kinds[field]; }

DecodeStatus Skip::Advance(absl::string_view& in) {
  const Layout& layout = LayoutOf(at_.opcode);
  while (true) {
    const size_t taken = std::min(at_.left, in.size());
    in.remove_prefix(taken);
    at_.left -= taken;
    if (at_.left > 0) return Status::kNeedMore;
    if (at_.field + 1 == layout.count) return Status::kDone;
    const Status entered = EnterField(layout.kinds[at_.field + 1], in);
    if (entered != Status::kDone) return entered;
  }
}

DecodeStatus Skip::EnterField(FieldKind kind, absl::string_view& in) {
  wire::Reader reader(in);
  size_t left = 0;
  if (kind == FieldKind::kPort) {
    left = kPortBytes;
  } else if (kind == FieldKind::kId) {
    left = kIdBytes;
  } else if (kind == FieldKind::kAddress) {
    uint8_t ad_code = 0;
    if (!reader.U8(&ad_code)) return Status::kNeedMore;
    left = AddressBytes(ad_code);
    if (left == 0) return Status::kMalformed;
  } else {
    int32_t size = 0;
    if (!reader.I32(&size)) return Status::kNeedMore;
    if (size < 0) return Status::kMalformed;
    left = static_cast<size_t>(size);
  }
  in.remove_prefix(reader.consumed());
  at_.declared += reader.consumed() + left;
  at_.left = left;
  ++at_.field;
  return at_.declared > frame_limit_ ? Status::kFrameTooLong : Status::kDone;
}

std::string ToString(const Packet& packet) { return Show(packet); }
std::string ToString(const Ack& ack) { return Show(ack); }

}  // namespace chat::chathack
