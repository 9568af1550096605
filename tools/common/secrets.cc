#include "tools/common/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace chat::tools {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Bad(absl::string_view where, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(where, ": ", what));
}

// `bytes` as a password, without the newline behind it.
absl::StatusOr<Secret> Checked(absl::string_view bytes, absl::string_view where) {
  absl::ConsumeSuffix(&bytes, "\n");
  if (bytes.empty()) return Bad(where, "the password is empty");
  if (bytes.size() > kMaxPasswordBytes) {
    return Bad(where, absl::StrCat("a password has at most ", kMaxPasswordBytes, " bytes"));
  }
  return Secret(bytes);
}

// Reads up to the end of the input, or of the line if `line`, but no more than can be right.
absl::StatusOr<Secret> ReadSecret(int fd, bool line, absl::string_view where) {
  std::array<char, kMaxPasswordBytes + 2> buffer;  // and a newline, and one that is too many
  size_t size = 0;
  ssize_t n = 1;
  while (n != 0 && size < buffer.size() && !(line && size > 0 && buffer[size - 1] == '\n')) {
    n = ::read(fd, buffer.data() + size, buffer.size() - size);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) size += static_cast<size_t>(n);
  }
  const int error = errno;
  absl::StatusOr<Secret> secret =
      n < 0 ? Bad(where, strerror(error)) : Checked({buffer.data(), size}, where);
  ::explicit_bzero(buffer.data(), buffer.size());
  return secret;
}

absl::StatusOr<Secret> ReadFile(const std::string& path, bool guarded) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat found;
  if (file.get() < 0 || ::fstat(file.get(), &found) != 0) {
    return absl::NotFoundError(absl::StrCat(path, ": ", strerror(errno)));
  }
  if (guarded && S_ISREG(found.st_mode) && (found.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    return Bad(path, "other users can read this password file: chmod 600 it");
  }
  return ReadSecret(file.get(), /*line=*/false, path);
}

// What systemd's LoadCredential= has brought; nothing if it has not.
absl::StatusOr<std::optional<Secret>> FromCredentials(const Surroundings& surroundings) {
  const char* directory = surroundings.getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') return std::nullopt;
  // systemd guards the directory; the files' modes say nothing.
  absl::StatusOr<Secret> secret =
      ReadFile(absl::StrCat(directory, "/chat-password"), /*guarded=*/false);
  if (absl::IsNotFound(secret.status())) return std::nullopt;
  return secret;
}

absl::StatusOr<std::optional<Secret>> FromEnvironment(const Surroundings& surroundings) {
  const char* value = surroundings.getenv("CHAT_PASSWORD");
  if (value == nullptr || *value == '\0') return std::nullopt;
  return Checked(value, "CHAT_PASSWORD");
}

// Holds back the signals that would end the process with the terminal's echo off; those that came
// are delivered when it ends.
class HeldSignals {
 public:
  HeldSignals() {
    ::sigemptyset(&set_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) ::sigaddset(&set_, signal);
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
    ::sigdelset(&set_, SIGTSTP);
  }
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  // Those that end a prompt.
  const sigset_t& ending() const { return set_; }

 private:
  sigset_t set_;
  sigset_t before_;
};

