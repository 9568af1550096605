// The packets of document 002: a code of one byte, then fields. What a client sends begins with an
// opcode (1 to 9), what a server sends with an ACK code (1 to 8). Numbers are big-endian: an INT
// has 4 bytes, signed, a LONG 8. A string is its size in bytes (an INT) and that many bytes. An
// address is an adCode (1 byte) and the bytes that it stands for.
//
// The structs view the bytes that they were decoded from: they DIE WITH THE BUFFER. No function
// here allocates memory except ToString and what a StringWriter does.
//
// Thread safety: plain values and pure functions.

#ifndef LIBCHAT_CHATHACK_PACKETS_H_
#define LIBCHAT_CHATHACK_PACKETS_H_

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

namespace chat::chathack {

enum class Opcode : uint8_t {
  kExistingLogin = 1,
  kNewLogin = 2,
  kGlobalMessage = 3,
  kPrivateAsking = 4,
  kPrivateValidation = 5,
  kPrivateDenied = 6,
  kPrivateString = 7,
  kPrivateFile = 8,
  kPrivateConnection = 9,
};
inline constexpr size_t kOpcodes = 9;

enum class AckCode : uint8_t {
  kPacketError = 1,
  kLoginError = 2,
  kConnected = 3,
  kLoginExists = 4,
  kGlobalMessage = 5,
  kPrivateAsking = 6,
  kPrivateValidation = 7,
  kPrivateDenied = 8,
};
inline constexpr size_t kAckCodes = 8;

// A user is shown as "name" or "name@server": no login in a packet is longer, in bytes.
inline constexpr size_t kMaxShownNameBytes = kMaxNameBytes + 1 + 10;
// The longest name of a file, in bytes.
inline constexpr size_t kMaxFileNameBytes = 255;
// The longest message, and the most that one packet carries of a file, in bytes (Summary).
inline constexpr size_t kMaxContentBytes = 1024;

// An address is IPv4 or IPv6, in network order.
inline constexpr size_t kIpv4Bytes = 4;
inline constexpr size_t kIpv6Bytes = 16;

// What stands in a field, and so how it is written and which limit holds for it.
enum class FieldKind : uint8_t {
  // Strings.
  kProposal,  // a login that a client would like to have
  kPassword,
  kName,  // somebody's login
  kFileName,
  kContent,  // what somebody says, or a piece of a file
  // Of a fixed size, or one that the field itself says.
  kPort,     // an INT
  kAddress,  // an adCode, and 4 or 16 bytes
  kId,       // a LONG
};

using wire::Field;

// One struct a packet; kFields are its fields in the order of the wire.

// ---- What a client sends: to the server (1 to 6), to its peer (7 to 9) ----

// 1 | login | password
struct ExistingLogin {
  absl::string_view login;
  absl::string_view password;

  static constexpr Opcode kCode = Opcode::kExistingLogin;
  static constexpr const char* kName = "EXISTING_LOGIN";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kProposal, &ExistingLogin::login},
                 Field{"password", FieldKind::kPassword, &ExistingLogin::password});
  friend bool operator==(const ExistingLogin&, const ExistingLogin&) = default;
};

// 2 | login
struct NewLogin {
  absl::string_view login;

  static constexpr Opcode kCode = Opcode::kNewLogin;
  static constexpr const char* kName = "NEW_LOGIN";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kProposal, &NewLogin::login});
  friend bool operator==(const NewLogin&, const NewLogin&) = default;
};

// 3 | login | message
struct GlobalMessage {
  absl::string_view login;
  absl::string_view message;

  static constexpr Opcode kCode = Opcode::kGlobalMessage;
  static constexpr const char* kName = "GLOBAL_MESSAGE";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &GlobalMessage::login},
                 Field{"message", FieldKind::kContent, &GlobalMessage::message});
  friend bool operator==(const GlobalMessage&, const GlobalMessage&) = default;
};

// 4 | sender login | receiver login
struct PrivateAsking {
  absl::string_view sender;
  absl::string_view receiver;

  static constexpr Opcode kCode = Opcode::kPrivateAsking;
  static constexpr const char* kName = "PRIVATE_ASKING";
  static constexpr auto kFields =
      std::tuple(Field{"sender", FieldKind::kName, &PrivateAsking::sender},
                 Field{"receiver", FieldKind::kName, &PrivateAsking::receiver});
  friend bool operator==(const PrivateAsking&, const PrivateAsking&) = default;
};

// 5 | sender login | receiver login | port | adCode | address | id
struct PrivateValidation {
  absl::string_view sender;
  absl::string_view receiver;
  int32_t port = 0;
  absl::string_view address;
  int64_t id = 0;

