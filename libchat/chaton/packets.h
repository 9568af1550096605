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
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/event/user.h"
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

// The bytes of a STRING's size.
inline constexpr size_t kSizeBytes = 4;

// What stands in a field, and so which limit holds for it.
enum class FieldKind : uint8_t {
  kProposal,  // a login that a client would like to have
  kName,      // somebody's login
  kText,      // what somebody says
  kId,        // a LONG
};

// A field of packet P.
template <class P, class Value>
struct Field {
  constexpr Field(const char* name, FieldKind kind, Value P::*value)
      : name(name), kind(kind), value(value) {}

  const char* name;
  FieldKind kind;
  Value P::*value;
};

// One struct a packet; kFields are its fields in the order of the wire.

// 0 | login
struct Login {
  absl::string_view login;

  static constexpr Opcode kOpcode = Opcode::kLogin;
  static constexpr const char* kName = "LOGIN";
  static constexpr auto kFields = std::tuple(Field{"login", FieldKind::kProposal, &Login::login});
  friend bool operator==(const Login&, const Login&) = default;
};

// 1
struct LoginAccepted {
  static constexpr Opcode kOpcode = Opcode::kLoginAccepted;
  static constexpr const char* kName = "LOGIN_ACCEPTED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const LoginAccepted&, const LoginAccepted&) = default;
};

// 2
struct LoginRefused {
  static constexpr Opcode kOpcode = Opcode::kLoginRefused;
  static constexpr const char* kName = "LOGIN_REFUSED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const LoginRefused&, const LoginRefused&) = default;
};

// 3 | login | msg
struct Message {
  absl::string_view login;
  absl::string_view msg;

  static constexpr Opcode kOpcode = Opcode::kMessage;
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

  static constexpr Opcode kOpcode = Opcode::kMessagePrivate;
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

  static constexpr Opcode kOpcode = Opcode::kRequestPrivate;
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

  static constexpr Opcode kOpcode = Opcode::kOkPrivate;
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

  static constexpr Opcode kOpcode = Opcode::kKoPrivate;
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

  static constexpr Opcode kOpcode = Opcode::kIdPrivate;
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

  static constexpr Opcode kOpcode = Opcode::kLoginPrivate;
  static constexpr const char* kName = "LOGIN_PRIVATE";
  static constexpr auto kFields =
      std::tuple(Field{"connect_id", FieldKind::kId, &LoginPrivate::connect_id});
  friend bool operator==(const LoginPrivate&, const LoginPrivate&) = default;
};

// 10
struct Established {
  static constexpr Opcode kOpcode = Opcode::kEstablished;
  static constexpr const char* kName = "ESTABLISHED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const Established&, const Established&) = default;
};

// 11 | connect_id | login_requester | login_target
struct CloseConnection {
  int64_t connect_id = 0;
  absl::string_view login_requester;
  absl::string_view login_target;

  static constexpr Opcode kOpcode = Opcode::kCloseConnection;
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

  static constexpr Opcode kOpcode = Opcode::kAcceptCloseConnection;
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
  out.U8(static_cast<uint8_t>(P::kOpcode));
  const auto write = [&](auto field) {
    const auto& value = packet.*field.value;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, int64_t>) {
      longs == LongBytes::kFour ? out.I32(static_cast<int32_t>(value)) : out.I64(value);
    } else {
      out.I32(static_cast<int32_t>(value.size()));
      out.Bytes(value);
    }
  };
  std::apply([&](auto... field) { (write(field), ...); }, P::kFields);
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
};

// A place in a packet: `left` bytes before the end of field number `field`. Up to that end the
// packet has `declared` bytes.
struct Position {
  Opcode opcode = Opcode::kLogin;
  size_t field = 0;
  size_t left = 0;
  size_t declared = 0;
};

struct Decoded {
  enum class Status : uint8_t {
    kDone,      // `packet`, of `size` bytes
    kNeedMore,  // the packet has at least `size` bytes, which is more than were given
    kUnknownOpcode,
    kNegativeSize,
    kFrameTooLong,  // over DecodeLimits::frame
    kFieldTooLong,  // a STRING is over its own limit; it begins behind `size` bytes, at `too_long`
  };
  Status status = Status::kNeedMore;
  size_t size = 0;
  Packet packet;
  Position too_long;
};

// Decodes the packet at the beginning of `in`. A size is judged as soon as it is there, in the
// order of the wire: an answer other than kNeedMore does not depend on how much has come behind it.
Decoded Decode(absl::string_view in, LongBytes longs, const DecodeLimits& limits);

// What field number `field` of a packet is.
FieldKind KindOf(Opcode opcode, size_t field);

// Walks over what is left of a packet with a field that is too long, and keeps none of it.
class Skip {
 public:
  // `from` as Decode gave it; `frame_limit` as DecodeLimits::frame.
  Skip(const Position& from, LongBytes longs, size_t frame_limit)
      : at_(from), longs_(longs), frame_limit_(frame_limit) {}

  enum class Status : uint8_t { kDone, kNeedMore, kNegativeSize, kFrameTooLong };

  // Takes what belongs to the packet from the front of `in`. With kNeedMore the beginning of a size
  // may be left there.
  Status Advance(absl::string_view& in);

 private:
  Position at_;
  LongBytes longs_;
  size_t frame_limit_;
};

// E.g. `MESSAGE login="alice" msg="hello"`, with C escapes in the strings.
std::string ToString(const Packet& packet);

}  // namespace chat::chaton

#endif  // LIBCHAT_CHATON_PACKETS_H_
