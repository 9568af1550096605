// Reads the few fields that matter of a JSON object.

#ifndef TOOLS_COMMON_JSON_RECORD_H_
#define TOOLS_COMMON_JSON_RECORD_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

// A key that is absent, or null, has no value.
struct JsonRecord {
  std::optional<double> v;
  std::optional<std::string> kind;
  std::optional<std::string> to;
  bool to_is_null = false;  // the key is there, without a value
  std::optional<std::string> body;
  std::optional<std::string> body_b64;
};

// Reads `text`, one JSON object (RFC 8259), perhaps behind a byte order mark. What other keys hold
// is only checked for being JSON: numbers of any size, halves of surrogate pairs and any depth are
// good there. InvalidArgument says where `text` is no JSON, or which of the keys above has a value
// of the wrong type, or stands there twice.
absl::Status ReadJsonRecord(absl::string_view text, JsonRecord* record);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_JSON_RECORD_H_