  static constexpr Opcode kCode = Opcode::kPrivateValidation;
  static constexpr const char* kName = "PRIVATE_VALIDATION";
  static constexpr auto kFields =
      std::tuple(Field{"sender", FieldKind::kName, &PrivateValidation::sender},
                 Field{"receiver", FieldKind::kName, &PrivateValidation::receiver},
                 Field{"port", FieldKind::kPort, &PrivateValidation::port},
                 Field{"address", FieldKind::kAddress, &PrivateValidation::address},
                 Field{"id", FieldKind::kId, &PrivateValidation::id});
  friend bool operator==(const PrivateValidation&, const PrivateValidation&) = default;
};

// 6 | sender login | receiver login
struct PrivateDenied {
  absl::string_view sender;
  absl::string_view receiver;

  static constexpr Opcode kCode = Opcode::kPrivateDenied;
  static constexpr const char* kName = "PRIVATE_DENIED";
  static constexpr auto kFields =
      std::tuple(Field{"sender", FieldKind::kName, &PrivateDenied::sender},
                 Field{"receiver", FieldKind::kName, &PrivateDenied::receiver});
  friend bool operator==(const PrivateDenied&, const PrivateDenied&) = default;
};

// 7 | login | message
struct PrivateString {
  absl::string_view login;
  absl::string_view message;

  static constexpr Opcode kCode = Opcode::kPrivateString;
  static constexpr const char* kName = "PRIVATE_STRING";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &PrivateString::login},
                 Field{"message", FieldKind::kContent, &PrivateString::message});
  friend bool operator==(const PrivateString&, const PrivateString&) = default;
};

// 8 | login | file name | file
struct PrivateFile {
  absl::string_view login;
  absl::string_view name;
  absl::string_view content;

  static constexpr Opcode kCode = Opcode::kPrivateFile;
  static constexpr const char* kName = "PRIVATE_FILE";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &PrivateFile::login},
                 Field{"name", FieldKind::kFileName, &PrivateFile::name},
                 Field{"content", FieldKind::kContent, &PrivateFile::content});
  friend bool operator==(const PrivateFile&, const PrivateFile&) = default;
};

// 9 | login | id
struct PrivateConnection {
  absl::string_view login;
  int64_t id = 0;

  static constexpr Opcode kCode = Opcode::kPrivateConnection;
  static constexpr const char* kName = "PRIVATE_CONNECTION";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &PrivateConnection::login},
                 Field{"id", FieldKind::kId, &PrivateConnection::id});
  friend bool operator==(const PrivateConnection&, const PrivateConnection&) = default;
};

// The index of an alternative is its opcode less 1.
using Packet =
    std::variant<ExistingLogin, NewLogin, GlobalMessage, PrivateAsking, PrivateValidation,
                 PrivateDenied, PrivateString, PrivateFile, PrivateConnection>;
static_assert(std::variant_size_v<Packet> == kOpcodes);

// ---- What a server sends ----

// 1
struct AckPacketError {
  static constexpr AckCode kCode = AckCode::kPacketError;
  static constexpr const char* kName = "ACK_PACKET_ERROR";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const AckPacketError&, const AckPacketError&) = default;
};

// 2
struct AckLoginError {
  static constexpr AckCode kCode = AckCode::kLoginError;
  static constexpr const char* kName = "ACK_LOGIN_ERROR";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const AckLoginError&, const AckLoginError&) = default;
};

// 3
struct AckConnected {
  static constexpr AckCode kCode = AckCode::kConnected;
  static constexpr const char* kName = "ACK_CONNECTED";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const AckConnected&, const AckConnected&) = default;
};

// 4
struct AckLoginExists {
  static constexpr AckCode kCode = AckCode::kLoginExists;
  static constexpr const char* kName = "ACK_LOGIN_EXISTS";
  static constexpr auto kFields = std::tuple();
  friend bool operator==(const AckLoginExists&, const AckLoginExists&) = default;
};

// 5 | login | message
struct AckGlobalMessage {
  absl::string_view login;
  absl::string_view message;

  static constexpr AckCode kCode = AckCode::kGlobalMessage;
  static constexpr const char* kName = "ACK_GLOBAL_MESSAGE";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &AckGlobalMessage::login},
                 Field{"message", FieldKind::kContent, &AckGlobalMessage::message});
  friend bool operator==(const AckGlobalMessage&, const AckGlobalMessage&) = default;
};

// 6 | login
struct AckPrivateAsking {
  absl::string_view login;

