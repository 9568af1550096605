// Packets that are described once, as data: a plain struct a packet, which lists its fields.
//
//   // 3 | login | message
//   struct Message {
//     absl::string_view login;
//     absl::string_view message;
//
//     static constexpr Code kCode = Code::kMessage;
//     static constexpr const char* kName = "MESSAGE";
//     static constexpr auto kFields =
//         std::tuple(Field{"login", FieldKind::kName, &Message::login},
//                    Field{"message", FieldKind::kText, &Message::message});
//     friend bool operator==(const Message&, const Message&) = default;
//   };
//   using Packet = std::variant<Message, ...>;
//
// Code and FieldKind are enums of the dialect. The walks over the fields and ToString work for any
// such struct. Decode, Skip and PacketReader work for those of a protocol in which a packet is a
// code of one byte and its fields, and a field is
//
//   head   a number of a fixed size that says how many bytes follow; many fields have none
//   body   that many bytes
//
// Of that a dialect says in a Format what its kinds of fields are:
//
//   struct Format {
//     using Kind = FieldKind;
//     using Limits = DecodeLimits;
//     // The bytes of the head: 0, 1, 4 or 8. (So many has the body of a number, too: 1, 4 or 8.)
//     size_t HeadBytes(FieldKind kind) const;
//     // The bytes of the body behind a head that says `head`, a signed number; 0 where there is no
//     // head. Nothing: no field begins so.
//     std::optional<size_t> BodyBytes(FieldKind kind, int64_t head) const;
//   };
//
// and in its Limits what is taken from a peer:
//
//   struct DecodeLimits {
//     size_t FrameOf(Code code) const;  // the most bytes of a whole packet
//     size_t Of(FieldKind kind) const;  // the most bytes of a field's body
//   };
//
// Packets view the bytes that they were decoded from: they DIE WITH THE BUFFER. Nothing here
// allocates memory except ToString. All of it is known at compile time: a field costs no call.
//
// Thread safety: plain values and pure functions; a Skip or a PacketReader belongs to one session.

#ifndef LIBCHAT_WIRE_PACKETS_H_
#define LIBCHAT_WIRE_PACKETS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/wire/reader.h"

namespace chat::wire {

// A field of packet P.
template <class P, class Kind, class Value>
struct Field {
  constexpr Field(const char* name, Kind kind, Value P::*value)
      : name(name), kind(kind), value(value) {}

