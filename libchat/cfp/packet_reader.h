// Takes packets from a stream, for the sessions of all three kinds.

#ifndef LIBCHAT_CFP_PACKET_READER_H_
#define LIBCHAT_CFP_PACKET_READER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "libchat/cfp/packets.h"
#include "libchat/dialect/session_host.h"
#include "libchat/wire/packets.h"

namespace chat::cfp {

// In what a packet has come.
enum class Wrapping : uint8_t {
  kNone,
  kForwarded,  // in a PCKFWD
  kNested,     // in a PCKFWD in a PCKFWD, or it is such an inner PCKFWD itself: never allowed
};

struct Taken {
  enum class Kind : uint8_t {
    kNothing,  // more bytes are needed
    kPacket,   // `packet`
    kTooLong,  // a packet passes by: the string at `too_long` is over its limit
    kLost,     // the stream cannot be followed any more: `fault`
  };
  Kind kind = Kind::kNothing;
  Packet packet;  // VIEWS THE INPUT
  Position too_long;
  Fault fault = Fault::kMalformed;
  // Of `packet`, or of the one that passes by.
  Wrapping wrapping = Wrapping::kNone;
  int32_t destination = 0;  // kForwarded: the server id of the PCKFWD
};

// Thread safety: none; a session has one.
//
// Invariant: keeps nothing of what it has taken but where it is in a packet.
class PacketReader {
 public:
  // Takes the next packet, or a part of one that passes by, from the front of `in`, which begins
  // with what was left there the last time. A PCKFWD is not reported, but the packet that it hands
  // on.
  Taken Next(absl::string_view& in, const DecodeLimits& limits);

 private:
  // Takes one packet without looking behind a PCKFWD.
  Taken TakeOne(absl::string_view& in, const DecodeLimits& limits);
  // False: there is no PCKFWD to look behind.
  bool Unwrap(Taken& taken);

  wire::PacketReader<Packet, Format> packets_;
  Wrapping wrapping_ = Wrapping::kNone;  // of the next packet
  int32_t destination_ = 0;
};

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_PACKET_READER_H_
