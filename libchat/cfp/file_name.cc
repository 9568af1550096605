#include "libchat/cfp/file_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/utf8.h"

namespace chat::cfp {
namespace {

constexpr absl::string_view kMark = ";size=";

// Only the form that WireFileName writes: neither "+5" nor "05".
bool ParseSize(absl::string_view digits, int64_t* size) {
  return !digits.empty() && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         (digits[0] != '0' || digits == "0") && absl::SimpleAtoi(digits, size);
}

}  // namespace

int32_t ChunksOf(int64_t size) {
  constexpr int64_t kBytes = kChunkBytes;
  return static_cast<int32_t>(std::max<int64_t>(1, size / kBytes + (size % kBytes != 0)));
}

std::string WireFileName(absl::string_view name, int64_t size) {
  const NamedFile unmarked = ParseWireFileName(name, ChunksOf(size));
  // Also where the name itself ends like a mark, so that it is not taken for one.
  if (unmarked.name == name && unmarked.size == size) return std::string(name);
  return absl::StrCat(name, kMark, size);
}

NamedFile ParseWireFileName(absl::string_view wire_name, int32_t chunks) {
  const size_t mark = wire_name.rfind(kMark);
  int64_t size = 0;
  if (mark != absl::string_view::npos && ParseSize(wire_name.substr(mark + kMark.size()), &size) &&
      size <= kMaxFileBytes && ChunksOf(size) == chunks) {
    return {wire_name.substr(0, mark), size};
  }
  return {wire_name, static_cast<int64_t>(chunks) * static_cast<int64_t>(kChunkBytes)};
}

bool IsFile(absl::string_view wire_name, int32_t chunks) {
  return chunks > 0 && wire::IsText(wire_name) &&
         ParseWireFileName(wire_name, chunks).name.size() <= kMaxPlainNameBytes;
}

}  // namespace chat::cfp