  const char* name;
  Kind kind;
  Value P::*value;
};

// Calls `visit(field, value)` for each field of `packet`, in the order of the wire.
template <class P, class Visit>
constexpr void ForEachField(const P& packet, Visit visit) {
  std::apply([&](const auto&... field) { (visit(field, packet.*field.value), ...); }, P::kFields);
}

// The same for a packet that is being filled, until a call returns false. False: one did.
template <class P, class Visit>
constexpr bool FillFields(P& packet, Visit visit) {
  return std::apply(
      [&](const auto&... field) { return (visit(field, packet.*field.value) && ...); }, P::kFields);
}

// ---- Strings with a size ----

// The bytes of a string's size, which is its head.
inline constexpr size_t kSizeBytes = 4;

// The bytes behind a size that says `size`; nothing if it is negative.
constexpr std::optional<size_t> StringBytes(int64_t size) {
  if (size < 0) return std::nullopt;
  return static_cast<size_t>(size);
}

// Writes a field to a wire::Writer or a wire::StringWriter: a number as it is, a string behind its
// size.
template <class W>
void WriteField(uint8_t value, W& out) {
  out.U8(value);
}
template <class W>
void WriteField(int16_t value, W& out) {
  out.I16(value);
}
template <class W>
void WriteField(int32_t value, W& out) {
  out.I32(value);
}
template <class W>
void WriteField(int64_t value, W& out) {
  out.I64(value);
}
template <class W>
void WriteField(absl::string_view value, W& out) {
  out.I32(static_cast<int32_t>(value.size()));
  out.Bytes(value);
}

// ---- Decoding ----

// The enum of the codes of Packets, a variant.
template <class Packets>
using CodeOf = std::decay_t<decltype(std::variant_alternative_t<0, Packets>::kCode)>;

// A place in a packet: `left` bytes before the end of field number `field`. Up to that end the
// packet has `declared` bytes.
template <class Packets>
struct Position {
  CodeOf<Packets> code = {};
  size_t field = 0;
  size_t left = 0;
  size_t declared = 0;
};

enum class DecodeStatus : uint8_t {
  kDone,
  kNeedMore,
  kUnknownCode,
  kMalformed,     // a head with a number that no field begins with, such as a negative size
  kFrameTooLong,  // over Limits::FrameOf
  kFieldTooLong,  // a field is over its own limit
};

template <class Packets>
struct Decoded {
  DecodeStatus status = DecodeStatus::kNeedMore;
  // kDone: of the packet. kNeedMore: the packet has at least so many bytes, which is more than were
  // given. kFieldTooLong: of what is before the body of that field.
  size_t size = 0;
  Packets packet;
  Position<Packets> too_long;  // kFieldTooLong: the beginning of the field's body
};

namespace internal {

// The index of the alternative of Packets that has a code; the number of alternatives if none has.
// A packet that has two codes names the other one kOtherCode: that one is read, and never written.
template <class Packets>
inline constexpr auto kIndexes = []<size_t... I>(std::index_sequence<I...>) {
  std::array<uint8_t, 256> indexes = {};
  indexes.fill(sizeof...(I));
  const auto add = [&]<size_t Index>(std::integral_constant<size_t, Index>) {
    using P = std::variant_alternative_t<Index, Packets>;
    indexes[static_cast<uint8_t>(P::kCode)] = Index;
    if constexpr (requires { P::kOtherCode; }) indexes[P::kOtherCode] = Index;
  };
  (add(std::integral_constant<size_t, I>()), ...);
  return indexes;
}
(std::make_index_sequence<std::variant_size_v<Packets>>());

// The kinds of a packet's fields.
template <class Kind>
struct Layout {
  static constexpr size_t kMaxFields = 8;
  size_t count = 0;
  Kind kinds[kMaxFields] = {};
};

template <class Packets, class Kind>
inline constexpr auto kLayouts = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<Layout<Kind>, sizeof...(I)>{std::apply(
      [](const auto&... field) {
        return Layout<Kind>{sizeof...(field), {field.kind...}};
      },
      std::variant_alternative_t<I, Packets>::kFields)...};
}
(std::make_index_sequence<std::variant_size_v<Packets>>());

template <class Packets, class Kind>
constexpr const Layout<Kind>& LayoutOf(CodeOf<Packets> code) {
  return kLayouts<Packets, Kind>[kIndexes<Packets>[static_cast<uint8_t>(code)]];
}

// The 4 bytes at `at`. Written out, compilers make one load of it.
constexpr uint32_t Load4(const char* at) {
  const auto byte = [at](size_t i) { return uint32_t{static_cast<uint8_t>(at[i])}; };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

// Big-endian, two's complement, of 1, 4 or 8 bytes; 0 if there are none.
constexpr int64_t ToInteger(absl::string_view bytes) {
  switch (bytes.size()) {
    case 1:
      return static_cast<int8_t>(bytes[0]);
    case 4:
      return static_cast<int32_t>(Load4(bytes.data()));
    case 8:
      return static_cast<int64_t>(uint64_t{Load4(bytes.data())} << 32 | Load4(bytes.data() + 4));
    default:
      return 0;
  }
}

// One run over the fields of one packet.
template <class Format>
class FieldDecoder {
 public:
  using Limits = typename Format::Limits;

  // `frame_limit` as Limits::FrameOf says for the packet's code.
  FieldDecoder(absl::string_view fields, const Format& format, const Limits& limits,
               size_t frame_limit)
      : fields_(fields), format_(format), limits_(limits), frame_limit_(frame_limit) {}

  // False when there is nothing more to read: Finish says why.
  template <typename Format::Kind kKind, class Value>
  bool Read(Value& value) {
    const size_t head_bytes = format_.HeadBytes(kKind);
    absl::string_view bytes;
    if (!Declare(head_bytes)) return false;
    if (!fields_.Bytes(head_bytes, &bytes)) return Stop(DecodeStatus::kNeedMore);
    const std::optional<size_t> size = format_.BodyBytes(kKind, ToInteger(bytes));
    if (!size) return Stop(DecodeStatus::kMalformed);
    size_ = *size;
    if (!Declare(size_)) return false;
    if (size_ > limits_.Of(kKind)) return Stop(DecodeStatus::kFieldTooLong);
    if (!fields_.Bytes(size_, &bytes)) return Stop(DecodeStatus::kNeedMore);
    if constexpr (std::is_integral_v<Value>) {
      value = static_cast<Value>(ToInteger(bytes));
    } else {
      value = Value(bytes);
    }
    ++field_;
    return true;
  }

  // Writes all of `out` but the packet, which has that code.
  template <class Packets>
  void Finish(CodeOf<Packets> code, Decoded<Packets>& out) const {
    out.status = status_;
    out.size = status_ == DecodeStatus::kFieldTooLong ? 1 + fields_.consumed() : declared_;
    out.too_long = {code, field_, size_, declared_};
  }

 private:
  bool Declare(size_t bytes) {
    declared_ += bytes;
    return declared_ <= frame_limit_ || Stop(DecodeStatus::kFrameTooLong);
  }
  bool Stop(DecodeStatus status) {
    status_ = status;
    return false;
  }

  Reader fields_;
  const Format& format_;
  const Limits& limits_;
  const size_t frame_limit_;
  DecodeStatus status_ = DecodeStatus::kDone;
  size_t field_ = 0;
  size_t size_ = 0;      // of the last body
  size_t declared_ = 1;  // the code, and all that was said about the fields up to here
};

template <class Packets, class Format, size_t I>
void DecodeAs(absl::string_view fields, const Format& format, const typename Format::Limits& limits,
              Decoded<Packets>& out) {
  using P = std::variant_alternative_t<I, Packets>;
  P& packet = out.packet.template emplace<I>();
  FieldDecoder<Format> decoder(fields, format, limits, limits.FrameOf(P::kCode));
  // By number, so that a field's kind is a constant where it is read.
  const auto read = [&]<size_t... Number>(std::index_sequence<Number...>) {
    static_cast<void>((decoder.template Read<std::get<Number>(P::kFields).kind>(
                           packet.*std::get<Number>(P::kFields).value) &&
                       ...));
  };
  read(std::make_index_sequence<std::tuple_size_v<decltype(P::kFields)>>());
  decoder.Finish(P::kCode, out);
}

}  // namespace internal

// Decodes the packet at the beginning of `in`. A size is judged as soon as it is there, in the
// order of the wire: an answer other than kNeedMore does not depend on how much has come behind it.
template <class Packets, class Format>
Decoded<Packets> Decode(absl::string_view in, const Format& format,
                        const typename Format::Limits& limits) {
  using Decoder =
      void (*)(absl::string_view, const Format&, const typename Format::Limits&, Decoded<Packets>&);
  constexpr size_t kCount = std::variant_size_v<Packets>;
  static constexpr auto kDecoders = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Decoder, kCount>{&internal::DecodeAs<Packets, Format, I>...};
  }
  (std::make_index_sequence<kCount>());