class EchoOff {
 public:
  explicit EchoOff(int tty) : tty_(tty) {
    if (::tcgetattr(tty_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    off_ = ::tcsetattr(tty_, TCSAFLUSH, &quiet) == 0;
  }
  ~EchoOff() {
    if (off_) ::tcsetattr(tty_, TCSAFLUSH, &before_);
  }
  bool off() const { return off_; }

 private:
  const int tty_;
  termios before_;
  bool off_ = false;
};

void Say(int tty, absl::string_view text) {
  // A terminal that does not take it does not answer either.
  (void)!::write(tty, text.data(), text.size());
}

absl::StatusOr<Secret> Ask(int tty, const HeldSignals& signals, absl::string_view question) {
  const Descriptor signal(::signalfd(-1, &signals.ending(), SFD_CLOEXEC));
  Say(tty, question);
  pollfd ready[2] = {{tty, POLLIN, 0}, {signal.get(), POLLIN, 0}};
  while (::poll(ready, 2, -1) < 0 && errno == EINTR) {
  }
  const bool interrupted = (ready[1].revents & POLLIN) != 0;
  Say(tty, "\n");
  if (interrupted) return absl::CancelledError("interrupted");
  return ReadSecret(tty, /*line=*/true, "the terminal");
}

absl::StatusOr<Secret> Prompt(const PasswordWish& wish) {
  const Descriptor tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (tty.get() < 0) return Bad("/dev/tty", "no terminal to ask for the password on");
  const HeldSignals signals;
  const EchoOff quiet(tty.get());
  if (!quiet.off()) return Bad("/dev/tty", "its echo cannot be turned off");
  absl::StatusOr<Secret> secret =
      Ask(tty.get(), signals, absl::StrCat("Password of ", wish.whose, ": "));
  if (!secret.ok() || !wish.is_new) return secret;
  const absl::StatusOr<Secret> again = Ask(tty.get(), signals, "The same again: ");
  if (again.ok() && again->bytes() != secret->bytes()) {
    return Bad("the terminal", "these were two different passwords");
  }
  return again;
}

}  // namespace

Secret& Secret::operator=(const Secret& other) {
  if (this == &other) return *this;
  Wipe();
  bytes_ = other.bytes_;
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() { ::explicit_bzero(bytes_.data(), bytes_.size()); }

void AddPasswordFlags(Settings& settings, PasswordFlags* flags) {
  settings.Text("--password-file", "PATH",
                "Log in to an account with the password in PATH (also /dev/fd/N). Without it: "
                "$CREDENTIALS_DIRECTORY/chat-password, CHAT_PASSWORD, or a prompt",
                &flags->file);
  settings.Flag("--ask-password", "Ask for the password on the terminal if it is nowhere else",
                &flags->ask);
}

absl::StatusOr<std::optional<Secret>> FindPassword(const Settings& settings,
                                                   const PasswordFlags& flags,
                                                   const PasswordWish& wish,
                                                   const Surroundings& surroundings) {
  const Passwords passwords = wish.dialect->client_traits().passwords;
  if (passwords == Passwords::kNever) {
    for (const char* flag : {"password-file", "ask-password"}) {
      if (!settings.GivenAsFlag(flag)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, ": ", wish.dialect->name(), " has no passwords"));
    }
    return std::nullopt;
  }
  if (flags.file.has_value()) return ReadFile(*flags.file, /*guarded=*/true);
  absl::StatusOr<std::optional<Secret>> found = FromCredentials(surroundings);
  if (found.ok() && !found->has_value()) found = FromEnvironment(surroundings);
  if (!found.ok() || found->has_value()) return found;
  const bool required = passwords == Passwords::kRequired || wish.is_new;
  if (flags.ask || (required && ::isatty(STDIN_FILENO) != 0)) return Prompt(wish);
  if (!required) return std::nullopt;
  return absl::InvalidArgumentError(
      absl::StrCat(wish.dialect->name(),
                   " takes a password: --password-file PATH, CHAT_PASSWORD or --ask-password"));
}

absl::StatusOr<Secret> NewPassword(int input, absl::string_view whose) {
  if (::isatty(input) != 0) return Prompt({nullptr, std::string(whose), /*is_new=*/true});
  absl::StatusOr<Secret> secret = ReadSecret(input, /*line=*/false, "standard input");
  if (secret.ok() && absl::StrContains(secret->bytes(), '\n')) {
    return Bad("standard input", "the password is more than one line");
  }
  return secret;
}

ExitCode ExitCodeForPassword(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNoInput;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitBadConfig;
  }
}

}  // namespace chat::tools
