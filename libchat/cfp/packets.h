// The packets of document 003: a code of one byte, then fields. Numbers are big-endian; an INT has
// 4 bytes, signed. A string is its size in bytes (an INT) and that many bytes of UTF-8.
//
// The structs view the bytes that they were decoded from: they DIE WITH THE BUFFER. No function
// here allocates memory except ToString, those that return strings or vectors, and what a
// StringWriter does.
//
// Thread safety: plain values and pure functions.

#ifndef LIBCHAT_CFP_PACKETS_H_
#define LIBCHAT_CFP_PACKETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/event/event.h"
#include "libchat/event/mesh.h"
#include "libchat/wire/packets.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {

// Section 9.
enum class Code : uint8_t {
  kAuthGst = 0x00,
  kAuthUsr = 0x01,
  kAuthRsp = 0x10,
  kMsgPbl = 0x20,
  kMsgPrv = 0x21,
  kMsgPblInc = 0x30,
  kMsgPrvInc = 0x31,
  kFileChnk = 0x40,
  kFileChnkInc = 0x41,
  kPckFwd = 0x50,
  kMrgReq = 0xA0,
  kMrgRsp = 0xA1,
  kMrgDcl = 0xA2,
  kError = 0xF0,
};
inline constexpr size_t kCodes = 14;
// The document lists PCKFWD a second time with this code: it is read, and never written.
inline constexpr uint8_t kOtherPckFwd = 0x32;

// The code of an AUTHRSP (section 3).
enum class AuthCode : uint8_t {
  kSucceeded = 0x00,
  kReserved = 0x01,     // a registered user has that nickname
  kWrongPair = 0x02,    // nickname and password do not belong together
  kUsedAlready = 0x03,  // somebody connected has that nickname
};

// The code of an ERROR (section 8).
enum class ErrorCode : uint8_t {
  kNoServer = 0x00,
  kNoReceiver = 0x01,
};

// A chunk has always so many bytes on the wire (section 6).
inline constexpr size_t kChunkBytes = kFileChunkBytes;
// What stands behind the nickname of a user of another server has at most so many bytes.
inline constexpr size_t kMaxServerSuffixBytes = 1 + 10;
// A packet never has more siblings.
inline constexpr size_t kMaxSiblings = 1000;
// Of one sibling.
inline constexpr size_t kSiblingBytes = 12;

// What stands in a field, and so how it is written and which limit holds for it.
enum class FieldKind : uint8_t {
  // Strings.
  kProposal,  // a nickname that a client would like to have
  kPassword,
  kName,       // somebody's nickname
  kShownName,  // the same, behind which @ and the id of another server may stand
  kText,       // what somebody says
  kFileName,
  // Of a fixed size, or one that the field itself says.
  kByte,
  kInt,
  kContent,   // kChunkBytes; what is shorter is padded with zeros
  kSiblings,  // their number (an INT), and kSiblingBytes each
};

using wire::Field;

// A sibling as it stands in a packet, whatever its numbers: server id | IPv4 | port.
struct WireSibling {
  int32_t id = 0;
  uint32_t ipv4 = 0;
  int32_t port = 0;
};

// The siblings of a packet. Views their bytes.
class SiblingList {
 public:
  SiblingList() = default;
  // kSiblingBytes each.
  explicit SiblingList(absl::string_view bytes) : bytes_(bytes) {}

  absl::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size() / kSiblingBytes; }
  WireSibling operator[](size_t i) const;

  friend bool operator==(const SiblingList&, const SiblingList&) = default;

 private:
  absl::string_view bytes_;
};

// One struct a packet; kFields are its fields in the order of the wire.

// 00 | nickname
struct AuthGst {
  absl::string_view nickname;

  static constexpr Code kCode = Code::kAuthGst;
  static constexpr const char* kName = "AUTHGST";
  static constexpr auto kFields =
      std::tuple(Field{"nickname", FieldKind::kProposal, &AuthGst::nickname});
  friend bool operator==(const AuthGst&, const AuthGst&) = default;
};

