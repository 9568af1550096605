// How chat-listen prints a message: kcat's letters, and JSON lines that chat-send reads back.

#ifndef TOOLS_COMMON_FORMAT_H_
#define TOOLS_COMMON_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat::tools {

// A moment as it is printed; made once a batch.
struct Moment {
  explicit Moment(absl::Time time);

  int64_t milliseconds;  // since 1970
  std::string iso;       // 2024-02-29T12:34:56.789Z
};

// One message. All views DIE WITH WHAT THEY WERE MADE FROM.
struct Message {
  const Moment* time = nullptr;
  absl::string_view kind;  // "public", "private", "file", "notice"
  absl::string_view dialect;
  absl::string_view from;  // empty if it is the server
  absl::string_view to;    // empty if public
  absl::string_view body;  // of a file: its name
  // Of a file, once it is here.
  absl::string_view path;
  std::optional<uint64_t> size;
};

// A compiled format.
//
//   %s body   %S its length in bytes   %q body, escaped   %f sender   %t target   %k kind
//   %p dialect   %T milliseconds since 1970   %I ISO time   %j JSON object   %%
//   \n \t \r \0 \\ \xNN
class Format {
 public:
  // What is printed as it came: everything that is not must not reach a terminal.
  enum class Raw {
    kBody,     // %s
    kNothing,  // %s is printed as %q
    kAll,      // %s, and the names too, which are escaped otherwise
  };

  // InvalidArgument names what it does not know.
  static absl::StatusOr<Format> Parse(absl::string_view spec);

  void Append(const Message& message, Raw raw, std::string* out) const;

  // The same with `ending` behind it.
  Format With(absl::string_view ending) const;

 private:
  struct Piece {
    char letter = 0;      // what stands behind '%'; 0: only the literal
    std::string literal;  // printed before it
  };

  std::vector<Piece> pieces_;
};

// The JSON object of `message`, on one line, with stable keys. It is safe to show on a terminal.
// `body_b64` stands in the place of `body` if that is not UTF-8.
void AppendJson(const Message& message, std::string* out);

// What chat-send needs of such an object.
struct ParsedMessage {
  std::string kind = "public";
  std::string to;
  std::string body;
};

// The inverse of AppendJson: one object with `body` or `body_b64`, and perhaps `kind` and `to`;
// other keys are left alone. InvalidArgument says what is wrong.
absl::StatusOr<ParsedMessage> ParseJson(absl::string_view line);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_FORMAT_H_
