// Compares utf8.h with its slow reference on any bytes, at any alignment.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/wire/utf8.h"
#include "libchat/wire/utf8_reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chat::wire;
  const std::string bytes(data, data + size);
  for (size_t skip = 0; skip <= size && skip < 9; ++skip) {
    const absl::string_view tail = absl::string_view(bytes).substr(skip);
    if (IsValidUtf8(tail) != ReferenceIsValid(tail)) std::abort();
    if (IsText(tail) != ReferenceIsText(tail)) std::abort();

    char32_t actual = 0;
    char32_t expected = 0;
    if (DecodeOne(tail, &actual) != ReferenceDecode(tail, &expected)) std::abort();
    if (actual != expected) std::abort();

    const size_t prefix = Utf8Prefix(tail, size / 2);
    if (prefix > size / 2 || prefix > tail.size()) std::abort();
    if (IsValidUtf8(tail) && !IsValidUtf8(tail.substr(0, prefix))) std::abort();
  }
  return 0;
}