  Decoded<Packets> decoded;
  if (in.empty()) {
    decoded.size = 1;
    return decoded;
  }
  const size_t index = internal::kIndexes<Packets>[static_cast<uint8_t>(in[0])];
  if (index == kCount) {
    decoded.status = DecodeStatus::kUnknownCode;
    return decoded;
  }
  kDecoders[index](in.substr(1), format, limits, decoded);
  return decoded;
}

// What field number `field` of a packet is.
template <class Packets, class Kind>
constexpr Kind KindOf(CodeOf<Packets> code, size_t field) {
  return internal::LayoutOf<Packets, Kind>(code).kinds[field];
}

// Walks over what is left of a packet with a field that is too long, and keeps none of it.
template <class Packets, class Format>
class Skip {
 public:
  // `from` as Decode gave it; `frame_limit` as Limits::FrameOf.
  Skip(const Position<Packets>& from, const Format& format, size_t frame_limit)
      : at_(from), format_(format), frame_limit_(frame_limit) {}

  // Takes what belongs to the packet from the front of `in`: kDone, kNeedMore (the beginning of a
  // head may be left there), kMalformed or kFrameTooLong.
  DecodeStatus Advance(absl::string_view& in) {
    const auto& layout = internal::LayoutOf<Packets, typename Format::Kind>(at_.code);
    while (true) {
      const size_t taken = std::min(at_.left, in.size());
      in.remove_prefix(taken);
      at_.left -= taken;
      if (at_.left > 0) return DecodeStatus::kNeedMore;
      if (at_.field + 1 == layout.count) return DecodeStatus::kDone;
      const DecodeStatus entered = EnterField(layout.kinds[at_.field + 1], in);
      if (entered != DecodeStatus::kDone) return entered;
    }
  }

