// chat-listen: flags only; what it does is Listener's.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "asio/io_context.hpp"
#include "libchat/dialect/registry.h"
#include "tools/chat-listen/listener.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/event_loop.h"
#include "tools/common/exit_codes.h"
#include "tools/common/format.h"
#include "tools/common/settings.h"
#include "tools/common/stdio.h"

namespace chat::tools {
namespace {

struct Flags {
  ClientFlags client;
  ListenOptions listen;
  std::optional<Format> format;
  bool json = false;
  bool null = false;
  bool raw = false;
  std::optional<int64_t> ready_fd;
};

void Declare(Settings& settings, Flags* flags) {
  AddClientFlags(settings, &flags->client);
  AddTlsFlags(settings, &flags->client);
  settings.Value("-F,--format", "FMT",
                 "Print this for each message: %s body, %q body escaped, %S its length, %f sender, "
                 "%t target, %k kind, %p protocol, %T milliseconds, %I time, %j JSON, %%, \\n \\t "
                 "\\0 \\xNN",
                 [flags](absl::string_view value) {
                   absl::StatusOr<Format> format = Format::Parse(value);
                   if (format.ok()) flags->format = *format;
                   return format.status();
                 });
  settings.Flag("-J,--json", "Print a JSON object a line", &flags->json);
  settings.AtMostOne({"format", "json"});
  settings.Flag("-0,--null", "End each message with a NUL byte, and print it as it came",
                &flags->null);
  settings.Flag("--raw", "Print messages as they came: they can drive a terminal", &flags->raw);
  settings.Number("-c,--count", "End after N messages", 1, &flags->listen.count);
  settings.Duration("-W,--timeout",
                    "End after this time, counted from the start; exit code 124 if --count was not "
                    "reached",
                    &flags->listen.timeout);
  settings.Text("--from", "USER", "Only messages from USER", &flags->listen.from);
  settings.Value("--only", "KIND", "Only \"public\" or only \"private\" messages",
                 [flags](absl::string_view value) {
                   if (value != "public" && value != "private") {
                     return absl::InvalidArgumentError("\"public\" or \"private\"");
                   }
                   flags->listen.only_private = value == "private";
                   return absl::OkStatus();
                 });
  settings.Number("--ready-fd", "Write a byte to this descriptor once listening", 0,
                  &flags->ready_fd);
}

// How the flags want messages printed on a terminal, or on something else.
void ChooseFormat(const Flags& flags, bool terminal, ListenOptions* listen) {
  const bool as_it_came = flags.null || flags.raw;
  Format format = *Format::Parse(as_it_came ? "%f\\t%s" : "%f\\t%q");
  if (flags.json) format = *Format::Parse("%j");
  if (flags.format.has_value()) format = *flags.format;
  const absl::string_view end = flags.null ? absl::string_view("\0", 1) : "\n";
  // A format of the user's own says itself where its lines end.
  listen->format = flags.format.has_value() && !flags.null ? format : format.With(end);
  listen->raw = flags.raw                 ? Format::Raw::kAll
                : flags.null || !terminal ? Format::Raw::kBody
                                          : Format::Raw::kNothing;
}

absl::Status Complete(const Settings& settings, Flags* flags) {
  absl::StatusOr<Account> account = ChooseAccount(settings, flags->client, FindDialect, "-listen");
  if (!account.ok()) return account.status();
  flags->listen.account = *std::move(account);
  flags->listen.reconnect = flags->client.reconnect;
  ChooseFormat(*flags, ::isatty(STDOUT_FILENO) != 0, &flags->listen);
  if (flags->ready_fd.has_value()) {
    flags->listen.ready_fd = static_cast<int>(*flags->ready_fd);
    if (::fcntl(flags->listen.ready_fd, F_GETFD) < 0) {
      return absl::InvalidArgumentError("--ready-fd: this descriptor is not open");
    }
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Settings settings("chat-listen", "Prints every message as it comes.",
                    "chat-listen -s chaton://chat.example --json | jq -r .body");
  Flags flags;
  Declare(settings, &flags);
  if (const std::optional<int> code = settings.Parse(argc, argv)) return *code;

  Diagnostics diagnostics("chat-listen", std::cerr);
  diagnostics.set_quiet(flags.client.quiet);
  diagnostics.set_verbose(flags.client.verbose);
  if (absl::Status status = Complete(settings, &flags); !status.ok()) {
    diagnostics.Error(status.message());
    return kExitUsage;
  }

  asio::io_context io(1);
  Output output(io.get_executor(), STDOUT_FILENO);
  Listener listener(io, flags.listen, output, diagnostics);
  return RunToEnd(io, listener.Run());
}

}  // namespace
}  // namespace chat::tools

int main(int argc, char** argv) {
  const int code = chat::tools::Main(argc, argv);
  if (code == chat::tools::kExitBrokenPipe) chat::tools::DieOf(SIGPIPE);
  return code;
}
