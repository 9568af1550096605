// Bytes of packets, for tests.

#ifndef LIBCHAT_CFP_TEST_PACKETS_H_
#define LIBCHAT_CFP_TEST_PACKETS_H_

#include <cstdint>
#include <string>
#include <variant>

#include "libchat/cfp/packets.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {

template <class P>
std::string Bytes(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  return bytes;
}

inline std::string Bytes(const Packet& packet) {
  return std::visit([](const auto& p) { return Bytes(p); }, packet);
}

// `packet` in a PCKFWD.
template <class P>
std::string Forwarded(int32_t server_id, const P& packet) {
  return Bytes(PckFwd{server_id}) + Bytes(packet);
}

// A whole chunk that begins with `bytes`.
inline std::string Chunk(std::string bytes) {
  bytes.resize(kChunkBytes);
  return bytes;
}

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_TEST_PACKETS_H_
