// The packets of document 001: an opcode of one byte, then fields. Numbers are big-endian. A STRING
// is its size in bytes (INT, 4 bytes, signed) and that many bytes of UTF-8; a LONG has 4 or 8
// bytes, signed (see LongBytes).
//
// The structs view the bytes that they were decoded from: they DIE WITH THE BUFFER. No function
// here allocates memory except ToString and what a StringWriter does.
//
// Thread safety: plain values and pure functions.

#ifndef LIBCHAT_CHATON_PACKETS_H_
#define LIBCHAT_CHATON_PACKETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/event/user.h"
#include "libchat/wire/packets.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {

enum class Opcode : uint8_t {
  kLogin = 0,
  kLoginAccepted = 1,
  kLoginRefused = 2,
  kMessage = 3,
  kMessagePrivate = 4,
  kRequestPrivate = 5,
  kOkPrivate = 6,
  kKoPrivate = 7,
  kIdPrivate = 8,
  kLoginPrivate = 9,
  kEstablished = 10,
  kCloseConnection = 11,
  kAcceptCloseConnection = 12,
};
inline constexpr size_t kOpcodes = 13;

// The document says that a LONG has 4 bytes; the programs written for it use 8. A connection speaks
// one of the two.
enum class LongBytes : uint8_t { kFour = 4, kEight = 8 };

// A user is shown as "name" or "name@server": no login in a packet is longer, in bytes.
inline constexpr size_t kMaxShownNameBytes = kMaxNameBytes + 1 + 10;

// What stands in a field, and so which limit holds for it.
enum class FieldKind : uint8_t {
  kProposal,  // a login that a client would like to have
  kName,      // somebody's login
  kText,      // what somebody says
  kId,        // a LONG
};

using wire::Field;

// One struct a packet; kFields are its fields in the order of the wire.

// 0 | login
struct Login {
  absl::string_view login;

  static constexpr Opcode kCode = Opcode::kLogin;
  static constexpr const char* kName = "LOGIN";
  static constexpr auto kFields = std::tuple(Field{"login", FieldKind::kProposal, &Login::login});
  friend bool operator==(const Login&, const Login&) = default;
};

// 1
struct LoginAccepted {
  static constexpr Opcode kCode = Opcode::kLoginAccepted;
  static constexpr const char* kName = "LOGIN_ACCEPTED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const LoginAccepted&, const LoginAccepted&) = default;
};

// 2
struct LoginRefused {
  static constexpr Opcode kCode = Opcode::kLoginRefused;
  static constexpr const char* kName = "LOGIN_REFUSED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const LoginRefused&, const LoginRefused&) = default;
};

// 3 | login | msg
struct Message {
  absl::string_view login;
  absl::string_view msg;

  static constexpr Opcode kCode = Opcode::kMessage;
  static constexpr const char* kName = "MESSAGE";
  static constexpr auto kFields = std::tuple(Field{"login", FieldKind::kName, &Message::login},
                                             Field{"msg", FieldKind::kText, &Message::msg});
  friend bool operator==(const Message&, const Message&) = default;
};

// 4 | login_sender | login_target | msg
struct MessagePrivate {
  absl::string_view login_sender;
  absl::string_view login_target;
  absl::string_view msg;

  static constexpr Opcode kCode = Opcode::kMessagePrivate;
  static constexpr const char* kName = "MESSAGE_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"login_sender", FieldKind::kName, &MessagePrivate::login_sender},
                 Field{"login_target", FieldKind::kName, &MessagePrivate::login_target},
                 Field{"msg", FieldKind::kText, &MessagePrivate::msg});
  friend bool operator==(const MessagePrivate&, const MessagePrivate&) = default;
};

// 5 | login_requester | login_target
struct RequestPrivate {
  absl::string_view login_requester;
  absl::string_view login_target;

  static constexpr Opcode kCode = Opcode::kRequestPrivate;
  static constexpr const char* kName = "REQUEST_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"login_requester", FieldKind::kName, &RequestPrivate::login_requester},
                 Field{"login_target", FieldKind::kName, &RequestPrivate::login_target});
  friend bool operator==(const RequestPrivate&, const RequestPrivate&) = default;
};

// 6 | login_requester | login_target
struct OkPrivate {
  absl::string_view login_requester;
  absl::string_view login_target;

  static constexpr Opcode kCode = Opcode::kOkPrivate;
  static constexpr const char* kName = "OK_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"login_requester", FieldKind::kName, &OkPrivate::login_requester},
                 Field{"login_target", FieldKind::kName, &OkPrivate::login_target});
  friend bool operator==(const OkPrivate&, const OkPrivate&) = default;
};

// 7 | login_requester | login_target
struct KoPrivate {
  absl::string_view login_requester;
  absl::string_view login_target;

  static constexpr Opcode kCode = Opcode::kKoPrivate;
  static constexpr const char* kName = "KO_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"login_requester", FieldKind::kName, &KoPrivate::login_requester},
                 Field{"login_target", FieldKind::kName, &KoPrivate::login_target});
  friend bool operator==(const KoPrivate&, const KoPrivate&) = default;
};

// 8 | login_requester | login_target | connect_id
struct IdPrivate {
  absl::string_view login_requester;
  absl::string_view login_target;
  int64_t connect_id = 0;

