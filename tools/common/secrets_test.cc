#include "tools/common/secrets.h"

#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Nothing but a need for passwords.
class Needy final : public Dialect {
 public:
  explicit Needy(Passwords passwords) : passwords_(passwords) {}
  absl::string_view name() const override { return "needy"; }
  std::vector<DefaultListener> default_listeners() const override { return {}; }
  absl::Status CheckOptions(const DialectOptions&) const override { return absl::OkStatus(); }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost&) const override {
    return nullptr;
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost&) const override {
    return nullptr;
  }
  ClientTraits client_traits() const override {
    ClientTraits traits;
    traits.passwords = passwords_;
    return traits;
  }
  bool answers(RequestKind) const override { return false; }
  void EncodePublic(const PublicMessage&, wire::Writer&) const override {}

 private:
  const Passwords passwords_;
};

using Environment = std::map<std::string, std::string>;

// What a tool with these flags and this environment finds.
absl::StatusOr<std::optional<Secret>> Find(Passwords passwords,
                                           const std::vector<std::string>& arguments,
                                           const Environment& environment = {},
                                           bool is_new = false) {
  Settings settings("tool", "", "");
  PasswordFlags flags;
  AddPasswordFlags(settings, &flags);
  std::vector<const char*> argv = {"tool"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  const auto getenv = [&](const char* name) -> const char* {
    const auto value = environment.find(name);
    return value == environment.end() ? nullptr : value->second.c_str();
  };
  const Surroundings surroundings{getenv, out, out};
  EXPECT_EQ(settings.Parse(static_cast<int>(argv.size()), argv.data(), surroundings), std::nullopt)
      << out.str();
  const Needy dialect(passwords);
  return FindPassword(settings, flags, {&dialect, "ann", is_new}, surroundings);
}

// The password that is found, or why there is none.
std::string Found(Passwords passwords, const std::vector<std::string>& arguments,
                  const Environment& environment = {}) {
  const absl::StatusOr<std::optional<Secret>> found = Find(passwords, arguments, environment);
  if (!found.ok()) return absl::StrCat("error: ", found.status().message());
  return found->has_value() ? std::string((*found)->bytes()) : "nothing";
}

class SecretsTest : public ::testing::Test {
 protected:
  // A file for this user alone.
  std::string File(absl::string_view name, absl::string_view bytes, mode_t mode = 0600) {
    const std::string path = directory_.Write(name, bytes);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }

  testing::TempDir directory_;
};

TEST_F(SecretsTest, LooksInTheOrderThatItSays) {
  const std::string file = File("file", "from file\n");
  File("chat-password", "from credentials\n");
  const Environment both = {{"CREDENTIALS_DIRECTORY", directory_.path()},
                            {"CHAT_PASSWORD", "from environment"}};
  EXPECT_EQ(Found(Passwords::kRequired, {"--password-file", file}, both), "from file");
  EXPECT_EQ(Found(Passwords::kRequired, {}, both), "from credentials");
  EXPECT_EQ(
      Found(Passwords::kRequired, {},
            {{"CREDENTIALS_DIRECTORY", "/nonexistent"}, {"CHAT_PASSWORD", "from environment"}}),
      "from environment");
  EXPECT_EQ(Found(Passwords::kOptional, {}, both), "from credentials");
  EXPECT_EQ(Found(Passwords::kOptional, {}), "nothing");
}

TEST_F(SecretsTest, TakesOffOneNewline) {
  EXPECT_EQ(Found(Passwords::kRequired, {"--password-file", File("a", "pass word\n\n")}),
            "pass word\n");
  EXPECT_EQ(Found(Passwords::kRequired, {"--password-file", File("b", "pass")}), "pass");
}

TEST_F(SecretsTest, ReadsADescriptor) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "piped\n", 6), 6);
  ::close(ends[1]);
  EXPECT_EQ(Found(Passwords::kRequired, {"--password-file", absl::StrCat("/dev/fd/", ends[0])}),
            "piped");
  ::close(ends[0]);
}

TEST_F(SecretsTest, RefusesAFileThatOthersCanRead) {
  for (mode_t mode : {0640, 0604, 0644}) {
    const absl::Status status =
        Find(Passwords::kRequired, {"--password-file", File("file", "secret\n", mode)}).status();
    EXPECT_EQ(ExitCodeForPassword(status), kExitBadConfig);
    EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  }
}

