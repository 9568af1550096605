// The decoders on anything: the first byte says whether the rest comes from a client or a server.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/walk.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

constexpr DecodeLimits kLimits = {
    .proposal = 507, .name = 41, .file_name = 255, .content = 1024, .frame = 65536};

void Check(bool holds) {
  if (!holds) std::abort();
}

template <class Packets>
Decoded<Packets> Decode(absl::string_view in) {
  if constexpr (std::is_same_v<Packets, Packet>) {
    return DecodePacket(in, kLimits);
  } else {
    return DecodeAck(in, kLimits);
  }
}

// A packet is written as it was read, and no less of it is enough.
template <class Packets>
void CheckDone(absl::string_view in, const Decoded<Packets>& decoded) {
  Check(decoded.size <= in.size());
  std::string bytes;
  wire::StringWriter out(&bytes);
  std::visit([&](const auto& packet) { Encode(packet, out); }, decoded.packet);
  Check(bytes == in.substr(0, decoded.size));
  const Decoded<Packets> less = Decode<Packets>(in.substr(0, decoded.size - 1));
  Check(less.status == DecodeStatus::kNeedMore && less.size <= decoded.size);
  Check(!ToString(decoded.packet).empty());
}

// The rest of the packet passes by in the same way, whole and byte by byte.
void CheckSkip(absl::string_view in, const Position& too_long) {
  const Skip skip(too_long, {}, kLimits.frame);
  absl::string_view behind = in;
  const DecodeStatus status = testing::Walk(skip, behind, in.size());
  Check(testing::Walk(skip, in, 1) == status);
  if (status == DecodeStatus::kDone) Check(in == behind);
}

template <class Packets>
void Fuzz(absl::string_view in) {
  while (!in.empty()) {
    const Decoded<Packets> decoded = Decode<Packets>(in);
    switch (decoded.status) {
      case DecodeStatus::kDone:
        CheckDone(in, decoded);
        in.remove_prefix(decoded.size);
        continue;
      case DecodeStatus::kNeedMore:
        Check(decoded.size > in.size() && decoded.size <= kLimits.frame);
        return;
      case DecodeStatus::kFieldTooLong:
        if constexpr (std::is_same_v<Packets, Packet>) {
          CheckSkip(in.substr(decoded.size), decoded.too_long);
        }
        return;
      case DecodeStatus::kUnknownCode:
      case DecodeStatus::kMalformed:
      case DecodeStatus::kFrameTooLong:
        return;
    }
  }
}

}  // namespace
}  // namespace chat::chathack

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    chat::chathack::Fuzz<chat::chathack::Packet>(in);
  } else {
    chat::chathack::Fuzz<chat::chathack::Ack>(in);
  }
  return 0;
}
