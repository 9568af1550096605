// The decoder on anything.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/chatos/packets.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

constexpr DecodeLimits kLimits = {.proposal = 30, .name = 41, .text = 1024, .frame = 2048};

void Check(bool holds) {
  if (!holds) std::abort();
}

// What a decoder says that is given one byte more each time.
Decoded DecodeGrowing(absl::string_view in) {
  Decoder decoder;
  Decoded decoded;
  for (size_t size = 0; size <= in.size(); ++size) {
    decoded = decoder.Decode(in.substr(0, size), kLimits);
    if (decoded.status != Decoded::Status::kNeedMore) break;
  }
  return decoded;
}

// A packet is written as it was read.
void CheckDone(absl::string_view in, const Decoded& decoded) {
  Check(decoded.size <= in.size() && decoded.size <= kLimits.frame);
  std::string bytes;
  wire::StringWriter out(&bytes);
  std::visit([&](const auto& packet) { Encode(packet, out); }, decoded.packet);
  Check(bytes == in.substr(0, decoded.size));
  Check(!ToString(decoded.packet).empty());
}

// The rest of the packet passes by in the same way, whole and byte by byte.
void CheckSkip(absl::string_view in, const Decoded& decoded) {
  in.remove_prefix(decoded.size);
  absl::string_view whole = in;
  const Skip::Status status = Skip(decoded.too_long, kLimits.frame).Advance(whole);

  Skip skip(decoded.too_long, kLimits.frame);
  Skip::Status step = Skip::Status::kNeedMore;
  absl::string_view rest = in;
  while (step == Skip::Status::kNeedMore) {
    absl::string_view given = rest.substr(0, 1);
    const size_t size = given.size();
    step = skip.Advance(given);
    rest.remove_prefix(size - given.size());
    if (size == 0) break;
  }
  Check(step == status);
  Check(rest == whole);
}

void Fuzz(absl::string_view in) {
  Decoder decoder;
  while (true) {
    const Decoded decoded = decoder.Decode(in, kLimits);
    const Decoded grown = DecodeGrowing(in);
    Check(grown.status == decoded.status && grown.size == decoded.size);
    if (decoded.status != Decoded::Status::kNeedMore) Check(grown.packet == decoded.packet);
    switch (decoded.status) {
      case Decoded::Status::kDone:
        CheckDone(in, decoded);
        in.remove_prefix(decoded.size);
        continue;
      case Decoded::Status::kNeedMore:
        Check(in.size() < kLimits.frame);
        return;
      case Decoded::Status::kFieldTooLong:
        return CheckSkip(in, decoded);
      case Decoded::Status::kUnknownOpcode:
      case Decoded::Status::kFrameTooLong:
        return;
    }
  }
}

}  // namespace
}  // namespace chat::chatos

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chat::chatos::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
