// A password on its way to being hashed.

#ifndef LIBCHAT_ACCOUNTS_PASSWORD_H_
#define LIBCHAT_ACCOUNTS_PASSWORD_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"

namespace chat {

// 1 to kMaxBytes bytes, wiped from memory when it is destroyed. It can be moved, never copied.
class Password {
 public:
  static constexpr size_t kMaxBytes = 128;

  // A copy of `bytes`; nothing if there are none, or too many.
  static std::optional<Password> From(absl::string_view bytes);

  // DIES WITH THIS.
  absl::string_view bytes() const { return {bytes_.get(), bytes_.get_deleter().size}; }

 private:
  struct Wipe {
    size_t size = 0;
    void operator()(char* bytes) const;
  };

  explicit Password(absl::string_view bytes);

  std::unique_ptr<char[], Wipe> bytes_;
};

}  // namespace chat

#endif  // LIBCHAT_ACCOUNTS_PASSWORD_H_
