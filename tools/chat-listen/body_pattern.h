// --grep: which messages are wanted, by what is in them.

#ifndef TOOLS_CHAT_LISTEN_BODY_PATTERN_H_
#define TOOLS_CHAT_LISTEN_BODY_PATTERN_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

// A POSIX extended regular expression over UTF-8. Strangers write what it is matched against, so
// its cost has bounds: there are no back-references, whose time has none.
//
// Thread safety: a const BodyPattern may be used on one thread at a time.
class BodyPattern {
 public:
  static constexpr size_t kMaxPatternBytes = 1024;
  // What a body has beyond that is not looked at. No dialect has longer messages.
  static constexpr size_t kMaxSearchedBytes = 256 * 1024;

  // InvalidArgument says what is wrong, in the engine's words.
  static absl::StatusOr<BodyPattern> Compile(const std::string& pattern);

  // True if it is found anywhere in `body`, which may have any bytes in it.
  bool Matches(absl::string_view body) const;

 private:
  struct Compiled;
  explicit BodyPattern(std::shared_ptr<const Compiled> compiled);

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_BODY_PATTERN_H_