// 01 | nickname | password
struct AuthUsr {
  absl::string_view nickname;
  absl::string_view password;

  static constexpr Code kCode = Code::kAuthUsr;
  static constexpr const char* kName = "AUTHUSR";
  static constexpr auto kFields =
      std::tuple(Field{"nickname", FieldKind::kProposal, &AuthUsr::nickname},
                 Field{"password", FieldKind::kPassword, &AuthUsr::password});
  friend bool operator==(const AuthUsr&, const AuthUsr&) = default;
};

// 10 | response code
struct AuthRsp {
  uint8_t code = 0;

  static constexpr Code kCode = Code::kAuthRsp;
  static constexpr const char* kName = "AUTHRSP";
  static constexpr auto kFields = std::tuple(Field{"code", FieldKind::kByte, &AuthRsp::code});
  friend bool operator==(const AuthRsp&, const AuthRsp&) = default;
};

// 20 | message
struct MsgPbl {
  absl::string_view message;

  static constexpr Code kCode = Code::kMsgPbl;
  static constexpr const char* kName = "MSGPBL";
  static constexpr auto kFields = std::tuple(Field{"message", FieldKind::kText, &MsgPbl::message});
  friend bool operator==(const MsgPbl&, const MsgPbl&) = default;
};

// 21 | destination server id | nickname of the receiver | message
struct MsgPrv {
  int32_t server_id = 0;
  absl::string_view receiver;
  absl::string_view message;

  static constexpr Code kCode = Code::kMsgPrv;
  static constexpr const char* kName = "MSGPRV";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &MsgPrv::server_id},
                 Field{"receiver", FieldKind::kName, &MsgPrv::receiver},
                 Field{"message", FieldKind::kText, &MsgPrv::message});
  friend bool operator==(const MsgPrv&, const MsgPrv&) = default;
};

// 30 | origin server id | nickname | message
struct MsgPblInc {
  int32_t server_id = 0;
  absl::string_view sender;
  absl::string_view message;

  static constexpr Code kCode = Code::kMsgPblInc;
  static constexpr const char* kName = "MSGPBLINC";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &MsgPblInc::server_id},
                 Field{"sender", FieldKind::kName, &MsgPblInc::sender},
                 Field{"message", FieldKind::kText, &MsgPblInc::message});
  friend bool operator==(const MsgPblInc&, const MsgPblInc&) = default;
};

// 31 | origin server id | sender nickname | receiver nickname | message
struct MsgPrvInc {
  int32_t server_id = 0;
  absl::string_view sender;
  absl::string_view receiver;
  absl::string_view message;

  static constexpr Code kCode = Code::kMsgPrvInc;
  static constexpr const char* kName = "MSGPRVINC";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &MsgPrvInc::server_id},
                 Field{"sender", FieldKind::kName, &MsgPrvInc::sender},
                 Field{"receiver", FieldKind::kName, &MsgPrvInc::receiver},
                 Field{"message", FieldKind::kText, &MsgPrvInc::message});
  friend bool operator==(const MsgPrvInc&, const MsgPrvInc&) = default;
};

// 40 | destination server id | receiver nickname | transfer id | file name | number of chunks |
// content
struct FileChnk {
  int32_t server_id = 0;
  absl::string_view receiver;
  int32_t transfer_id = 0;
  absl::string_view filename;
  int32_t chunks = 0;
  absl::string_view content;

  static constexpr Code kCode = Code::kFileChnk;
  static constexpr const char* kName = "FILECHNK";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &FileChnk::server_id},
                 Field{"receiver", FieldKind::kName, &FileChnk::receiver},
                 Field{"transfer_id", FieldKind::kInt, &FileChnk::transfer_id},
                 Field{"filename", FieldKind::kFileName, &FileChnk::filename},
                 Field{"chunks", FieldKind::kInt, &FileChnk::chunks},
                 Field{"content", FieldKind::kContent, &FileChnk::content});
  friend bool operator==(const FileChnk&, const FileChnk&) = default;
};