TEST_F(SecretsTest, NamesTheLimit) {
  const std::string most(128, 'p');
  EXPECT_EQ(Found(Passwords::kRequired, {"--password-file", File("most", most + "\n")}), most);
  for (const std::string& bytes : {most + "p", most + "p\n", most + "\n\n", most + most + most}) {
    EXPECT_THAT(Found(Passwords::kRequired, {"--password-file", File("long", bytes)}),
                HasSubstr("at most 128 bytes"));
  }
  EXPECT_THAT(Found(Passwords::kRequired, {}, {{"CHAT_PASSWORD", most + "p"}}),
              HasSubstr("CHAT_PASSWORD: a password has at most 128 bytes"));
  for (const char* bytes : {"", "\n"}) {
    EXPECT_THAT(Found(Passwords::kRequired, {"--password-file", File("empty", bytes)}),
                HasSubstr("the password is empty"));
  }
}

TEST_F(SecretsTest, SaysWhatCannotBeOpened) {
  const absl::Status status =
      Find(Passwords::kOptional, {"--password-file", "/nonexistent"}).status();
  EXPECT_EQ(ExitCodeForPassword(status), kExitNoInput);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent: No such file"));
  EXPECT_EQ(ExitCodeForPassword(Find(Passwords::kOptional, {"--password-file", "/"}).status()),
            kExitBadConfig);
}

TEST_F(SecretsTest, ADialectWithoutPasswordsTakesNone) {
  const Environment environment = {{"CHAT_PASSWORD", "secret"},
                                   {"CHAT_PASSWORD_FILE", "/nonexistent"}};
  EXPECT_EQ(Found(Passwords::kNever, {}, environment), "nothing");
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--password-file", "/nonexistent"},
        std::vector<std::string>{"--ask-password"}}) {
    const absl::Status status = Find(Passwords::kNever, flags).status();
    EXPECT_EQ(ExitCodeForPassword(status), kExitUsage);
    EXPECT_THAT(std::string(status.message()), HasSubstr("needy has no passwords"));
  }
}

// A child process with a terminal of its own, where it looks for a password; what it finds is told
// through a pipe.
class Asked {
 public:
  explicit Asked(bool is_new) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (child_ == 0) {
      const absl::StatusOr<std::optional<Secret>> found =
          Find(Passwords::kOptional, {"--ask-password"}, {}, is_new);
      const std::string told =
          found.ok() ? std::string((**found).bytes()) : std::string(found.status().message());
      ::_exit(::write(ends[1], told.data(), told.size()) < 0 ? 1 : 0);
    }
    EXPECT_GT(child_, 0);
    ::close(ends[1]);
    told_ = ends[0];
  }
  ~Asked() {
    ::close(told_);
    ::close(terminal_);
  }

  void AwaitQuestion(absl::string_view question) {
    while (shown_.find(std::string(question)) == std::string::npos && Read(terminal_, &shown_)) {
    }
    EXPECT_THAT(shown_, HasSubstr(std::string(question)));
  }
  void Type(absl::string_view keys) {
    EXPECT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // What the child said at its end.
  std::string Told() {
    std::string told;
    while (Read(told_, &told)) {
    }
    while (Read(terminal_, &shown_)) {
    }
    EXPECT_EQ(::waitpid(child_, &status_, 0), child_);
    return told;
  }
  const std::string& shown() const { return shown_; }
  int status() const { return status_; }

 private:
  static bool Read(int fd, std::string* bytes) {
    char buffer[256];
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n > 0) bytes->append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  pid_t child_ = -1;
  int terminal_ = -1;
  int told_ = -1;
  int status_ = 0;
  std::string shown_;
};

TEST(Prompt, AsksWithoutEcho) {
  Asked asked(/*is_new=*/false);
  asked.AwaitQuestion("Password of ann: ");
  asked.Type("top secret\n");
  EXPECT_EQ(asked.Told(), "top secret");
  EXPECT_EQ(asked.status(), 0);
  EXPECT_THAT(asked.shown(), Not(HasSubstr("secret")));
}

TEST(Prompt, AsksTwiceForANewOne) {
  Asked asked(/*is_new=*/true);
  asked.AwaitQuestion("Password of ann: ");
  asked.Type("top secret\n");
  asked.AwaitQuestion("The same again: ");
  asked.Type("top sceret\n");
  EXPECT_THAT(asked.Told(), HasSubstr("two different passwords"));
}

TEST(Prompt, EndsWithAnInterrupt) {
  Asked asked(/*is_new=*/false);
  asked.AwaitQuestion("Password of ann: ");
  asked.Type("half\x03");
  EXPECT_EQ(asked.Told(), "");
  EXPECT_TRUE(WIFSIGNALED(asked.status()));
  EXPECT_EQ(WTERMSIG(asked.status()), SIGINT);
}

}  // namespace
}  // namespace chat::tools
