// The decoder on anything.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/cfp/packets.h"
#include "libchat/testing/walk.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

constexpr DecodeLimits kLimits = {
    .proposal = 507, .name = 30, .text = 1024, .file_name = 274, .frame = 65536};

void Check(bool holds) {
  if (!holds) std::abort();
}

// A packet is written as it was read, and no less of it is enough.
void CheckDone(absl::string_view in, const Decoded& decoded) {
  Check(decoded.size <= in.size());
  std::string bytes;
  wire::StringWriter out(&bytes);
  std::visit([&](const auto& packet) { Encode(packet, out); }, decoded.packet);
  // PCKFWD has two codes.
  const bool other = static_cast<uint8_t>(in[0]) == kOtherPckFwd;
  Check(other == (bytes[0] != in[0]));
  Check(bytes.substr(1) == in.substr(1, decoded.size - 1));
  const Decoded less = Decode(in.substr(0, decoded.size - 1), kLimits);
  Check(less.status == DecodeStatus::kNeedMore && less.size <= decoded.size);
  Check(!ToString(decoded.packet).empty());
}

// What a list of siblings says is written as it was read, if it can be said.
void CheckOffer(const Packet& packet) {
  const auto* const request = std::get_if<MrgReq>(&packet);
  if (request == nullptr) return;
  const auto offer = ToOffer(request->server_id, request->siblings);
  if (offer) Check(SiblingBytes(offer->siblings) == request->siblings.bytes());
}

// The rest of the packet passes by in the same way, whole and byte by byte.
void CheckSkip(absl::string_view in, const Position& too_long) {
  const Skip skip(too_long, {}, kLimits.frame);
  absl::string_view behind = in;
  const DecodeStatus status = testing::Walk(skip, behind, in.size());
  Check(testing::Walk(skip, in, 1) == status);
  if (status == DecodeStatus::kDone) Check(in == behind);
}

void Fuzz(absl::string_view in) {
  while (!in.empty()) {
    const Decoded decoded = Decode(in, kLimits);
    switch (decoded.status) {
      case DecodeStatus::kDone:
        CheckDone(in, decoded);
        CheckOffer(decoded.packet);
        in.remove_prefix(decoded.size);
        continue;
      case DecodeStatus::kNeedMore:
        Check(decoded.size > in.size() && decoded.size <= kLimits.frame);
        return;
      case DecodeStatus::kFieldTooLong:
        return CheckSkip(in.substr(decoded.size), decoded.too_long);
      case DecodeStatus::kUnknownCode:
      case DecodeStatus::kMalformed:
      case DecodeStatus::kFrameTooLong:
        return;
    }
  }
}

}  // namespace
}  // namespace chat::cfp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chat::cfp::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
