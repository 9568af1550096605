#include "tools/common/client_flags.h"

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "libchat/client/toy_dialect.h"

namespace chat::tools {
namespace {

// The account that these flags and this environment lead to.
absl::StatusOr<Account> Choose(std::vector<const char*> flags,
                               std::map<std::string, std::string> environment,
                               absl::string_view suffix = "-listen") {
  Settings settings("tool", "", "");
  ClientFlags values;
  values.server = "toy://127.0.0.1";
  AddClientFlags(settings, &values);
  AddTlsFlags(settings, &values);
  flags.insert(flags.begin(), "tool");
  std::ostringstream out;
  const auto getenv = [&](const char* name) -> const char* {
    const auto value = environment.find(name);
    return value == environment.end() ? nullptr : value->second.c_str();
  };
  EXPECT_EQ(settings.Parse(flags.size(), flags.data(), {getenv, out, out}), std::nullopt)
      << out.str();
  return ChooseAccount(settings, values, client::Toys(), suffix);
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

TEST(ChooseAccount, RefusesAWrongUrl) {
  EXPECT_EQ(Choose({"-s", "nothing"}, {}).status().code(), absl::StatusCode::kInvalidArgument);
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