// 41 | origin server id | sender nickname | receiver nickname | transfer id | file name |
// number of chunks | content
struct FileChnkInc {
  int32_t server_id = 0;
  absl::string_view sender;
  absl::string_view receiver;
  int32_t transfer_id = 0;
  absl::string_view filename;
  int32_t chunks = 0;
  absl::string_view content;

  static constexpr Code kCode = Code::kFileChnkInc;
  static constexpr const char* kName = "FILECHNKINC";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &FileChnkInc::server_id},
                 Field{"sender", FieldKind::kName, &FileChnkInc::sender},
                 Field{"receiver", FieldKind::kName, &FileChnkInc::receiver},
                 Field{"transfer_id", FieldKind::kInt, &FileChnkInc::transfer_id},
                 Field{"filename", FieldKind::kFileName, &FileChnkInc::filename},
                 Field{"chunks", FieldKind::kInt, &FileChnkInc::chunks},
                 Field{"content", FieldKind::kContent, &FileChnkInc::content});
  friend bool operator==(const FileChnkInc&, const FileChnkInc&) = default;
};

// 50 | destination server id: only what stands before the packet that is handed on. That one
// follows, as it would stand alone; see PacketReader.
struct PckFwd {
  int32_t server_id = 0;

  static constexpr Code kCode = Code::kPckFwd;
  static constexpr uint8_t kOtherCode = kOtherPckFwd;
  static constexpr const char* kName = "PCKFWD";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &PckFwd::server_id});
  friend bool operator==(const PckFwd&, const PckFwd&) = default;
};

// a0 | server id | siblings
struct MrgReq {
  int32_t server_id = 0;
  SiblingList siblings;

  static constexpr Code kCode = Code::kMrgReq;
  static constexpr const char* kName = "MRGREQ";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &MrgReq::server_id},
                 Field{"siblings", FieldKind::kSiblings, &MrgReq::siblings});
  friend bool operator==(const MrgReq&, const MrgReq&) = default;
};

// a1 | server id | siblings
struct MrgRsp {
  int32_t server_id = 0;
  SiblingList siblings;

  static constexpr Code kCode = Code::kMrgRsp;
  static constexpr const char* kName = "MRGRSP";
  static constexpr auto kFields =
      std::tuple(Field{"server_id", FieldKind::kInt, &MrgRsp::server_id},
                 Field{"siblings", FieldKind::kSiblings, &MrgRsp::siblings});
  friend bool operator==(const MrgRsp&, const MrgRsp&) = default;
};

// a2 | error code: a MergeRefusal
struct MrgDcl {
  uint8_t code = 0;

  static constexpr Code kCode = Code::kMrgDcl;
  static constexpr const char* kName = "MRGDCL";
  static constexpr auto kFields = std::tuple(Field{"code", FieldKind::kByte, &MrgDcl::code});
  friend bool operator==(const MrgDcl&, const MrgDcl&) = default;
};

// f0 | nickname of the sender | error code. From a client it refuses a file.
struct Error {
  absl::string_view nickname;
  uint8_t code = 0;

  static constexpr Code kCode = Code::kError;
  static constexpr const char* kName = "ERROR";
  static constexpr auto kFields =
      std::tuple(Field{"nickname", FieldKind::kShownName, &Error::nickname},
                 Field{"code", FieldKind::kByte, &Error::code});
  friend bool operator==(const Error&, const Error&) = default;
};

// In the order of their codes.
using Packet = std::variant<AuthGst, AuthUsr, AuthRsp, MsgPbl, MsgPrv, MsgPblInc, MsgPrvInc,
                            FileChnk, FileChnkInc, PckFwd, MrgReq, MrgRsp, MrgDcl, Error>;
static_assert(std::variant_size_v<Packet> == kCodes);

