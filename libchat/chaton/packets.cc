#include "libchat/chaton/packets.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/reader.h"

namespace chat::chaton {
namespace {

using Status = Decoded::Status;

size_t LimitOf(FieldKind kind, const DecodeLimits& limits) {
  switch (kind) {
    case FieldKind::kProposal:
      return limits.proposal;
    case FieldKind::kName:
      return limits.name;
    case FieldKind::kText:
      return limits.text;
    case FieldKind::kId:
      break;
  }
  return sizeof(int64_t);
}

// One run over the fields of one packet.
class FieldDecoder {
 public:
  FieldDecoder(absl::string_view fields, LongBytes longs, const DecodeLimits& limits)
      : fields_(fields), longs_(longs), limits_(limits) {}

  // Both return false when there is nothing more to read: status() says why.
  bool Read(FieldKind, int64_t& id) {
    declared_ += static_cast<size_t>(longs_);
    if (declared_ > limits_.frame) return Stop(Status::kFrameTooLong);
    int32_t four = 0;
    const bool read = longs_ == LongBytes::kFour ? fields_.I32(&four) : fields_.I64(&id);
    if (!read) return Stop(Status::kNeedMore);
    if (longs_ == LongBytes::kFour) id = four;
    ++field_;
    return true;
  }

  bool Read(FieldKind kind, absl::string_view& bytes) {
    declared_ += kSizeBytes;
    int32_t size = 0;
    if (!fields_.I32(&size)) return Stop(Status::kNeedMore);
    if (size < 0) return Stop(Status::kNegativeSize);
    size_ = static_cast<size_t>(size);
    declared_ += size_;
    if (declared_ > limits_.frame) return Stop(Status::kFrameTooLong);
    if (size_ > LimitOf(kind, limits_)) return Stop(Status::kFieldTooLong);
    if (!fields_.Bytes(size_, &bytes)) return Stop(Status::kNeedMore);
    ++field_;
    return true;
  }

  // Writes all of `out` but the packet.
  void Finish(Opcode opcode, Decoded& out) const {
    out.status = status_;
    out.size = status_ == Status::kFieldTooLong ? 1 + fields_.consumed() : declared_;
    out.too_long = {opcode, field_, size_, declared_};
  }

 private:
  bool Stop(Status status) {
    status_ = status;
    return false;
  }

  wire::Reader fields_;
  const LongBytes longs_;
  const DecodeLimits& limits_;
  Status status_ = Status::kDone;
  size_t field_ = 0;
  size_t size_ = 0;      // of the last STRING
  size_t declared_ = 1;  // the opcode, and all that was said about the fields up to here
};

template <size_t I>
void DecodeAs(absl::string_view fields, LongBytes longs, const DecodeLimits& limits, Decoded& out) {
  using P = std::variant_alternative_t<I, Packet>;
  static_assert(static_cast<size_t>(P::kOpcode) == I);
  P& packet = out.packet.emplace<I>();
  FieldDecoder decoder(fields, longs, limits);
  std::apply(
      [&](auto... field) {
        static_cast<void>((decoder.Read(field.kind, packet.*field.value) && ...));
      },
      P::kFields);
  decoder.Finish(P::kOpcode, out);
}

using Decoder = void (*)(absl::string_view, LongBytes, const DecodeLimits&, Decoded&);

constexpr auto kDecoders = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Decoder, kOpcodes>{&DecodeAs<I>...};
}
(std::make_index_sequence<kOpcodes>());

// The kinds of a packet's fields.
struct Layout {
  size_t count = 0;
  FieldKind kinds[3] = {};
};

constexpr auto kLayouts = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Layout, kOpcodes>{std::apply(
      [](auto... field) {
        return Layout{sizeof...(field), {field.kind...}};
      },
      std::variant_alternative_t<I, Packet>::kFields)...};
}
(std::make_index_sequence<kOpcodes>());

const Layout& LayoutOf(Opcode opcode) { return kLayouts[static_cast<size_t>(opcode)]; }

std::string Shown(int64_t id) { return absl::StrCat(id); }
std::string Shown(absl::string_view bytes) {
  return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
}

}  // namespace

Decoded Decode(absl::string_view in, LongBytes longs, const DecodeLimits& limits) {
  Decoded decoded;
  if (in.empty()) {
    decoded.size = 1;
    return decoded;
  }
  const uint8_t opcode = in[0];
  if (opcode >= kOpcodes) {
    decoded.status = Status::kUnknownOpcode;
    return decoded;
  }
  kDecoders[opcode](in.substr(1), longs, limits, decoded);
  return decoded;
}

FieldKind KindOf(Opcode opcode, size_t field) { return LayoutOf(opcode).kinds[field]; }

Skip::Status Skip::Advance(absl::string_view& in) {
  const Layout& layout = LayoutOf(at_.opcode);
  while (true) {
    const size_t taken = std::min(at_.left, in.size());
    in.remove_prefix(taken);
    at_.left -= taken;
    if (at_.left > 0) return Status::kNeedMore;
    if (at_.field + 1 == layout.count) return Status::kDone;

    if (layout.kinds[at_.field + 1] == FieldKind::kId) {
      at_.left = static_cast<size_t>(longs_);
    } else {
      wire::Reader reader(in);
      int32_t size = 0;
      if (!reader.I32(&size)) return Status::kNeedMore;
      if (size < 0) return Status::kNegativeSize;
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
              (absl::StrAppend(&line, " ", field.name, "=", Shown(p.*field.value)), ...);
            },
            P::kFields);
        return line;
      },
      packet);
}

}  // namespace chat::chaton