  static constexpr Opcode kCode = Opcode::kIdPrivate;
  static constexpr const char* kName = "ID_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"login_requester", FieldKind::kName, &IdPrivate::login_requester},
                 Field{"login_target", FieldKind::kName, &IdPrivate::login_target},
                 Field{"connect_id", FieldKind::kId, &IdPrivate::connect_id});
  friend bool operator==(const IdPrivate&, const IdPrivate&) = default;
};

// 9 | connect_id
struct LoginPrivate {
  int64_t connect_id = 0;

  static constexpr Opcode kCode = Opcode::kLoginPrivate;
  static constexpr const char* kName = "LOGIN_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"connect_id", FieldKind::kId, &LoginPrivate::connect_id});
  friend bool operator==(const LoginPrivate&, const LoginPrivate&) = default;
};

// 10
struct Established {
  static constexpr Opcode kCode = Opcode::kEstablished;
  static constexpr const char* kName = "ESTABLISHED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const Established&, const Established&) = default;
};

// 11 | connect_id | login_requester | login_target
struct CloseConnection {
  int64_t connect_id = 0;
  absl::string_view login_requester;
  absl::string_view login_target;

  static constexpr Opcode kCode = Opcode::kCloseConnection;
  static constexpr const char* kName = "CLOSE_CONNECTION";
  static constexpr auto kFields =
      std::tuple(Field{"connect_id", FieldKind::kId, &CloseConnection::connect_id},
                 Field{"login_requester", FieldKind::kName, &CloseConnection::login_requester},
                 Field{"login_target", FieldKind::kName, &CloseConnection::login_target});
  friend bool operator==(const CloseConnection&, const CloseConnection&) = default;
};

// 12 | login_target
struct AcceptCloseConnection {
  absl::string_view login_target;

  static constexpr Opcode kCode = Opcode::kAcceptCloseConnection;
  static constexpr const char* kName = "ACCEPT_CLOSE_CONNECTION";
  static constexpr auto kFields =
      std::tuple(Field{"login_target", FieldKind::kName, &AcceptCloseConnection::login_target});
  friend bool operator==(const AcceptCloseConnection&, const AcceptCloseConnection&) = default;
};

// The index of an alternative is its opcode.
using Packet = std::variant<Login, LoginAccepted, LoginRefused, Message, MessagePrivate,
                            RequestPrivate, OkPrivate, KoPrivate, IdPrivate, LoginPrivate,
                            Established, CloseConnection, AcceptCloseConnection>;
static_assert(std::variant_size_v<Packet> == kOpcodes);

// Writes `packet` to a wire::Writer or a wire::StringWriter. With 4-byte LONGs, ids must be below
// 2^31: the upper bits are lost.
template <class P, class W>
void Encode(const P& packet, LongBytes longs, W& out) {
  out.U8(static_cast<uint8_t>(P::kCode));
  wire::ForEachField(packet, [&](const auto& field, const auto& value) {
    if (field.kind == FieldKind::kId && longs == LongBytes::kFour) {
      if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>) {
        out.I32(static_cast<int32_t>(value));
      }
    } else {
      wire::WriteField(value, out);
    }
  });
}

// The same for a packet that has no LONG.
template <class P, class W>
void Encode(const P& packet, W& out) {
  static_assert(!std::is_same_v<P, IdPrivate> && !std::is_same_v<P, LoginPrivate> &&
                !std::is_same_v<P, CloseConnection>);
  Encode(packet, LongBytes::kFour, out);
}

// How long a packet and its STRINGs may be, in bytes.
struct DecodeLimits {
  size_t proposal = 0;
  size_t name = 0;
  size_t text = 0;
  size_t frame = 0;  // the whole packet

  constexpr size_t FrameOf(Opcode) const { return frame; }
  constexpr size_t Of(FieldKind kind) const {
    switch (kind) {
      case FieldKind::kProposal:
        return proposal;
      case FieldKind::kName:
        return name;
      case FieldKind::kText:
        return text;
      case FieldKind::kId:
        break;
    }
    return frame;
  }
};

// The fields as wire/packets.h wants them described.
struct Format {
  using Kind = FieldKind;
  using Limits = DecodeLimits;

  constexpr size_t HeadBytes(FieldKind kind) const {
    return kind == FieldKind::kId ? 0 : wire::kSizeBytes;
  }
  constexpr std::optional<size_t> BodyBytes(FieldKind kind, int64_t head) const {
    return kind == FieldKind::kId ? static_cast<size_t>(longs) : wire::StringBytes(head);
  }

  LongBytes longs = LongBytes::kFour;
};

using wire::DecodeStatus;
using Decoded = wire::Decoded<Packet>;
using Position = wire::Position<Packet>;
using Skip = wire::Skip<Packet, Format>;
using PacketReader = wire::PacketReader<Packet, Format>;

// Decodes the packet at the beginning of `in`.
Decoded Decode(absl::string_view in, LongBytes longs, const DecodeLimits& limits);

// What field number `field` of a packet is.
constexpr FieldKind KindOf(Opcode opcode, size_t field) {
  return wire::KindOf<Packet, FieldKind>(opcode, field);
}

// E.g. `MESSAGE login="alice" msg="hello"`, with C escapes in the strings.
std::string ToString(const Packet& packet);

}  // namespace chat::chaton

#endif  // LIBCHAT_CHATON_PACKETS_H_
