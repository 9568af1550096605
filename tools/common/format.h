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

// A moment as it is printed; one may serve a whole batch.
struct Moment {
  explicit Moment(absl::Time time) : milliseconds(absl::ToUnixMillis(time)) {}

  // 2024-02-29T12:34:56.789Z
  void AppendIso(std::string* out) const;

  int64_t milliseconds;  // since 1970
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
  enum class Kind {
    kPublic,
    kPrivate,
    kSkipped,  // "file", "tunnel_request", "notice": chat-listen reports it, and nobody can send it
  };

  Kind kind = Kind::kPublic;
  std::string to;    // of a private message; not empty
  std::string body;  // not of one that is skipped
};

// The inverse of AppendJson: one object with `body` or `body_b64`, and perhaps `v`, `kind` and
// `to`. Without `kind` it is private if it has `to`. Other keys are left alone, whatever JSON they
// hold. InvalidArgument says what is wrong: nothing that could be meant for one goes to everybody.
absl::StatusOr<ParsedMessage> ParseJson(absl::string_view line);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_FORMAT_H_
