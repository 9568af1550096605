// Why the stream of a client cannot be followed any more, as a host counts it.

#ifndef LIBCHAT_DIALECT_PACKET_FAULT_H_
#define LIBCHAT_DIALECT_PACKET_FAULT_H_

#include "libchat/dialect/session_host.h"
#include "libchat/wire/packets.h"

namespace chat {

// `status` is kUnknownCode, kMalformed or kFrameTooLong.
constexpr Fault FaultOf(wire::DecodeStatus status) {
  switch (status) {
    case wire::DecodeStatus::kUnknownCode:
      return Fault::kUnknownOpcode;
    case wire::DecodeStatus::kFrameTooLong:
      return Fault::kFrameTooLong;
    default:
      return Fault::kMalformed;
  }
}

}  // namespace chat

#endif  // LIBCHAT_DIALECT_PACKET_FAULT_H_
