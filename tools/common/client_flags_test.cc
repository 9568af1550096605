#include "tools/common/client_flags.h"

#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "asio/io_context.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/client.h"
#include "libchat/client/scripted_server.h"
#include "libchat/client/toy_dialect.h"

namespace chat::tools {
namespace {

using client::Await;
using client::GetLine;
using client::Put;
using client::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The account that these flags and this environment lead to. *exit_code: what the tool ends with
// before it connects.
absl::StatusOr<Account> Choose(std::vector<const char*> flags,
                               std::map<std::string, std::string> environment,
                               absl::string_view suffix = "-listen",
                               std::optional<ExitCode>* exit_code = nullptr,
                               std::string* said = nullptr) {
  Settings settings("tool", "", "");
  ClientFlags values;
  AddClientFlags(settings, &values, "toy");
  AddTlsFlags(settings, &values);
  flags.insert(flags.begin(), "tool");
  std::ostringstream out;
  const auto getenv = [&](const char* name) -> const char* {
    const auto value = environment.find(name);
    return value == environment.end() ? nullptr : value->second.c_str();
  };
  const Surroundings surroundings{getenv, out, out};
  EXPECT_EQ(settings.Parse(flags.size(), flags.data(), surroundings), std::nullopt) << out.str();
  absl::StatusOr<Account> account = ChooseAccount(settings, values, client::Toys(), suffix);
  if (exit_code != nullptr && account.ok()) {
    Diagnostics diagnostics("tool", out);
    *exit_code =
        ChoosePassword(settings, values, /*is_new=*/false, surroundings, diagnostics, &*account);
  }
  if (said != nullptr) *said = out.str();
  return account;
}

TEST(ChooseAccount, TakesTheNameThatWasAskedFor) {
  const absl::StatusOr<Account> flag =
      Choose({"-u", "flag", "-s", "toy://url@h"}, {{"CHAT_USER", "environment"}});
  EXPECT_EQ(flag->login.name, "flag");
  EXPECT_TRUE(flag->login.asked_for);

  const absl::StatusOr<Account> url = Choose({"-s", "toy://url@h"}, {{"CHAT_USER", "environment"}});
  EXPECT_EQ(url->login.name, "url");
  EXPECT_TRUE(url->login.asked_for);
}

TEST(ChooseAccount, ADefaultNameMayBeChanged) {
  const absl::StatusOr<Account> environment = Choose({}, {{"CHAT_USER", "environment"}});
  EXPECT_EQ(environment->login.name, "environment");
  EXPECT_FALSE(environment->login.asked_for);

  const absl::StatusOr<Account> shell = Choose({}, {});
  EXPECT_TRUE(absl::EndsWith(shell->login.name, "-listen")) << shell->login.name;
  EXPECT_GT(shell->login.name.size(), 7u);
  EXPECT_FALSE(shell->login.asked_for);
}

TEST(ChooseAccount, KnowsServerAndTimeout) {
  const absl::StatusOr<Account> account = Choose(
      {"--connect-timeout", "3s"}, {{"CHAT_SERVER", "toy://example:7"}, {"CHAT_TLS_CA", "ca.pem"}});
  EXPECT_EQ(ToString(account->url), "toy://example:7");
  EXPECT_EQ(account->options.connect_timeout, absl::Seconds(3));
  EXPECT_EQ(account->options.tls_ca, "ca.pem");
}

TEST(ChooseAccount, TheSchemeOfTheToolIsTheDefault) {
  EXPECT_EQ(ToString(Choose({}, {})->url), "toy://127.0.0.1:7000");
  EXPECT_EQ(ToString(Choose({"-s", "chat.example"}, {})->url), "toy://chat.example:7000");
  const absl::StatusOr<Account> account = Choose({"-s", "ann@chat.example"}, {});
  EXPECT_EQ(ToString(account->url), "toy://chat.example:7000");
  EXPECT_EQ(account->login.name, "ann");
}

TEST(ChooseAccount, RefusesAWrongUrl) {
  struct Case {
    const char* url;
    const char* said;
  };
  for (const Case& c : {
           Case{"127.0.0.1:27771",
                "-s: \"127.0.0.1:27771\": a port needs its protocol: toy://127.0.0.1:27771"},
           Case{"http://chat.example", "-s: no such protocol: \"http\"; there are: toy"},
       }) {
    EXPECT_EQ(Choose({"-s", c.url}, {}).status(), absl::InvalidArgumentError(c.said));
  }
}

TEST(ChooseAccount, CertificatesAreOfNoUseWithoutTls) {
  EXPECT_EQ(Choose({"--tls-ca", "ca.pem", "-s", "toy://h"}, {}).status(),
            absl::InvalidArgumentError("--tls-ca is for servers with TLS: toy+tls://h:7000"));
  // What stands there for all servers is not meant for this one.
  EXPECT_TRUE(Choose({"-s", "toy://h"}, {{"CHAT_TLS_CA", "ca.pem"}}).ok());
  EXPECT_TRUE(Choose({"--tls-ca", "ca.pem", "-s", "toy+tls://h"}, {}).ok());
}

TEST(ChoosePassword, SaysThatTheCertificatesCannotBeRead) {
  std::optional<ExitCode> exit_code;
  std::string said;
  EXPECT_TRUE(Choose({"--tls-ca", "nofile", "-s", "toy+tls://h"}, {}, "", &exit_code, &said).ok());
  EXPECT_EQ(exit_code, kExitNoInput);
  EXPECT_EQ(said, "tool: --tls-ca: nofile: No such file or directory\n");

  EXPECT_TRUE(Choose({"-s", "toy://h"}, {{"CHAT_TLS_CA", "nofile"}}, "", &exit_code, &said).ok());
  EXPECT_EQ(exit_code, std::nullopt) << said;
}

// Logs in to a server that answers each name with one of `answers`, in turn; *names: those it saw.
absl::StatusOr<std::string> LogInTo(std::vector<std::string> answers, LoginName login,
                                    std::vector<std::string>* names = nullptr) {
  ScriptedServer server([&answers, names](int fd) {
    for (const std::string& answer : answers) {
      const std::string line = GetLine(fd);
      if (names != nullptr) names->push_back(line);
      Put(fd, answer + "\n");
    }
    GetLine(fd);
  });
  Account account;
  account.url =
      *client::ParseServerUrl(absl::StrCat("toy://127.0.0.1:", server.port()), client::Toys());
  account.login = std::move(login);
  asio::io_context io;
  std::mt19937_64 random(1);
  client::Client client(io.get_executor(), account.url);
  const absl::StatusOr<std::string> name = Await(io, ConnectAndLogIn(client, account, random));
  return name.ok() ? name
                   : absl::Status(name.status().code(),
                                  absl::StrReplaceAll(name.status().message(),
                                                      {{ToString(account.url), "$0"}}));
}

TEST(LogIn, ADefaultNameGetsANumberIfItIsTaken) {
  std::vector<std::string> names;
  EXPECT_EQ(LogInTo({"TAKEN", "OK"}, {"ann", false}, &names).value(), "ann2");
  EXPECT_THAT(names, ElementsAre("LOGIN ann\n", "LOGIN ann2\n"));
  EXPECT_EQ(LogInTo(std::vector<std::string>(6, "TAKEN"), {"ann", false}).status(),
            absl::AlreadyExistsError("ann and 5 names like it are taken on $0 (say -u OTHER)"));
}

TEST(LogIn, ANameThatWasAskedForIsNotChanged) {
  std::vector<std::string> names;
  EXPECT_EQ(LogInTo({"TAKEN"}, {"ann", true}, &names).status(),
            absl::AlreadyExistsError("the name ann is taken on $0 (say -u OTHER)"));
  EXPECT_THAT(names, ElementsAre("LOGIN ann\n"));
}

TEST(SayName, SaysANameThatNobodyAskedForOnceAndKeepsIt) {
  std::ostringstream err;
  Diagnostics diagnostics("tool", err);
  Account account;
  account.login = {"ann", false};
  SayName(diagnostics, &account, "ann2");
  EXPECT_EQ(err.str(), "tool: logged in as ann2\n");
  EXPECT_EQ(account.login.name, "ann2");
  EXPECT_TRUE(account.login.asked_for);
  SayName(diagnostics, &account, "ann2");
  EXPECT_EQ(err.str(), "tool: logged in as ann2\n");

  account.login = {"bob", true};
  SayName(diagnostics, &account, "bob");
  EXPECT_EQ(err.str(), "tool: logged in as ann2\n");
}

TEST(Numbered, FitsInAName) {
  EXPECT_EQ(Numbered("ann", 2), "ann2");
  EXPECT_EQ(Numbered(std::string(30, 'x'), 1234), std::string(26, 'x') + "1234");
  // Cut between two characters: 14 of them have 28 bytes, and a number has no room behind 15.
  std::string accents;
  for (int i = 0; i < 15; ++i) accents += "\xC3\xA9";
  EXPECT_EQ(Numbered(accents, 2), accents.substr(0, 28) + "2");
}

}  // namespace
}  // namespace chat::tools