namespace internal {

template <class W>
void EncodeContent(absl::string_view content, W& out) {
  static constexpr char kZeros[kChunkBytes] = {};
  content = content.substr(0, kChunkBytes);
  out.Bytes(content);
  out.Bytes(absl::string_view(kZeros, kChunkBytes - content.size()));
}

}  // namespace internal

// Writes `packet` to a wire::Writer or a wire::StringWriter.
template <class P, class W>
void Encode(const P& packet, W& out) {
  out.U8(static_cast<uint8_t>(P::kCode));
  wire::ForEachField(packet, [&](const auto& field, const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, SiblingList>) {
      out.I32(static_cast<int32_t>(value.size()));
      out.Bytes(value.bytes());
    } else if constexpr (std::is_same_v<std::decay_t<decltype(value)>, absl::string_view>) {
      field.kind == FieldKind::kContent ? internal::EncodeContent(value, out)
                                        : wire::WriteField(value, out);
    } else {
      wire::WriteField(value, out);
    }
  });
}

// How long a packet and its strings may be, in bytes.
struct DecodeLimits {
  size_t proposal = 0;  // and of a password
  size_t name = 0;
  size_t text = 0;
  size_t file_name = 0;
  // The whole packet, unless it has siblings: these have a bound of their own (kMaxSiblings).
  size_t frame = 0;

  constexpr size_t FrameOf(Code code) const {
    const bool has_siblings = code == Code::kMrgReq || code == Code::kMrgRsp;
    return has_siblings ? 1 + 4 + 4 + kMaxSiblings * kSiblingBytes : frame;
  }
  constexpr size_t Of(FieldKind kind) const {
    switch (kind) {
      case FieldKind::kProposal:
      case FieldKind::kPassword:
        return proposal;
      case FieldKind::kName:
        return name;
      case FieldKind::kShownName:
        return name + kMaxServerSuffixBytes;
      case FieldKind::kText:
        return text;
      case FieldKind::kFileName:
        return file_name;
      case FieldKind::kSiblings:
        return kMaxSiblings * kSiblingBytes;
      case FieldKind::kByte:
      case FieldKind::kInt:
      case FieldKind::kContent:
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
    switch (kind) {
      case FieldKind::kByte:
      case FieldKind::kInt:
      case FieldKind::kContent:
        return 0;
      default:
        return wire::kSizeBytes;
    }
  }
  constexpr std::optional<size_t> BodyBytes(FieldKind kind, int64_t head) const {
    switch (kind) {
      case FieldKind::kByte:
        return 1;
      case FieldKind::kInt:
        return 4;
      case FieldKind::kContent:
        return kChunkBytes;
      case FieldKind::kSiblings:
        if (head < 0 || head > static_cast<int64_t>(kMaxSiblings)) return std::nullopt;
        return static_cast<size_t>(head) * kSiblingBytes;
      default:
        return wire::StringBytes(head);
    }
  }
};

using wire::DecodeStatus;
using Decoded = wire::Decoded<Packet>;
using Position = wire::Position<Packet>;
using Skip = wire::Skip<Packet, Format>;

// Decodes the packet at the beginning of `in`.
Decoded Decode(absl::string_view in, const DecodeLimits& limits);

// What field number `field` of a packet is.
constexpr FieldKind KindOf(Code code, size_t field) {
  return wire::KindOf<Packet, FieldKind>(code, field);
}

// E.g. `MSGPBLINC server_id=7 sender="alice" message="hello"`, with C escapes in the strings;
// siblings as `[7@127.0.0.1:7773,8@10.0.0.1:7773]`, content without the zeros at its end. A
// password is not shown, only its size.
std::string ToString(const Packet& packet);

// What a MRGREQ or a MRGRSP says. Nothing if an id is not positive, or a port not from 1 to 65535.
std::optional<MergeOffer> ToOffer(int32_t server_id, const SiblingList& siblings);
// The bytes of a SiblingList.
std::string SiblingBytes(const std::vector<Sibling>& siblings);

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_PACKETS_H_
