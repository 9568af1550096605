#include "libchat/event/user.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/utf8.h"

namespace chat {
namespace {

struct CodePoints {
  char32_t first;
  char32_t last;
};

// What no name may hold: '@', and Unicode's control (Cc), format (Cf) and separator (Zs, Zl, Zp)
// characters, in ascending order.
constexpr CodePoints kRefused[] = {
    {0x0000, 0x0020},    // Cc, and the space
    {0x0040, 0x0040},    // '@'
    {0x007F, 0x00A0},    // Cc, and the no-break space
    {0x00AD, 0x00AD},    // soft hyphen
    {0x0600, 0x0605},    // Arabic number signs
    {0x061C, 0x061C},    // Arabic letter mark
    {0x06DD, 0x06DD},    // Arabic end of ayah
    {0x070F, 0x070F},    // Syriac abbreviation mark
    {0x0890, 0x0891},    // Arabic currency marks
    {0x08E2, 0x08E2},    // Arabic disputed end of ayah
    {0x1680, 0x1680},    // Ogham space
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x2000, 0x200F},    // spaces, zero-width characters, direction marks
    {0x2028, 0x202F},    // line and paragraph separator, bidirectional embeddings and overrides
    {0x205F, 0x206F},    // mathematical space, invisible operators, bidirectional isolates
    {0x3000, 0x3000},    // ideographic space
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFF9, 0xFFFB},    // interlinear annotation
    {0x110BD, 0x110BD},  // Kaithi number signs
    {0x110CD, 0x110CD}, {0x13430, 0x1343F},  // Egyptian hieroglyph format controls
    {0x1BCA0, 0x1BCA3},                      // shorthand format controls
    {0x1D173, 0x1D17A},                      // musical format controls
    {0xE0000, 0xE007F},                      // tags
};

bool IsRefused(char32_t c) {
  const CodePoints* range =
      std::lower_bound(std::begin(kRefused), std::end(kRefused), c,
                       [](const CodePoints& range, char32_t c) { return range.last < c; });
  return range != std::end(kRefused) && range->first <= c;
}

}  // namespace

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || !wire::IsText(name)) return false;
  while (!name.empty()) {
    char32_t c = 0;
    name.remove_prefix(wire::DecodeOne(name, &c));
    if (IsRefused(c)) return false;
  }
  return true;
}

std::string Display(UserRef user) {
  if (user.server == 0) return std::string(user.name);
  return absl::StrCat(user.name, "@", user.server);
}

UserRef ParseUser(absl::string_view shown) {
  const size_t at = shown.rfind('@');
  if (at == absl::string_view::npos) return {shown, 0};
  const absl::string_view id = shown.substr(at + 1);
  int32_t server = 0;
  // Only the form that Display writes: "@07", "@+7" and "@7 " are no server.
  const bool written_so =
      !id.empty() && id[0] != '0' && std::all_of(id.begin(), id.end(), absl::ascii_isdigit);
  if (!written_so || !absl::SimpleAtoi(id, &server)) return {shown, 0};
  return {shown.substr(0, at), server};
}

std::string ToAscii(absl::string_view text) {
  std::string ascii;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) ascii.push_back(c);
    if (byte >= 0xC0) ascii.push_back('?');  // once, for what the first byte begins
  }
  return ascii;
}

}  // namespace chat
