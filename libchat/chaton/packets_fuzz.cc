// The decoder on anything: the first byte says how long a LONG is, the rest is the input.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/chaton/packets.h"
#include "libchat/testing/walk.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {
namespace {

constexpr DecodeLimits kLimits = {.proposal = 507, .name = 41, .text = 1024, .frame = 65536};

void Check(bool holds) {
  if (!holds) std::abort();
}

// A packet is written as it was read, and no less of it is enough.
void CheckDone(absl::string_view in, LongBytes longs, const Decoded& decoded) {
  Check(decoded.size <= in.size());
  std::string bytes;
  wire::StringWriter out(&bytes);
  std::visit([&](const auto& packet) { Encode(packet, longs, out); }, decoded.packet);
  Check(bytes == in.substr(0, decoded.size));
  const Decoded less = Decode(in.substr(0, decoded.size - 1), longs, kLimits);
  Check(less.status == DecodeStatus::kNeedMore && less.size <= decoded.size);
  Check(!ToString(decoded.packet).empty());
}

// The rest of the packet passes by in the same way, whole and byte by byte.
void CheckSkip(absl::string_view in, LongBytes longs, const Position& too_long) {
  const Skip skip(too_long, {longs}, kLimits.frame);
  absl::string_view behind = in;
  const DecodeStatus status = testing::Walk(skip, behind, in.size());
  Check(testing::Walk(skip, in, 1) == status);
  if (status == DecodeStatus::kDone) Check(in == behind);
}

void Fuzz(absl::string_view in, LongBytes longs) {
  while (!in.empty()) {
    const Decoded decoded = Decode(in, longs, kLimits);
    switch (decoded.status) {
      case DecodeStatus::kDone:
        CheckDone(in, longs, decoded);
        in.remove_prefix(decoded.size);
        continue;
      case DecodeStatus::kNeedMore:
        Check(decoded.size > in.size() && decoded.size <= kLimits.frame);
        return;
      case DecodeStatus::kFieldTooLong:
        return CheckSkip(in.substr(decoded.size), longs, decoded.too_long);
      case DecodeStatus::kUnknownCode:
      case DecodeStatus::kMalformed:
      case DecodeStatus::kFrameTooLong:
        return;
    }
  }
}

}  // namespace
}  // namespace chat::chaton

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chat::chaton::LongBytes;
  if (size == 0) return 0;
  chat::chaton::Fuzz({reinterpret_cast<const char*>(data) + 1, size - 1},
                     data[0] % 2 == 0 ? LongBytes::kFour : LongBytes::kEight);
  return 0;
}
