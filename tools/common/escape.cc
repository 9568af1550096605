#include "tools/common/escape.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/str_format.h"
#include "libchat/wire/utf8.h"

namespace chat::tools {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

// A high bit is set in the result if a byte of `word` is 0. (One above such a byte may be set
// too, so the result says only whether there is one.)
uint64_t ZeroBytes(uint64_t word) { return (word - kOnes) & ~word & kHighBits; }

template <bool kQuotesToo>
bool IsPlain(unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '\\' && (!kQuotesToo || c != '"');
}

template <bool kQuotesToo>
bool ArePlain(uint64_t word) {
  uint64_t special = (word - kOnes * 0x20) & ~word & kHighBits;  // below a space
  special |= word & kHighBits;
  special |= ZeroBytes(word ^ (kOnes * '\\')) | ZeroBytes(word ^ (kOnes * 0x7F));
  if (kQuotesToo) special |= ZeroBytes(word ^ (kOnes * '"'));
  return special == 0;
}

bool Continues(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The size of the character of several bytes at `at`, of which `left` are there. 0 if it is none,
// or is unsafe, or needs a closer look to say.
size_t SafeCharacter(const unsigned char* at, size_t left) {
  const unsigned char lead = at[0];
  if (lead >= 0xC3 && lead <= 0xDF && lead != 0xD8) {
    return left >= 2 && Continues(at[1]) ? 2 : 0;
  }
  if (lead > 0xE0 && lead <= 0xEF && lead != 0xED) {
    if (left < 3 || !Continues(at[1]) || !Continues(at[2])) return 0;
    return lead == 0xE2 && at[1] < 0x82 ? 0 : 3;  // U+2000 to U+207F
  }
  if (lead < 0xF0 || lead > 0xF3 || left < 4) return 0;
  if (lead == 0xF0 && at[1] < 0x90) return 0;
  return Continues(at[1]) && Continues(at[2]) && Continues(at[3]) ? 4 : 0;
}

template <bool kQuotesToo>
size_t PrefixOf(absl::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t at = 0;
  size_t plain = 0;  // so many in a row
  while (at < bytes.size()) {
    uint64_t word;
    if (plain >= sizeof(word) && bytes.size() - at >= sizeof(word)) {
      std::memcpy(&word, data + at, sizeof(word));
      if (ArePlain<kQuotesToo>(word)) {
        at += sizeof(word);
        continue;
      }
      plain = 0;
    }
    if (IsPlain<kQuotesToo>(data[at])) {
      ++at;
      ++plain;
      continue;
    }
    const size_t size = data[at] < 0x80 ? 0 : SafeCharacter(data + at, bytes.size() - at);
    if (size == 0) break;
    at += size;
    plain = 0;
  }
  return at;
}

void AppendByte(unsigned char byte, std::string* out) {
  switch (byte) {
    case '\n':
      *out += "\\n";
      break;
    case '\t':
      *out += "\\t";
      break;
    case '\r':
      *out += "\\r";
      break;
    case '\\':
      *out += "\\\\";
      break;
    default:
      absl::StrAppendFormat(out, "\\x%02x", byte);
  }
}

}  // namespace

bool IsUnsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||                       // C0, DEL, C1
         c == 0x061C || c == 0x200E || c == 0x200F ||                  // directional marks
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069)  // embeddings, isolates
         || c == 0x2028 || c == 0x2029;                                // separators
}

size_t SafePrefix(absl::string_view bytes, bool quotes_too) {
  return quotes_too ? PrefixOf<true>(bytes) : PrefixOf<false>(bytes);
}

void AppendEscaped(absl::string_view bytes, std::string* out) {
  size_t done = 0;  // what is before it has been appended
  size_t at = 0;
  while ((at += SafePrefix(bytes.substr(at), /*quotes_too=*/false)) < bytes.size()) {
    char32_t c = 0;
    const bool is_ascii = static_cast<unsigned char>(bytes[at]) < 0x80;
    const size_t size = is_ascii ? 1 : wire::DecodeOne(bytes.substr(at), &c);
    if (size > 1 && !IsUnsafe(c)) {
      at += size;
      continue;
    }
    out->append(bytes.data() + done, at - done);
    if (size > 1) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      AppendByte(bytes[at], out);
    }
    at += size > 1 ? size : 1;
    done = at;
  }
  out->append(bytes.data() + done, at - done);
}

std::string Escape(absl::string_view bytes) {
  std::string escaped;
  AppendEscaped(bytes, &escaped);
  return escaped;
}

}  // namespace chat::tools
