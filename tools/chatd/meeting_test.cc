// Where dialects meet, with the real binaries: one server, a listener of each dialect, and somebody
// of each dialect who speaks to everyone and to each of them.

#include <signal.h>
#include <sys/stat.h>

#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"
#include "tools/testing/tools.h"

namespace chat::tools {
namespace {

using testing::ChatServer;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using testing::Runfile;
using testing::RunProcess;
using testing::TempDir;
using ::testing::UnorderedElementsAreArray;

constexpr int kReadyFd = 3;

// What comes of a private message.
enum class Outcome {
  kDelivered,
  kRefused,  // the sender is told
  kIgnored,  // the sender's protocol has no word for it
};

struct Cell {
  absl::string_view from;
  absl::string_view to;
  Outcome outcome;
};

// Private messages, as the users of chat-send and `chat-listen --allow '*'` see them.
constexpr Cell kPrivate[] = {
    {"chatos", "chatos", Outcome::kDelivered},     {"chatos", "chaton", Outcome::kDelivered},
    {"chatos", "chathack", Outcome::kRefused},     {"chatos", "cfp", Outcome::kDelivered},
    {"chatos", "crp", Outcome::kDelivered},        {"chaton", "chatos", Outcome::kDelivered},
    {"chaton", "chaton", Outcome::kDelivered},     {"chaton", "chathack", Outcome::kIgnored},
    {"chaton", "cfp", Outcome::kDelivered},        {"chaton", "crp", Outcome::kDelivered},
    {"chathack", "chatos", Outcome::kRefused},     {"chathack", "chaton", Outcome::kRefused},
    {"chathack", "chathack", Outcome::kDelivered}, {"chathack", "cfp", Outcome::kRefused},
    {"chathack", "crp", Outcome::kRefused},        {"cfp", "chatos", Outcome::kDelivered},
    {"cfp", "chaton", Outcome::kDelivered},        {"cfp", "chathack", Outcome::kRefused},
    {"cfp", "cfp", Outcome::kDelivered},           {"cfp", "crp", Outcome::kDelivered},
    {"crp", "chatos", Outcome::kDelivered},        {"crp", "chaton", Outcome::kDelivered},
    {"crp", "chathack", Outcome::kRefused},        {"crp", "cfp", Outcome::kDelivered},
    {"crp", "crp", Outcome::kDelivered},
};

std::string ListenerOf(absl::string_view dialect) { return absl::StrCat("l", dialect, "x"); }
std::string SenderOf(absl::string_view dialect) { return absl::StrCat("s", dialect, "x"); }

std::vector<std::string> ListenEverywhere() {
  std::vector<std::string> flags;
  for (const Dialect* dialect : AllDialects()) {
    flags.push_back(absl::StrCat("--listen=", dialect->name(), "://127.0.0.1:0"));
  }
  return flags;
}

class Meeting : public ::testing::Test {
 protected:
  Meeting()
      : server_(absl::StrCat(AllDialects()[0]->name(), "://127.0.0.1:0"), Others()),
        password_file_(directory_.Write("password", "secret1\n")) {
    ::chmod(password_file_.c_str(), 0600);
    for (size_t i = 0; i < AllDialects().size(); ++i) {
      urls_.emplace(AllDialects()[i]->name(), server_.urls().at(i));
    }
    for (const auto& [dialect, url] : urls_) {
      if (!FindDialect(dialect)->client_traits().registers) continue;
      for (const std::string& name : {ListenerOf(dialect), SenderOf(dialect)}) {
        const Result made = RunProcess(Command("chat-send", dialect, name, {"--register"}));
        EXPECT_EQ(made.exit_code, 0) << made.err;
      }
    }
    for (const auto& [dialect, url] : urls_) {
      ProcessOptions options;
      options.outputs = {kReadyFd};
      auto listener = std::make_unique<Process>(
          Command("chat-listen", dialect, ListenerOf(dialect), {"--allow=*", "--ready-fd=3"}),
          std::move(options));
      listener->WaitForLines(kReadyFd, 1);
      listeners_.emplace(dialect, std::move(listener));
    }
  }

