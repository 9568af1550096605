// Cuts standard input into messages.

#ifndef TOOLS_COMMON_FRAMING_H_
#define TOOLS_COMMON_FRAMING_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace chat::tools {

// Fed with bytes as they come, yields the messages between delimiters. Only the delimiter is taken
// off; two delimiters in a row have an empty message between them; what follows the last delimiter
// is a message unless it is empty. Without a delimiter, everything is one message, empty or not.
//
//   splitter.Append(bytes);
//   while (std::optional<absl::string_view> message = splitter.Next()) ...
//   ... at the end of the input:
//   splitter.End();
//   if (std::optional<absl::string_view> last = splitter.Next()) ...
//
// Thread safety: none. No byte is looked at twice (of a long delimiter, its last bytes).
class Splitter {
 public:
  // The longest message that is kept, in bytes.
  static constexpr size_t kMaxMessage = 16 * 1024 * 1024;

  // An empty `delimiter`: everything is one message.
  explicit Splitter(std::string delimiter) : delimiter_(std::move(delimiter)) {}

  void Append(absl::string_view bytes);
  // Nothing comes any more.
  void End() { ended_ = true; }

  // The next message, or nothing if there is none yet. It DIES AT THE NEXT APPEND.
  std::optional<absl::string_view> Next();

  // True if what Next has not yielded yet is longer than kMaxMessage: give up.
  bool overflowed() const { return bytes_.size() - begin_ > kMaxMessage; }

 private:
  const std::string delimiter_;
  std::string bytes_;
  size_t begin_ = 0;    // what is before it was yielded
  size_t scanned_ = 0;  // no delimiter begins between begin_ and it
  bool ended_ = false;
  bool done_ = false;  // the last message was yielded
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_FRAMING_H_