  static constexpr AckCode kCode = AckCode::kPrivateAsking;
  static constexpr const char* kName = "ACK_PRIVATE_ASKING";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &AckPrivateAsking::login});
  friend bool operator==(const AckPrivateAsking&, const AckPrivateAsking&) = default;
};

// 7 | login | port | adCode | address | id
struct AckPrivateValidation {
  absl::string_view login;
  int32_t port = 0;
  absl::string_view address;
  int64_t id = 0;

  static constexpr AckCode kCode = AckCode::kPrivateValidation;
  static constexpr const char* kName = "ACK_PRIVATE_VALIDATION";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &AckPrivateValidation::login},
                 Field{"port", FieldKind::kPort, &AckPrivateValidation::port},
                 Field{"address", FieldKind::kAddress, &AckPrivateValidation::address},
                 Field{"id", FieldKind::kId, &AckPrivateValidation::id});
  friend bool operator==(const AckPrivateValidation&, const AckPrivateValidation&) = default;
};

// 8 | login
struct AckPrivateDenied {
  absl::string_view login;

  static constexpr AckCode kCode = AckCode::kPrivateDenied;
  static constexpr const char* kName = "ACK_PRIVATE_DENIED";
  static constexpr auto kFields =
      std::tuple(Field{"login", FieldKind::kName, &AckPrivateDenied::login});
  friend bool operator==(const AckPrivateDenied&, const AckPrivateDenied&) = default;
};

// The index of an alternative is its code less 1.
using Ack =
    std::variant<AckPacketError, AckLoginError, AckConnected, AckLoginExists, AckGlobalMessage,
                 AckPrivateAsking, AckPrivateValidation, AckPrivateDenied>;
static_assert(std::variant_size_v<Ack> == kAckCodes);

// Writes `packet`, of either set, to a wire::Writer or a wire::StringWriter. An address has 4 or 16
// bytes.
template <class P, class W>
void Encode(const P& packet, W& out) {
  out.U8(static_cast<uint8_t>(P::kCode));
  wire::ForEachField(packet, [&](const auto& field, const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, absl::string_view>) {
      if (field.kind == FieldKind::kAddress) {
        out.U8(value.size() == kIpv4Bytes ? 1 : 2);
        return out.Bytes(value);
      }
    }
    wire::WriteField(value, out);
  });
}

// How long a packet and its strings may be, in bytes.
struct DecodeLimits {
  size_t proposal = 0;  // and of a password
  size_t name = 0;
  size_t file_name = 0;
  size_t content = 0;
  size_t frame = 0;  // the whole packet

  template <class Code>
  constexpr size_t FrameOf(Code) const {
    return frame;
  }
  constexpr size_t Of(FieldKind kind) const {
    switch (kind) {
      case FieldKind::kProposal:
      case FieldKind::kPassword:
        return proposal;
      case FieldKind::kName:
        return name;
      case FieldKind::kFileName:
        return file_name;
      case FieldKind::kContent:
        return content;
      case FieldKind::kPort:
      case FieldKind::kAddress:
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
    if (kind == FieldKind::kPort || kind == FieldKind::kId) return 0;
    return kind == FieldKind::kAddress ? 1 : wire::kSizeBytes;
  }
  constexpr std::optional<size_t> BodyBytes(FieldKind kind, int64_t head) const {
    switch (kind) {
      case FieldKind::kPort:
        return 4;
      case FieldKind::kId:
        return 8;
      case FieldKind::kAddress:  // behind its adCode
        if (head == 1) return kIpv4Bytes;
        if (head == 2) return kIpv6Bytes;
        return std::nullopt;
      default:
        return wire::StringBytes(head);
    }
  }
};

using wire::Decoded;
using wire::DecodeStatus;
// Only of a client's packet is what follows a field that is too long worth reading.
using Position = wire::Position<Packet>;
using Skip = wire::Skip<Packet, Format>;
using PacketReader = wire::PacketReader<Packet, Format>;
using AckReader = wire::PacketReader<Ack, Format>;

// Decode the packet at the beginning of `in`.
Decoded<Packet> DecodePacket(absl::string_view in, const DecodeLimits& limits);
Decoded<Ack> DecodeAck(absl::string_view in, const DecodeLimits& limits);

// What field number `field` of a client's packet is.
constexpr FieldKind KindOf(Opcode opcode, size_t field) {
  return wire::KindOf<Packet, FieldKind>(opcode, field);
}

// E.g. `GLOBAL_MESSAGE login="alice" message="hello"`, with C escapes in the strings, addresses as
// people write them. A password is not shown, only its size.
std::string ToString(const Packet& packet);
std::string ToString(const Ack& ack);

}  // namespace chat::chathack

#endif  // LIBCHAT_CHATHACK_PACKETS_H_