  // The command line of a tool for the user `name`, who speaks `dialect`.
  std::vector<std::string> Command(absl::string_view tool, const std::string& dialect,
                                   const std::string& name, std::vector<std::string> arguments) {
    std::vector<std::string> argv = {Runfile(absl::StrCat("tools/", tool, "/", tool)), "-s",
                                     urls_.at(dialect), "-u", name};
    if (FindDialect(dialect)->client_traits().passwords == Passwords::kRequired) {
      argv.push_back("--password-file=" + password_file_);
    }
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  Result Send(absl::string_view from, std::vector<std::string> arguments) {
    const std::string dialect(from);
    return RunProcess(Command("chat-send", dialect, SenderOf(dialect), std::move(arguments)));
  }

  // `listener` prints this in the end, once; waits for it.
  void Expect(const std::string& listener, absl::string_view from, absl::string_view body) {
    const std::string line = absl::StrCat(SenderOf(from), "\t", body);
    expected_[listener].push_back(line);
    listeners_.at(listener)->WaitForText(1, absl::StrCat(line, "\n"));
  }

  // Nothing else was printed, and nothing twice.
  void ExpectNothingElse() {
    for (auto& [dialect, listener] : listeners_) {
      listener->Signal(SIGTERM);
      EXPECT_EQ(listener->Wait(), 143) << listener->Stderr();
      const std::vector<std::string> lines =
          absl::StrSplit(listener->Stdout(), '\n', absl::SkipEmpty());
      EXPECT_THAT(lines, UnorderedElementsAreArray(expected_[dialect])) << dialect;
    }
  }

 private:
  static std::vector<std::string> Others() {
    std::vector<std::string> flags = ListenEverywhere();
    flags.erase(flags.begin());
    return flags;
  }

  const TempDir directory_;
  ChatServer server_;
  const std::string password_file_;
  std::map<std::string, std::string> urls_;  // by dialect
  std::map<std::string, std::unique_ptr<Process>> listeners_;
  std::map<std::string, std::vector<std::string>> expected_;
};

TEST_F(Meeting, EverybodyHearsWhatIsSaidToEveryone) {
  for (const Dialect* from : AllDialects()) {
    const std::string name(from->name());
    const std::string body = absl::StrCat("hello from ", name);
    const Result sent = Send(name, {body});
    if (!from->client_traits().public_room) {
      EXPECT_EQ(sent.exit_code, 64) << name;
      continue;
    }
    EXPECT_EQ(sent.exit_code, 0) << name << ": " << sent.err;
    for (const Dialect* to : AllDialects()) {
      if (to->client_traits().public_room) Expect(std::string(to->name()), name, body);
    }
  }
  ExpectNothingElse();
}

TEST_F(Meeting, PrivateMessagesReachWhomTheyCan) {
  EXPECT_EQ(std::size(kPrivate), AllDialects().size() * AllDialects().size());
  for (const Cell& cell : kPrivate) {
    const std::string to(cell.to);
    const std::string body = absl::StrCat("psst from ", cell.from);
    const Result sent = Send(cell.from, {"-t", ListenerOf(to), body});
    SCOPED_TRACE(absl::StrCat(cell.from, " to ", cell.to, ": ", sent.err));
    switch (cell.outcome) {
      case Outcome::kDelivered:
        EXPECT_EQ(sent.exit_code, 0);
        Expect(to, cell.from, body);
        break;
      case Outcome::kRefused:
        // No such user, or not allowed: some protocols have one word for both.
        EXPECT_TRUE(sent.exit_code == 68 || sent.exit_code == 77) << sent.exit_code;
        break;
      case Outcome::kIgnored:
        EXPECT_EQ(sent.exit_code, 0);
        break;
    }
  }
  ExpectNothingElse();
}

// A relay is asked for only where it is known: to all others the request is as if nobody were
// there.
TEST_F(Meeting, TunnelsEndAtTheirOwnDialect) {
  for (const Dialect* from : AllDialects()) {
    for (const Dialect* to : AllDialects()) {
      const bool relays = from->client_traits().relays;
      if (relays && to->client_traits().relays) continue;  // chat-tunnel's tests
      const std::string name(from->name());
      const Result tunnel =
          RunProcess(Command("chat-tunnel", name, SenderOf(name),
                             {"-W", ListenerOf(to->name()), "--request-timeout=200ms"}));
      EXPECT_EQ(tunnel.exit_code, relays ? 68 : 64)
          << name << " to " << to->name() << ": " << tunnel.err;
    }
  }
  ExpectNothingElse();
}

}  // namespace
}  // namespace chat::tools
