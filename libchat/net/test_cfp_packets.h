// The packets of document 003 that the tests of links send and expect, written by hand: cfp's own
// code is not what is tested here.

#ifndef LIBCHAT_NET_TEST_CFP_PACKETS_H_
#define LIBCHAT_NET_TEST_CFP_PACKETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/event/mesh.h"
#include "libchat/net/test_packets.h"

namespace chat::net::cfp {

inline constexpr size_t kChunk = 1024;

inline std::string Id(int32_t id) { return Int(static_cast<uint32_t>(id)); }

inline std::string AuthGst(absl::string_view nick) { return Op(0x00) + Str(nick); }
inline std::string AuthOk() { return Op(0x10) + Op(0); }
inline std::string MsgPbl(absl::string_view text) { return Op(0x20) + Str(text); }
inline std::string MsgPrv(int32_t server, absl::string_view nick, absl::string_view text) {
  return Op(0x21) + Id(server) + Str(nick) + Str(text);
}
inline std::string MsgPblInc(int32_t origin, absl::string_view nick, absl::string_view text) {
  return Op(0x30) + Id(origin) + Str(nick) + Str(text);
}
inline std::string MsgPrvInc(int32_t origin, absl::string_view sender, absl::string_view receiver,
                             absl::string_view text) {
  return Op(0x31) + Id(origin) + Str(sender) + Str(receiver) + Str(text);
}
inline std::string FileChnk(int32_t server, absl::string_view nick, uint32_t chunks,
                            absl::string_view content) {
  return Op(0x40) + Id(server) + Str(nick) + Id(1) + Str("f") + Int(chunks) + std::string(content);
}
inline std::string FileChnkInc(int32_t origin, absl::string_view sender, absl::string_view receiver,
                               uint32_t chunks, absl::string_view content) {
  return Op(0x41) + Id(origin) + Str(sender) + Str(receiver) + Id(1) + Str("f") + Int(chunks) +
         std::string(content);
}
inline std::string PckFwd(int32_t destination, absl::string_view packet) {
  return Op(0x50) + Id(destination) + std::string(packet);
}
inline std::string Siblings(const std::vector<Sibling>& siblings) {
  std::string bytes = Int(static_cast<uint32_t>(siblings.size()));
  for (const Sibling& one : siblings) bytes += Id(one.id) + Int(one.ipv4) + Int(one.port);
  return bytes;
}
inline std::string MrgReq(int32_t id, const std::vector<Sibling>& siblings) {
  return Op(0xA0) + Id(id) + Siblings(siblings);
}
inline std::string MrgRsp(int32_t id, const std::vector<Sibling>& siblings) {
  return Op(0xA1) + Id(id) + Siblings(siblings);
}
inline std::string MrgDcl(int code) { return Op(0xA2) + Op(code); }
// code 0: no such server; 1: no such receiver.
inline std::string Error(absl::string_view nick, int code) {
  return Op(0xF0) + Str(nick) + Op(code);
}

}  // namespace chat::net::cfp

#endif  // LIBCHAT_NET_TEST_CFP_PACKETS_H_
