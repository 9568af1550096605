#include "libchat/chatos/packets.h"

#include <algorithm>
#include <utility>

#include "absl/types/span.h"
#include "libchat/wire/reader.h"

namespace chat::chatos {
namespace {

using Status = Decoded::Status;

constexpr size_t kOpcodeBytes = 2;

size_t LimitOf(FieldKind kind, const DecodeLimits& limits) {
  switch (kind) {
    case FieldKind::kProposal:
      return limits.proposal;
    case FieldKind::kName:
      return limits.name;
    case FieldKind::kText:
    case FieldKind::kNumber:
      break;
  }
  return limits.text;
}

// A packet is a head of a fixed size, and up to two Strings.
struct Layout {
  size_t head = kOpcodeBytes;
  size_t strings = 0;
  FieldKind kinds[2] = {};  // of the Strings

  template <class P, class Value>
  constexpr void Add(const Field<P, FieldKind, Value>& field) {
    if (field.kind == FieldKind::kNumber) {
      head += sizeof(Value);
    } else {
      kinds[strings++] = field.kind;
    }
  }
};

constexpr auto kLayouts = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Layout, kOpcodes>{std::apply(
      [](auto... field) {
        Layout layout;
        (layout.Add(field), ...);
        return layout;
      },
      std::variant_alternative_t<I, Packet>::kFields)...};
}
(std::make_index_sequence<kOpcodes>());

// The fields of one packet, whose head is there.
class FieldReader {
 public:
  // `ends` are those of the Strings that have ended.
  FieldReader(absl::string_view in, absl::Span<const size_t> ends)
      : head_(in), strings_(in), ends_(ends) {
    uint16_t opcode = 0;
    static_cast<void>(head_.U16(&opcode));
  }

  void Read(size_t, int64_t& value) { static_cast<void>(head_.I64(&value)); }
  void Read(size_t, int16_t& value) { static_cast<void>(head_.I16(&value)); }
  void Read(size_t, uint8_t& value) { static_cast<void>(head_.U8(&value)); }
  void Read(size_t head, absl::string_view& value) {
    if (string_ == ends_.size()) return;
    const size_t begin = string_ == 0 ? head : ends_[string_ - 1] + 1;
    value = strings_.substr(begin, ends_[string_++] - begin);
  }

 private:
  wire::Reader head_;
  absl::string_view strings_;
  absl::Span<const size_t> ends_;
  size_t string_ = 0;
};

template <size_t I>
void ReadAs(absl::string_view in, absl::Span<const size_t> ends, Packet& out) {
  using P = std::variant_alternative_t<I, Packet>;
  static_assert(static_cast<size_t>(P::kCode) == I);
  P& packet = out.emplace<I>();
  FieldReader reader(in, ends);
  wire::FillFields(packet, [&](const auto&, auto& value) {
    reader.Read(kLayouts[I].head, value);
    return true;
  });
}

using PacketReader = void (*)(absl::string_view, absl::Span<const size_t>, Packet&);

constexpr auto kReaders = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<PacketReader, kOpcodes>{&ReadAs<I>...};
}
(std::make_index_sequence<kOpcodes>());

}  // namespace

Decoded Decoder::Decode(absl::string_view in, const DecodeLimits& limits) {
  Decoded decoded;
  uint16_t opcode = 0;
  if (!wire::Reader(in).U16(&opcode)) return decoded;
  if (opcode >= kOpcodes) {
    decoded.status = Status::kUnknownOpcode;
    return decoded;
  }
  const Layout& layout = kLayouts[opcode];
  const auto finish = [&](Status status, size_t size) {
    decoded.status = status;
    decoded.size = size;
    kReaders[opcode](in, absl::MakeConstSpan(ends_).first(strings_), decoded.packet);
    strings_ = 0;
    nul_.Reset();
    return decoded;
  };
  if (layout.head > limits.frame) return finish(Status::kFrameTooLong, 0);
  if (in.size() < layout.head) return decoded;
  while (strings_ < layout.strings) {
    const size_t begin = strings_ == 0 ? layout.head : ends_[strings_ - 1] + 1;
    const size_t limit = LimitOf(layout.kinds[strings_], limits);
    const size_t window = std::min(limit + 1, limits.frame - begin);
    const size_t end = nul_.Find(in.substr(begin, window));
    if (end != wire::DelimiterScanner::npos) {
      ends_[strings_++] = begin + end;
      nul_.Reset();
      continue;
    }
    if (in.size() - begin < window) return decoded;
    decoded.too_long = {static_cast<Opcode>(opcode), layout.kinds[strings_],
                        layout.strings - strings_, begin + window};
    return finish(window > limit ? Status::kFieldTooLong : Status::kFrameTooLong, begin + window);
  }
  return finish(Status::kDone, strings_ == 0 ? layout.head : ends_[strings_ - 1] + 1);
}

Skip::Status Skip::Advance(absl::string_view& in) {
  while (strings_ > 0) {
    const absl::string_view allowed = in.substr(0, room_);
    const size_t end = allowed.find('\0');
    const size_t taken = end == absl::string_view::npos ? allowed.size() : end + 1;
    in.remove_prefix(taken);
    room_ -= taken;
    if (end != absl::string_view::npos) {
      --strings_;
    } else {
      return room_ == 0 ? Status::kFrameTooLong : Status::kNeedMore;
    }
  }
  return Status::kDone;
}

std::string ToString(const Packet& packet) { return wire::ToString(packet); }

}  // namespace chat::chatos
