// A packet that passes by in pieces, for the tests and fuzz targets of dialects.

#ifndef LIBCHAT_TESTING_WALK_H_
#define LIBCHAT_TESTING_WALK_H_

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/wire/packets.h"

namespace chat::testing {

// Hands `in` to a wire::Skip in pieces of at most `piece` bytes, each behind what it had left,
// until it has its answer. Leaves in `in` what the packet had not. Ends the process if the skip
// keeps back more than the beginning of a head.
template <class Skip>
wire::DecodeStatus Walk(Skip skip, absl::string_view& in, size_t piece) {
  std::string given;
  while (true) {
    const size_t n = std::min(piece, in.size());
    given.append(in.data(), n);
    in.remove_prefix(n);
    absl::string_view rest = given;
    const wire::DecodeStatus status = skip.Advance(rest);
    if (status != wire::DecodeStatus::kNeedMore || in.empty()) {
      in = absl::string_view(in.data() - rest.size(), in.size() + rest.size());
      return status;
    }
    given = std::string(rest);
    if (given.size() >= wire::kSizeBytes) std::abort();
  }
}

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_WALK_H_
