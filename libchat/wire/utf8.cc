#include "libchat/wire/utf8.h"

#include <cstdint>
#include <cstring>

namespace chat::wire {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// True if `word` holds eight bytes of ASCII, and none of them is NUL where that is not allowed.
template <bool kNulAllowed>
bool IsAsciiWord(uint64_t word) {
  if constexpr (kNulAllowed) return (word & kHighBits) == 0;
  // Where no high bit is set, subtracting one from each byte sets a high bit only below a zero.
  return ((word | (word - kOnes)) & kHighBits) == 0;
}

template <bool kNulAllowed>
bool IsValid(absl::string_view bytes) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  while (left > 0) {
    uint64_t word;
    while (left >= sizeof(word)) {
      std::memcpy(&word, at, sizeof(word));
      if (!IsAsciiWord<kNulAllowed>(word)) break;
      at += sizeof(word);
      left -= sizeof(word);
    }
    // Stay with code points until the next ASCII one, where the fast path is worth a new try.
    while (left > 0) {
      char32_t code_point;
      const size_t size = DecodeOne(absl::string_view(at, left), &code_point);
      if (size == 0) return false;
      if (!kNulAllowed && code_point == 0) return false;
      at += size;
      left -= size;
      if (size == 1 && left >= sizeof(word)) break;
    }
  }
  return true;
}

}  // namespace

size_t DecodeOne(absl::string_view bytes, char32_t* code_point) {
  if (bytes.empty()) return 0;
  const auto lead = static_cast<uint8_t>(bytes[0]);
  if (lead < 0x80) {
    *code_point = lead;
    return 1;
  }

  // RFC 3629, section 4. Past the lead byte only the second byte's range depends on it: that is
  // where long forms, surrogates and what is too large are told apart.
  size_t size;
  char32_t value;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2;
    value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3;
    value = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4;
    value = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (bytes.size() < size) return 0;
  const auto second = static_cast<uint8_t>(bytes[1]);
  if (second < low || second > high) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(bytes[i])) return 0;
    value = value << 6 | (static_cast<uint8_t>(bytes[i]) & 0x3F);
  }
  *code_point = value;
  return size;
}

bool IsValidUtf8(absl::string_view bytes) { return IsValid</*kNulAllowed=*/true>(bytes); }

bool IsText(absl::string_view bytes) { return IsValid</*kNulAllowed=*/false>(bytes); }

size_t Utf8Prefix(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text.size();
  size_t size = max_bytes;
  while (size > 0 && IsContinuation(text[size])) --size;
  return size;
}

}  // namespace chat::wire
