#include "tools/common/client_flags.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
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

// Says what to do about a login that has failed.
absl::Status WithAdvice(const client::Client& client, const Account& account,
                        absl::string_view name, const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\": ", status.message()));
  }
  if (!absl::IsAlreadyExists(status) || account.password.has_value()) return status;
  const bool accounts = client.traits().passwords != Passwords::kNever;
  return absl::AlreadyExistsError(absl::StrCat(status.message(), " (say -u OTHER",
                                               accounts ? ", or --password-file FILE" : "", ")"));
}

}  // namespace

void AddClientFlags(Settings& settings, ClientFlags* flags, absl::string_view default_scheme) {
  flags->default_scheme = std::string(default_scheme);
  if (flags->server.empty()) flags->server = absl::StrCat(default_scheme, "://127.0.0.1");
  settings.Text("-s,--server", "URL",
                absl::StrCat("[SCHEME[+tls]://][user@]host[:port][?option=value]; without a SCHEME "
                             "it is ",
                             default_scheme, ", and a port needs one. Default ", flags->server),
                &flags->server);
  settings.Text("-u,--user", "NAME",
                "Name to log in with; without it, CHAT_USER, else the shell's user: chat-send uses "
                "that as it is, chat-listen puts -listen behind it and chat-tunnel -tunnel. Such a "
                "name gets a number if it is taken, and is said",
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
                                      client::Dialects dialects, absl::string_view suffix) {
  absl::StatusOr<client::ServerUrl> url =
      client::ParseServerUrl(flags.server, dialects, flags.default_scheme);
  if (!url.ok()) return absl::InvalidArgumentError(absl::StrCat("-s: ", url.status().message()));
  if (settings.GivenAsFlag("tls-ca") && !url->tls) {
    client::ServerUrl with_tls = *url;
    with_tls.tls = true;
    return absl::InvalidArgumentError(
        absl::StrCat("--tls-ca is for servers with TLS: ", ToString(with_tls)));
  }
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
  if (account->url.tls && !flags.tls_ca.empty() && ::access(flags.tls_ca.c_str(), R_OK) != 0) {
    diagnostics.Error(absl::StrCat("--tls-ca: ", flags.tls_ca, ": ", ::strerror(errno)));
    return kExitNoInput;
  }
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
    co_return WithAdvice(client, account, login.name, status);
  }
  absl::Status status;
  for (int attempt = 1; attempt <= kNameAttempts; ++attempt) {
    const int number = attempt <= 2 ? attempt : absl::Uniform(random, 3, 10000);
    const std::string name = attempt == 1 ? login.name : Numbered(login.name, number);
    status = co_await client.Login(name);
    if (status.ok()) co_return name;
    if (!absl::IsAlreadyExists(status) || login.asked_for) {
      co_return WithAdvice(client, account, name, status);
    }
  }
  co_return absl::AlreadyExistsError(absl::StrCat(login.name, " and ", kNameAttempts - 1,
                                                  " names like it are taken on ",
                                                  ToString(client.url()), " (say -u OTHER)"));
}

asio::awaitable<absl::StatusOr<std::string>> ConnectAndLogIn(client::Client& client,
                                                             const Account& account,
                                                             absl::BitGenRef random) {
  const absl::Status status = co_await client.Connect();
  if (!status.ok()) co_return status;
  co_return co_await LogIn(client, account, random);
}

void SayName(Diagnostics& diagnostics, Account* account, absl::string_view name) {
  if (account->login.asked_for) return;
  diagnostics.Notice(absl::StrCat("logged in as ", name));
  account->login = {std::string(name), /*asked_for=*/true};
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
