// The packets of document 000: an opcode of two bytes (SHORT), then fields. Numbers are big-endian:
// a SHORT has 2 bytes and a LONG 8, both signed; a Boolean is a byte, 0 or 1. A String is ASCII and
// ends with a NUL.
//
// The structs view the bytes that they were decoded from: they DIE WITH THE BUFFER. No function
// here allocates memory except ToString and what a StringWriter does.
//
// Thread safety: plain values and pure functions; a Decoder or a Skip belongs to one session.

#ifndef LIBCHAT_CHATOS_PACKETS_H_
#define LIBCHAT_CHATOS_PACKETS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/event/user.h"
#include "libchat/wire/packets.h"
#include "libchat/wire/scanner.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {

enum class Opcode : uint16_t {
  kLogin = 0,
  kChat = 1,
  kAck = 2,
  kError = 3,
  kPrivateAsk = 4,
  kPrivateAcceptation = 5,
};
inline constexpr size_t kOpcodes = 6;

// 1 to 4 are the document's (section 7), which leaves room for more.
enum class ErrorCode : int16_t {
  kMissingData = 1,
  kBadData = 2,
  kNoSuchUser = 3,
  kNoConsent = 4,
  kNameRefused = 5,
  kNotLoggedIn = 6,
  kTooLong = 7,
  kTooFast = 8,
  kShutdown = 9,
};

// A user is shown as "name" or "name@server": no nickname in a packet is longer, in bytes.
inline constexpr size_t kMaxShownNameBytes = kMaxNameBytes + 1 + 10;

// What stands in a field, and so which limit holds for it.
enum class FieldKind : uint8_t {
  kNumber,    // of a fixed size; stands before all Strings
  kProposal,  // a nickname that a client would like to have
  kName,      // somebody's nickname, or none
  kText,      // what somebody says
};

using wire::Field;

// One struct a packet; kFields are its fields in the order of the wire.

// 0 | nickname (section 4)
struct Login {
  absl::string_view nickname;

  static constexpr Opcode kCode = Opcode::kLogin;
  static constexpr const char* kName = "LOGIN";
  static constexpr auto kFields =
      std::tuple(Field{"nickname", FieldKind::kProposal, &Login::nickname});
  friend bool operator==(const Login&, const Login&) = default;
};

// 1 | id | nickname | message (section 5)
struct Chat {
  int64_t id = 0;
  absl::string_view nickname;  // from a client: to whom, empty for everyone; else: from whom
  absl::string_view message;

  static constexpr Opcode kCode = Opcode::kChat;
  static constexpr const char* kName = "CHAT";
  static constexpr auto kFields = std::tuple(Field{"id", FieldKind::kNumber, &Chat::id},
                                             Field{"nickname", FieldKind::kName, &Chat::nickname},
                                             Field{"message", FieldKind::kText, &Chat::message});
  friend bool operator==(const Chat&, const Chat&) = default;
};

// 2 | id (section 6)
struct Ack {
  int64_t id = 0;

  static constexpr Opcode kCode = Opcode::kAck;
  static constexpr const char* kName = "ACK";
  static constexpr auto kFields = std::tuple(Field{"id", FieldKind::kNumber, &Ack::id});
  friend bool operator==(const Ack&, const Ack&) = default;
};

// 3 | code | message (section 7)
struct Error {
  int16_t code = 0;  // an ErrorCode, or one that only the other side knows
  absl::string_view message;

  static constexpr Opcode kCode = Opcode::kError;
  static constexpr const char* kName = "ERROR";
  static constexpr auto kFields = std::tuple(Field{"code", FieldKind::kNumber, &Error::code},
                                             Field{"message", FieldKind::kText, &Error::message});
  friend bool operator==(const Error&, const Error&) = default;
};

// 4 | nickname (section 8)
struct PrivateAsk {
  absl::string_view nickname;  // from a client: who is asked; else: who asks

