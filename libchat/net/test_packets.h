// The few packets of document 001 that the tests of net send and expect, written by hand: chaton's
// own code is not what is tested here.

#ifndef LIBCHAT_NET_TEST_PACKETS_H_
#define LIBCHAT_NET_TEST_PACKETS_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chat::net {

inline std::string Int(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}
inline std::string Str(absl::string_view text) {
  return absl::StrCat(Int(static_cast<uint32_t>(text.size())), text);
}
inline std::string Op(int opcode) { return std::string(1, static_cast<char>(opcode)); }

inline std::string Login(absl::string_view name) { return Op(0) + Str(name); }
inline std::string LoginAccepted() { return Op(1); }
inline std::string LoginRefused() { return Op(2); }
inline std::string Message(absl::string_view login, absl::string_view text) {
  return Op(3) + Str(login) + Str(text);
}
inline std::string Private(absl::string_view from, absl::string_view to, absl::string_view text) {
  return Op(4) + Str(from) + Str(to) + Str(text);
}
inline std::string AskRelay(absl::string_view asker, absl::string_view target) {
  return Op(5) + Str(asker) + Str(target);
}
inline std::string AcceptRelay(absl::string_view asker, absl::string_view target) {
  return Op(6) + Str(asker) + Str(target);
}
inline std::string RefuseRelay(absl::string_view asker, absl::string_view target) {
  return Op(7) + Str(asker) + Str(target);
}
// What stands before the connect_id in an ID_PRIVATE.
inline std::string RelayIdHead(absl::string_view asker, absl::string_view target) {
  return Op(8) + Str(asker) + Str(target);
}
inline std::string PresentId(uint32_t connect_id) { return Op(9) + Int(connect_id); }
inline std::string Established() { return Op(10); }
inline std::string CloseRelay(uint32_t connect_id, absl::string_view asker,
                              absl::string_view target) {
  return Op(11) + Int(connect_id) + Str(asker) + Str(target);
}
inline std::string RelayClosing(absl::string_view by) { return Op(12) + Str(by); }

}  // namespace chat::net

#endif  // LIBCHAT_NET_TEST_PACKETS_H_
