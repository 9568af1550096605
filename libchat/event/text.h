// Text: what people say to each other. The type is the proof that it was checked at the door, so
// no text can be a packet in another dialect.

#ifndef LIBCHAT_EVENT_TEXT_H_
#define LIBCHAT_EVENT_TEXT_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "libchat/wire/utf8.h"

namespace chat {

// Valid UTF-8 (no overlong forms, no surrogates) without NUL. Does not own the bytes: DIES WITH
// THE BUFFER it was made from.
class Text {
 public:
  // The empty text.
  Text() = default;

  // Nothing if `bytes` is not text.
  static std::optional<Text> From(absl::string_view bytes) {
    if (!wire::IsText(bytes)) return std::nullopt;
    return Text(bytes);
  }

  absl::string_view bytes() const { return bytes_; }

  friend bool operator==(Text a, Text b) { return a.bytes_ == b.bytes_; }

 private:
  friend class OwnedText;
  explicit Text(absl::string_view bytes) : bytes_(bytes) {}

  absl::string_view bytes_;
};

// A Text that owns its bytes.
class OwnedText {
 public:
  OwnedText() = default;
  explicit OwnedText(Text text) : bytes_(text.bytes()) {}

  // DIES WITH THIS.
  Text text() const { return Text(bytes_); }
  absl::string_view bytes() const { return bytes_; }

  friend bool operator==(const OwnedText&, const OwnedText&) = default;

 private:
  std::string bytes_;
};

}  // namespace chat

#endif  // LIBCHAT_EVENT_TEXT_H_