  static constexpr Opcode kCode = Opcode::kPrivateAsk;
  static constexpr const char* kName = "PRIVATE_ASK";
  static constexpr auto kFields =
      std::tuple(Field{"nickname", FieldKind::kName, &PrivateAsk::nickname});
  friend bool operator==(const PrivateAsk&, const PrivateAsk&) = default;
};

// 5 | yes | nickname (section 9)
struct PrivateAcceptation {
  uint8_t yes = 0;             // 0 or 1; a decoder gives whatever came
  absl::string_view nickname;  // who asked, in both directions

  static constexpr Opcode kCode = Opcode::kPrivateAcceptation;
  static constexpr const char* kName = "PRIVATE_ACCEPTATION";
  static constexpr auto kFields =
      std::tuple(Field{"yes", FieldKind::kNumber, &PrivateAcceptation::yes},
                 Field{"nickname", FieldKind::kName, &PrivateAcceptation::nickname});
  friend bool operator==(const PrivateAcceptation&, const PrivateAcceptation&) = default;
};

// The index of an alternative is its opcode.
using Packet = std::variant<Login, Chat, Ack, Error, PrivateAsk, PrivateAcceptation>;
static_assert(std::variant_size_v<Packet> == kOpcodes);

// Writes `packet`, whose strings hold no NUL, to a wire::Writer or a wire::StringWriter.
template <class P, class W>
void Encode(const P& packet, W& out) {
  out.U16(static_cast<uint16_t>(P::kCode));
  wire::ForEachField(packet, [&](const auto&, const auto& value) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>) {
      wire::WriteField(value, out);
    } else {
      out.Bytes(value);
      out.U8(0);
    }
  });
}

// How long a packet and its Strings (without their NULs) may be, in bytes.
struct DecodeLimits {
  size_t proposal = 0;
  size_t name = 0;
  size_t text = 0;
  size_t frame = 0;  // the whole packet
};

// A String that did not end within its limit.
struct TooLong {
  Opcode opcode = Opcode::kLogin;
  FieldKind kind = FieldKind::kText;
  size_t strings = 0;  // of the packet that have not ended, this one included
  size_t taken = 0;    // bytes of the packet that were looked at
};

struct Decoded {
  enum class Status : uint8_t {
    kDone,      // `packet`, of `size` bytes
    kNeedMore,  // the packet is not there yet
    kUnknownOpcode,
    kFrameTooLong,  // no end within DecodeLimits::frame; `packet` is of the opcode's type
    kFieldTooLong,  // a String has no end within its limit: of `packet` all that stands before it
                    // is there. It goes on behind `size` bytes; see Skip
  };
  Status status = Status::kNeedMore;
  size_t size = 0;
  Packet packet;
  TooLong too_long;
};

// Decodes packets one after the other. It remembers how far it looked for the end of a String, so
// no byte of one is looked at twice; an answer other than kNeedMore does not depend on how much has
// come behind it.
class Decoder {
 public:
  // The packet at the beginning of `in`, which begins with the bytes of the last call if that said
  // kNeedMore, under the same limits. No String is looked at beyond its limit.
  Decoded Decode(absl::string_view in, const DecodeLimits& limits);

 private:
  wire::DelimiterScanner nul_{absl::string_view("\0", 1)};  // from the String's beginning
  std::array<size_t, 2> ends_ = {};                         // of the Strings that have ended
  size_t strings_ = 0;                                      // that have ended
};

// Walks over what is left of a packet with a String that is too long, and keeps none of it.
class Skip {
 public:
  // `from` as a Decoder gave it; `frame_limit` as DecodeLimits::frame.
  Skip(const TooLong& from, size_t frame_limit)
      : strings_(from.strings), room_(frame_limit - from.taken) {}

  enum class Status : uint8_t { kDone, kNeedMore, kFrameTooLong };

  // Takes what belongs to the packet from the front of `in`; with kNeedMore that is everything.
  Status Advance(absl::string_view& in);

 private:
  size_t strings_;  // that have not ended
  size_t room_;     // bytes that the packet may still have
};

// E.g. `CHAT id=7 nickname="alice" message="hello"`, with C escapes in the strings.
std::string ToString(const Packet& packet);

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_PACKETS_H_
