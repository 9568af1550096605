#include "libchat/dialect/session_host.h"

namespace chat {

absl::string_view CounterName(Fault fault) {
  switch (fault) {
    case Fault::kMalformed:
      return "malformed";
    case Fault::kFrameTooLong:
      return "frame_too_long";
    case Fault::kUnknownOpcode:
      return "unknown_opcode";
    case Fault::kSpoofedSender:
      return "spoofed_sender";
    case Fault::kNotText:
      return "not_text";
    case Fault::kMessageTooLong:
      return "message_too_long";
    case Fault::kNotLoggedIn:
      return "not_logged_in";
    case Fault::kNoSuchUser:
      return "no_such_user";
    case Fault::kUnexpected:
      return "unexpected";
  }
  return "unknown";
}

}  // namespace chat
