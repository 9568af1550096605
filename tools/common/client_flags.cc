#include "tools/common/client_flags.h"

#include <pwd.h>
#include <unistd.h>

#include <utility>

#include "absl/random/distributions.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libchat/event/user.h"
#include "libchat/wire/utf8.h"
#include "tools/common/escape.h"

namespace chat::tools {
namespace {

// A default name is tried as it is, with 2, and then with chance numbers: a server may allow few
// attempts, and there may be many of us.
constexpr int kNameAttempts = 6;

std::string ShellUser() {
  const passwd* entry = ::getpwuid(::getuid());
  if (entry == nullptr || !IsName(entry->pw_name)) return "user";
  return entry->pw_name;
}

std::string WithSuffix(absl::string_view name, absl::string_view suffix) {
  const size_t room = kMaxNameBytes - suffix.size();
  return absl::StrCat(name.substr(0, wire::Utf8Prefix(name, room)), suffix);
}

absl::Status About(absl::string_view name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(status.message(), ": ", name));
}

}  // namespace

void AddClientFlags(Settings& settings, ClientFlags* flags) {
  settings.Text(
      "-s,--server", "URL",
      absl::StrCat("SCHEME[+tls]://[user@]host[:port][?option=value], default ", flags->server),
      &flags->server);
  settings.Text("-u,--user", "NAME",
                "Name to log in with; without it, CHAT_USER or the shell's user, with a number "
                "if that is taken",
                &flags->user);
  settings.Duration("--connect-timeout", "How long connecting and logging in may take, default 10s",
                    &flags->connect_timeout);
  settings.Value("--reconnect", "HOW", "never (the default), forever, or a number of attempts",
                 [flags](absl::string_view value) {
                   absl::StatusOr<client::ReconnectPolicy> policy = client::ParseReconnect(value);
                   if (policy.ok()) flags->reconnect = *policy;
                   return policy.status();
                 });
  settings.Flag("-v,--verbose", "Say on stderr what happens", &flags->verbose);
  settings.Flag("-q,--quiet", "Say nothing on stderr but why it failed", &flags->quiet);
  settings.AtMostOne({"quiet", "verbose"});
}

void AddTlsFlags(Settings& settings, ClientFlags* flags) {
  settings.Text("--tls-ca", "FILE",
                "With +tls: trust the certificates in this PEM file instead of the system's",
                &flags->tls_ca);
}

LoginName ChooseName(const Settings& settings, const ClientFlags& flags,
                     const client::ServerUrl& url, absl::string_view suffix) {
  if (settings.GivenAsFlag("user")) return {flags.user, true};
  if (!url.user.empty()) return {url.user, true};
  if (!flags.user.empty()) return {flags.user, false};
  return {WithSuffix(ShellUser(), suffix), false};
}

std::string Numbered(absl::string_view name, int number) {
  return WithSuffix(name, absl::StrCat(number));
}

absl::StatusOr<Account> ChooseAccount(const Settings& settings, const ClientFlags& flags,
                                      client::DialectLookup dialects, absl::string_view suffix) {
  absl::StatusOr<client::ServerUrl> url = client::ParseServerUrl(flags.server, dialects);
  if (!url.ok()) return url.status();
  Account account;
  account.login = ChooseName(settings, flags, *url, suffix);
  account.url = *std::move(url);
  account.options.connect_timeout = flags.connect_timeout;
  account.options.tls_ca = flags.tls_ca;
  return account;
}

std::optional<ExitCode> ChoosePassword(const Settings& settings, const ClientFlags& flags,
                                       bool is_new, const Surroundings& surroundings,
                                       Diagnostics& diagnostics, Account* account) {
  const LoginName owner = ChooseName(settings, flags, account->url, "");
  const std::string whose = absl::StrCat(owner.name, " on ", ToString(account->url));
  absl::StatusOr<std::optional<Secret>> found = FindPassword(
      settings, flags.password, {account->url.dialect, Escape(whose), is_new}, surroundings);
  if (!found.ok()) {
    diagnostics.Error(found.status().message());
    return ExitCodeForPassword(found.status());
  }
  if (!found->has_value()) return std::nullopt;
  account->login = owner;
  account->password = **found;
  return std::nullopt;
}

asio::awaitable<absl::StatusOr<std::string>> LogIn(client::Client& client, const Account& account,
                                                   absl::BitGenRef random) {
  const LoginName& login = account.login;
  if (account.password.has_value()) {
    const absl::Status status = co_await client.Login(login.name, account.password->bytes());
    if (status.ok()) co_return login.name;
    co_return About(login.name, status);
  }
  absl::Status status;
  for (int attempt = 1; attempt <= kNameAttempts; ++attempt) {
    const int number = attempt <= 2 ? attempt : absl::Uniform(random, 3, 10000);
    const std::string name = attempt == 1 ? login.name : Numbered(login.name, number);
    status = co_await client.Login(name);
    if (status.ok()) co_return name;
    if (!absl::IsAlreadyExists(status) || login.asked_for) co_return About(name, status);
  }
  co_return About(absl::StrCat(login.name, ", and others like it"), status);
}

asio::awaitable<absl::StatusOr<std::string>> ConnectAndLogIn(client::Client& client,
                                                             const Account& account,
                                                             absl::BitGenRef random) {
  const absl::Status status = co_await client.Connect();
  if (!status.ok()) co_return status;
  co_return co_await LogIn(client, account, random);
}

std::string DialectsThat(absl::FunctionRef<bool(const ClientTraits&)> can,
                         const std::vector<const Dialect*>& dialects) {
  std::vector<absl::string_view> names;
  for (const Dialect* dialect : dialects) {
    if (can(dialect->client_traits())) names.push_back(dialect->name());
  }
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

}  // namespace chat::tools
