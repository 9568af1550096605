// The flags that all tools which talk to a server share, and as whom they log in.

#ifndef TOOLS_COMMON_CLIENT_FLAGS_H_
#define TOOLS_COMMON_CLIENT_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "libchat/client/client.h"
#include "libchat/client/reconnect.h"
#include "libchat/client/url.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/secrets.h"
#include "tools/common/settings.h"

namespace chat::tools {

struct ClientFlags {
  std::string server;          // AddClientFlags gives it a default
  std::string default_scheme;  // of a server that is named without one
  std::string user;
  absl::Duration connect_timeout = absl::Seconds(10);
  client::ReconnectPolicy reconnect;
  std::string tls_ca;
  PasswordFlags password;
  bool verbose = false;
  bool quiet = false;
};

// Declares -s, -u, --connect-timeout, --reconnect, -v and -q. `flags` holds the defaults; without a
// server it is this machine's, over `default_scheme`.
void AddClientFlags(Settings& settings, ClientFlags* flags, absl::string_view default_scheme);
// Declares --tls-ca, for tools that can do all they do over TLS.
void AddTlsFlags(Settings& settings, ClientFlags* flags);

struct LoginName {
  std::string name;
  // Asked for with -u or in the URL. If not, it is a default, and Numbered may change it.
  bool asked_for = false;
};

// -u, else the URL's user, else CHAT_USER (or `user` of the config file), else the shell's user
// with `suffix` ("-listen") behind it. Call it after Settings::Parse.
LoginName ChooseName(const Settings& settings, const ClientFlags& flags,
                     const client::ServerUrl& url, absl::string_view suffix);

// `name` with `number` behind it, cut so that both fit in a name.
std::string Numbered(absl::string_view name, int number);

// Where and as whom a tool logs in.
struct Account {
  client::ServerUrl url;
  LoginName login;
  std::optional<Secret> password;  // of an account; else an open login
  client::ClientOptions options;
};

// The account that the flags describe, without a password; InvalidArgument if the server's URL is
// wrong, or --tls-ca was given and the server has no TLS.
absl::StatusOr<Account> ChooseAccount(const Settings& settings, const ClientFlags& flags,
                                      client::Dialects dialects, absl::string_view suffix);

// Sees to what proves one side to the other: that the file of --tls-ca can be read, if it is
// needed, and the password of *account (see FindPassword). With one, a default name has no suffix:
// the account is the user's, not the tool's. `is_new`: the account is about to be made. If the tool
// has to end now, that was said, and this is the exit code.
std::optional<ExitCode> ChoosePassword(const Settings& settings, const ClientFlags& flags,
                                       bool is_new, const Surroundings& surroundings,
                                       Diagnostics& diagnostics, Account* account);

// Logs in on a connected client. A default name that is taken is tried again with a number, unless
// there is a password. Returns the name; errors as in client::Client, with what to do about them.
// `account` lives until then.
asio::awaitable<absl::StatusOr<std::string>> LogIn(client::Client& client, const Account& account,
                                                   absl::BitGenRef random);
// Connects before that.
asio::awaitable<absl::StatusOr<std::string>> ConnectAndLogIn(client::Client& client,
                                                             const Account& account,
                                                             absl::BitGenRef random);

// After a login: says the name, once, if nobody asked for it. From then on it is asked for: a
// reconnect gets this name or none, for others know it now.
void SayName(Diagnostics& diagnostics, Account* account, absl::string_view name);

// The dialects whose clients can do what `can` says, for people: "crp, cfp".
std::string DialectsThat(absl::FunctionRef<bool(const ClientTraits&)> can,
                         const std::vector<const Dialect*>& dialects);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_CLIENT_FLAGS_H_
