#include "tools/chat-tunnel/flags.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libchat/client/url.h"

namespace chat::tools {
namespace {

void Declare(Settings& settings, TunnelOptions* options, std::optional<int64_t>* max_streams) {
  settings.Value("-W,--stdio", "USER", "Join standard input and output to USER's --accept",
                 [options](absl::string_view value) {
                   absl::StatusOr<User> user = ParseUserName(value);
                   if (user.ok()) options->stdio_to = *user;
                   return user.status();
                 });
  settings.List(
      "-L,--local", "[BIND:]PORT:USER",
      "Listen on PORT (of 127.0.0.1; 0: any) and take each connection to USER's --accept; "
      "may be repeated",
      [options](absl::string_view value) {
        absl::StatusOr<Forward> forward = ParseForward(value);
        if (forward.ok()) options->forwards.push_back(*forward);
        return forward.status();
      });
  settings.Value("--accept", "TARGET",
                 "Take each connection of those whom --allow names to HOST:PORT or unix:PATH, or "
                 "one to standard input and output (-)",
                 [options](absl::string_view value) {
                   absl::StatusOr<Target> target = ParseTarget(value);
                   if (target.ok()) options->accept = *target;
                   return target.status();
                 });
  settings.List("--allow", "USER[,USER]", "Who may connect; '*' for everybody",
                [options](absl::string_view value) { return options->allowed.Add(value); });
  settings.AtMostOne({"stdio", "local", "accept"});
  settings.Duration("--request-timeout", "How long USER may take to answer, default 60s",
                    &options->request_timeout);
  settings.Number("--max-streams", "Connections at once, default 256", 1, max_streams);
  settings.Number("--ready-fd",
                  "Write to this descriptor when ready: a line ADDRESS:PORT for each -L, then an "
                  "empty line",
                  0, &options->ready_fd);
}

bool HasRelays(const ClientTraits& traits) { return traits.relays; }
bool IsDirect(const ClientTraits& traits) { return traits.private_way == PrivateWay::kDirect; }

// The direct connections of two clients that some protocols have instead are not used: they carry
// messages and files, not bytes, and tell each side the other's address.
std::string Description(const std::vector<const Dialect*>& dialects) {
  return absl::StrCat(
      "Takes TCP connections through a chat server to another user. Works over protocols whose "
      "server relays bytes (",
      DialectsThat(HasRelays, dialects),
      "), and does not tunnel through direct connections between clients (",
      DialectsThat(IsDirect, dialects), ").");
}

absl::Status Check(const TunnelOptions& options, const client::ServerUrl& url,
                   const std::vector<const Dialect*>& dialects) {
  if (!options.stdio_to && options.forwards.empty() && !options.accept) {
    return absl::InvalidArgumentError("one of -W, -L and --accept is needed; see --help");
  }
  if (options.accept && options.allowed.empty()) {
    return absl::InvalidArgumentError("--accept needs --allow USER[,USER], or --allow '*'");
  }
  if (url.tls) return absl::InvalidArgumentError("private connections do not go over TLS");
  if (url.dialect->client_traits().relays) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      url.dialect->name(), " has no private connections through the server; these have: ",
      DialectsThat(HasRelays, dialects)));
}

}  // namespace

std::optional<TunnelFlags> ReadTunnelFlags(int argc, const char* const* argv,
                                           const std::vector<const Dialect*>& dialects,
                                           const Surroundings& surroundings, ExitCode* exit_code) {
  Settings settings("chat-tunnel", Description(dialects),
                    "ssh -o ProxyCommand='chat-tunnel -W bob' bob\n"
                    "  chat-tunnel -u bob --accept localhost:22 --allow alice");
  ClientFlags common;
  TunnelFlags flags;
  std::optional<int64_t> max_streams;
  AddClientFlags(settings, &common, "chaton");
  Declare(settings, &flags.options, &max_streams);
  if (const std::optional<int> ended = settings.Parse(argc, argv, surroundings)) {
    *exit_code = static_cast<ExitCode>(*ended);
    return std::nullopt;
  }
  absl::StatusOr<Account> account = ChooseAccount(settings, common, dialects, "-tunnel");
  const absl::Status status =
      account.ok() ? Check(flags.options, account->url, dialects) : account.status();
  if (!status.ok()) {
    Diagnostics("chat-tunnel", surroundings.err).Error(status.message());
    *exit_code = kExitUsage;
    return std::nullopt;
  }
  flags.account = *std::move(account);
  flags.options.reconnect = common.reconnect;
  flags.options.max_streams = max_streams.value_or(flags.options.max_streams);
  flags.verbose = common.verbose;
  flags.quiet = common.quiet;
  return flags;
}

}  // namespace chat::tools