 private:
  // Goes to the beginning of the next field's body: kDone if that can be walked over.
  DecodeStatus EnterField(typename Format::Kind kind, absl::string_view& in) {
    const size_t head_bytes = format_.HeadBytes(kind);
    if (in.size() < head_bytes) return DecodeStatus::kNeedMore;
    const std::optional<size_t> size =
        format_.BodyBytes(kind, internal::ToInteger(in.substr(0, head_bytes)));
    if (!size) return DecodeStatus::kMalformed;
    in.remove_prefix(head_bytes);
    at_.declared += head_bytes + *size;
    at_.left = *size;
    ++at_.field;
    return at_.declared > frame_limit_ ? DecodeStatus::kFrameTooLong : DecodeStatus::kDone;
  }

  Position<Packets> at_;
  Format format_;
  size_t frame_limit_;
};

// Takes packets from a stream.
//
// Invariant: keeps nothing of what it has taken but where it is in a packet.
template <class Packets, class Format>
class PacketReader {
 public:
  explicit PacketReader(const Format& format = {}) : format_(format) {}

  // Takes the next packet from the front of `in`, which begins with what was left there the last
  // time: kDone. Or says that one with a field that is too long passes by (kFieldTooLong): the
  // calls that follow take what is left of it. kNeedMore: nothing more can be taken. With any other
  // answer the stream cannot be followed any more.
  Decoded<Packets> Next(absl::string_view& in, const typename Format::Limits& limits) {
    if (const DecodeStatus skipped = TakeSkipped(in); skipped != DecodeStatus::kDone) {
      Decoded<Packets> stopped;
      stopped.status = skipped;
      return stopped;
    }
    if (in.size() < need_) return {};
    Decoded<Packets> decoded = Decode<Packets>(in, format_, limits);
    const bool too_long = decoded.status == DecodeStatus::kFieldTooLong;
    if (too_long) {
      skip_.emplace(decoded.too_long, format_, limits.FrameOf(decoded.too_long.code));
    }
    if (too_long || decoded.status == DecodeStatus::kDone) in.remove_prefix(decoded.size);
    need_ = decoded.status == DecodeStatus::kNeedMore ? decoded.size : 1;
    return decoded;
  }

 private:
  // kDone: no packet is passing by any more.
  DecodeStatus TakeSkipped(absl::string_view& in) {
    if (!skip_) return DecodeStatus::kDone;
    const DecodeStatus status = skip_->Advance(in);
    if (status == DecodeStatus::kDone) skip_.reset();
    return status;
  }

  const Format format_;
  size_t need_ = 1;                            // no packet is complete with fewer bytes
  std::optional<Skip<Packets, Format>> skip_;  // a packet that is too long is passing by
};

// ---- For people ----

std::string Shown(int64_t number);
// In quotes, with C escapes.
std::string Shown(absl::string_view bytes);

// E.g. `MESSAGE login="alice" id=7`, where `show(field, value)` writes a value.
template <class Packets, class Show>
std::string ToString(const Packets& packet, Show show) {
  return std::visit(
      [&](const auto& p) {
        std::string line = p.kName;
        ForEachField(p, [&](const auto& field, const auto& value) {
          line.append(" ").append(field.name).append("=").append(show(field, value));
        });
        return line;
      },
      packet);
}

// The same where all values are numbers and strings.
template <class Packets>
std::string ToString(const Packets& packet) {
  return ToString(packet, [](const auto&, const auto& value) { return Shown(value); });
}

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_PACKETS_H_
