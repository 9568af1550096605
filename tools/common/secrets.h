// Passwords: where a tool finds one, and a place to keep it. They are never an argument, and never
// in a message.

#ifndef TOOLS_COMMON_SECRETS_H_
#define TOOLS_COMMON_SECRETS_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/dialect.h"
#include "tools/common/exit_codes.h"
#include "tools/common/settings.h"

namespace chat::tools {

// No server takes a longer one (limits.hashing).
inline constexpr size_t kMaxPasswordBytes = 128;

// Bytes that are overwritten when it ends. A copy is a secret of its own.
class Secret {
 public:
  Secret() = default;
  explicit Secret(absl::string_view bytes) : bytes_(bytes) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  ~Secret();

  absl::string_view bytes() const { return bytes_; }

 private:
  void Wipe();

  std::string bytes_;
};

struct PasswordFlags {
  std::optional<std::string> file;
  bool ask = false;
};

// Declares --password-file and --ask-password.
void AddPasswordFlags(Settings& settings, PasswordFlags* flags);

// What FindPassword has to know.
struct PasswordWish {
  const Dialect* dialect = nullptr;
  std::string whose;    // "ann on crp://..."; for the prompt
  bool is_new = false;  // of an account to be made: it is needed, and a prompt asks for it twice
};

// Looks for a password in this order: --password-file (the setting), the file chat-password in
// $CREDENTIALS_DIRECTORY, CHAT_PASSWORD, and a prompt on the terminal without echo: with
// --ask-password, or when the dialect requires a password and standard input is a terminal, too. A
// trailing newline is not part of it. Nothing if there is none and none is needed. A dialect
// without passwords takes none from the surroundings, and a flag for one is an error.
//
//   kInvalidArgument     a flag that the dialect has no use for; or there is no password
//   kNotFound            the file cannot be opened
//   kFailedPrecondition  others can read the file; what is in it is empty or too long; no terminal
//   kCancelled           interrupted at the prompt
// Call it after Settings::Parse.
absl::StatusOr<std::optional<Secret>> FindPassword(const Settings& settings,
                                                   const PasswordFlags& flags,
                                                   const PasswordWish& wish,
                                                   const Surroundings& surroundings);

// A new password for `whose`, from `input`: asked for twice if that is a terminal; else its one
// line. Errors are kFailedPrecondition and kCancelled, as above. Call it while there is one thread.
absl::StatusOr<Secret> NewPassword(int input, absl::string_view whose);

// What a tool exits with after such an error. A file that others can read is a bad configuration of
// this machine (78), and not a refusal of the server (77).
ExitCode ExitCodeForPassword(const absl::Status& status);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_SECRETS_H_
