#include "tools/chat-tunnel/flags.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libchat/client/url.h"

namespace chat::tools {
namespace {

void Declare(Settings& settings, TunnelOptions* options, std::optional<int64_t>* max_streams) {
  settings.Value("-W,--stdio", "USER[/NAME]",
                 "Join standard input and output to USER's --accept, or to its service NAME",
                 [options](absl::string_view value) {
                   absl::StatusOr<Destination> to = ParseDestination(value);
                   if (to.ok()) options->stdio_to = *to;
                   return to.status();
                 });
  settings.List("-L,--local", "[BIND:]PORT:USER[/NAME]",
                "Listen on PORT (of 127.0.0.1; 0: any), or on unix:PATH:USER[/NAME], and take each "
                "connection to USER's --accept, or to its service NAME; may be repeated",
                [options](absl::string_view value) {
                  absl::StatusOr<Forward> forward = ParseForward(value);
                  if (forward.ok()) options->forwards.push_back(*forward);
                  return forward.status();
                });
  settings.List("--accept", "[NAME=]TARGET",
                "Take each connection of those whom --allow names to HOST:PORT or unix:PATH, or "
                "one to standard input and output (-); with NAME it is a service beside the plain "
                "one, and may be repeated",
                [options](absl::string_view value) {
                  absl::StatusOr<Service> service = ParseService(value);
                  if (service.ok()) options->services.push_back(*service);
                  return service.status();
                });
  settings.List(
      "--allow", "USER[,USER]",
      "Who may connect; 'ann*' is every name that begins so, '*' everybody. A name proves "
      "nothing about who uses it",
      [options](absl::string_view value) { return options->allowed.Add(value); });
  settings.AtMostOne({"stdio", "local", "accept"});
  settings.Duration("--request-timeout", "How long USER may take to answer, default 10s",
                    &options->request_timeout);
  settings.Number(
      "--max-streams",
      "Connections at once, default 256; a quarter of them for one user if there may be "
      "several",
      1, max_streams);
  settings.Value(
      "--log", "text|json",
      "What is said on stderr about each connection that ends: text (the default) if it "
      "failed or with -v, json an object a line",
      [options](absl::string_view value) {
        options->json_log = value == "json";
        if (value == "json" || value == "text") return absl::OkStatus();
        return absl::InvalidArgumentError(absl::StrCat("want text or json, not \"", value, "\""));
      });
  settings.Number("--ready-fd",
                  "Write to this descriptor when ready: a line for each -L (ADDRESS:PORT or "
                  "unix:PATH), then an empty line",
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

// Each service has a name of its own, and its login fits; standard input and output go to one.
absl::Status CheckServices(const std::vector<Service>& services, absl::string_view user) {
  std::set<std::string> names;
  for (const Service& service : services) {
    if (!names.insert(service.name).second) {
      return absl::InvalidArgumentError(
          service.name.empty()
              ? "--accept: there is one plain target; a further one needs a name: NAME=TARGET"
              : absl::StrCat("--accept: there are two services \"", service.name, "\""));
    }
    if (service.target.kind == Target::Kind::kStdio && services.size() > 1) {
      return absl::InvalidArgumentError(
          "--accept: standard input and output (-) stand alone, without other services");
    }
    const std::string login = ServiceLogin(user, service.name);
    if (!service.name.empty() && !IsName(login)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--accept: the service \"", service.name, "\" would be called ", login,
                       ", and a name has at most ", kMaxNameBytes, " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const TunnelOptions& options, const Account& account,
                   const std::vector<const Dialect*>& dialects) {
  const client::ServerUrl& url = account.url;
  if (!options.stdio_to && options.forwards.empty() && options.services.empty()) {
    return absl::InvalidArgumentError("one of -W, -L and --accept is needed; see --help");
  }
  if (!options.services.empty() && options.allowed.empty()) {
    return absl::InvalidArgumentError("--accept needs --allow USER[,USER], or --allow '*'");
  }
  if (absl::Status status = CheckServices(options.services, account.login.name); !status.ok()) {
    return status;
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
                    "  chat-tunnel -u bob --accept localhost:22 --accept web=localhost:80 --allow "
                    "'alice*'");
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
      account.ok() ? Check(flags.options, *account, dialects) : account.status();
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
