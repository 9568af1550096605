// Every way to cut a byte stream.

#ifndef LIBCHAT_TESTING_SEGMENTS_H_
#define LIBCHAT_TESTING_SEGMENTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/server_session.h"

namespace chat::testing {

using Segments = std::vector<std::string>;

// In one piece; an empty stream has none.
Segments Whole(absl::string_view bytes);
// One byte a piece.
Segments ByteByByte(absl::string_view bytes);
// Two pieces, the first of `at` bytes.
Segments CutAt(absl::string_view bytes, size_t at);
// Pieces of random sizes, small ones more often.
Segments Random(absl::string_view bytes, std::mt19937& random);

// Whole, byte by byte, at each single cut, and `random_cuts` random ways (from a fixed seed).
std::vector<Segments> EveryWay(absl::string_view bytes, int random_cuts);

// Plays the part of a connection: hands `segment` to a session behind what it had not consumed.
class Feeder {
 public:
  using OnBytes = std::function<Step(absl::string_view)>;

  explicit Feeder(OnBytes on_bytes) : on_bytes_(std::move(on_bytes)) {}

  // Gives the session everything that has come, in memory of exactly that size, so that a sanitizer
  // sees it read beyond. Gives it nothing after it has said something other than kMore.
  Next Feed(absl::string_view segment);

  // After kPause: gives the session what has come meanwhile.
  Next Resume();

  // What the session has not consumed.
  const std::string& rest() const { return rest_; }
  Next next() const { return next_; }

 private:
  OnBytes on_bytes_;
  std::string rest_;
  Next next_ = Next::kMore;
};

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_SEGMENTS_H_
