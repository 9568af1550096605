// chat-listen: flags only; what it does is Listener's.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "asio/io_context.hpp"
#include "libchat/client/file_receiver.h"
#include "libchat/dialect/registry.h"
#include "libchat/event/user.h"
#include "tools/chat-listen/body_pattern.h"
#include "tools/chat-listen/line_style.h"
#include "tools/chat-listen/listener.h"
#include "tools/chat-listen/printer.h"
#include "tools/common/allowed.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/event_loop.h"
#include "tools/common/exit_codes.h"
#include "tools/common/format.h"
#include "tools/common/secrets.h"
#include "tools/common/settings.h"
#include "tools/common/standard_descriptors.h"
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

bool TakesFiles(const ClientTraits& traits) { return traits.file_way != FileWay::kNone; }

void Declare(Settings& settings, Flags* flags) {
  AddClientFlags(settings, &flags->client, "cfp");
  AddTlsFlags(settings, &flags->client);
  AddPasswordFlags(settings, &flags->client.password);
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
  settings.Number("-c,--count", "End after N messages and files; 0: as soon as it listens", 0,
                  &flags->listen.print.count);
  settings.Duration("-W,--timeout",
                    "End after this time, counted from the start; exit code 124 if --count was not "
                    "reached, or if it was never logged in",
                    &flags->listen.timeout);
  settings.Duration("--idle",
                    "End when nothing was printed for so long; exit code 124 if --count was not "
                    "reached",
                    &flags->listen.idle);
  settings.List("--from", "USER[,USER]",
                "Only messages from these; USER@7 is on the merged server 7",
                [flags](absl::string_view value) {
                  absl::StatusOr<std::vector<User>> users = ParseUserNames(value);
                  if (!users.ok()) return users.status();
                  std::vector<User>& from = flags->listen.print.from;
                  from.insert(from.end(), users->begin(), users->end());
                  return absl::OkStatus();
                });
  settings.Value("--grep", "REGEX",
                 "Only messages that this POSIX extended regular expression is found in",
                 [flags](absl::string_view value) {
                   absl::StatusOr<BodyPattern> pattern = BodyPattern::Compile(std::string(value));
                   if (!pattern.ok()) return pattern.status();
                   flags->listen.print.grep = *std::move(pattern);
                   return absl::OkStatus();
                 });
  settings.Value("--only", "KIND", "Only \"public\" or only \"private\" messages",
                 [flags](absl::string_view value) {
                   if (value != "public" && value != "private") {
                     return absl::InvalidArgumentError("\"public\" or \"private\"");
                   }
                   flags->listen.print.only_private = value == "private";
                   return absl::OkStatus();
                 });
  settings.List("--allow", "USER[,USER]",
                "Whose requests to talk, or for a direct connection, and whose files are accepted; "
                "'*' for everybody. Nobody's by default",
                [flags](absl::string_view value) { return flags->listen.allowed.Add(value); });
  settings.Text("--accept-files", "DIR",
                absl::StrCat("Take the files of those users into DIR. Over: ",
                             DialectsThat(TakesFiles, AllDialects())),
                &flags->listen.inbox.directory);
  settings.Number("--ready-fd", "Write a byte to this descriptor once listening", 0,
                  &flags->ready_fd);
}

// How the flags want messages printed on a terminal, or on something else.
void ChooseFormat(const Flags& flags, bool terminal, PrintOptions* print) {
  const std::string end = flags.null ? std::string(1, '\0') : "\n";
  if (flags.json) {
    print->format = Format::Parse("%j")->With(end);
  } else if (flags.format.has_value()) {
    // It says itself where its lines end.
    print->format = flags.null ? flags.format->With(end) : *flags.format;
  }
  print->raw = flags.raw                 ? Format::Raw::kAll
               : flags.null || !terminal ? Format::Raw::kBody
                                         : Format::Raw::kNothing;
  // What is to be split at NUL bytes is for a program, on a terminal too.
  print->style.terminal = terminal && !flags.null;
  print->style.colour =
      print->style.terminal && MayColour(std::getenv("NO_COLOR"), std::getenv("TERM"));
  print->style.raw_bodies = flags.raw || flags.null;
  print->style.raw_names = flags.raw;
  print->style.end = end;
}

// What the flags say together. InvalidArgument if that cannot be.
absl::Status Complete(const Settings& settings, Flags* flags) {
  absl::StatusOr<Account> account =
      ChooseAccount(settings, flags->client, AllDialects(), "-listen");
  if (!account.ok()) return account.status();
  const Dialect& dialect = *account->url.dialect;
  ListenOptions& listen = flags->listen;
  if (!listen.inbox.directory.empty() && !TakesFiles(dialect.client_traits())) {
    return absl::InvalidArgumentError(absl::StrCat(
        dialect.name(), " carries no files; these do: ", DialectsThat(TakesFiles, AllDialects())));
  }
  if (!listen.inbox.directory.empty() && listen.allowed.empty()) {
    return absl::InvalidArgumentError("--accept-files needs --allow USER[,USER], or --allow '*'");
  }
  if (!listen.inbox.directory.empty() && account->url.tls &&
      dialect.client_traits().file_way == FileWay::kDirect) {
    return absl::InvalidArgumentError("--accept-files: direct connections do not go over TLS");
  }
  if (listen.print.only_private.has_value() && !dialect.client_traits().tells_private) {
    return absl::InvalidArgumentError(
        absl::StrCat("--only: ", dialect.name(), " does not say which messages are private"));
  }
  listen.account = *std::move(account);
  listen.reconnect = flags->client.reconnect;
  listen.print.dialect = std::string(dialect.name());
  listen.print.notices = flags->json;
  ChooseFormat(*flags, ::isatty(STDOUT_FILENO) != 0, &listen.print);
  if (flags->ready_fd.has_value()) {
    listen.ready_fd = static_cast<int>(*flags->ready_fd);
    if (::fcntl(listen.ready_fd, F_GETFD) < 0) {
      return absl::InvalidArgumentError("--ready-fd: this descriptor is not open");
    }
  }
  return absl::OkStatus();
}

absl::Status OpenInbox(InboxOptions* inbox) {
  if (inbox->directory.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<client::FileReceiver>> receiver =
      client::FileReceiver::Open(inbox->directory);
  if (receiver.ok()) inbox->receiver = *std::move(receiver);
  return receiver.status();
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
  if (WasClosed(STDOUT_FILENO)) {
    diagnostics.Error("standard output is closed");
    return kExitIoError;
  }
  if (absl::Status status = OpenInbox(&flags.listen.inbox); !status.ok()) {
    diagnostics.Error(absl::StrCat("--accept-files: ", status.message()));
    return kExitIoError;
  }
  if (const std::optional<ExitCode> code =
          ChoosePassword(settings, flags.client, /*is_new=*/false, Surroundings::OfThisProcess(),
                         diagnostics, &flags.listen.account)) {
    return *code;
  }

  // Writes fail then, and say so: of the output, and of a file over the limit of this process.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  asio::io_context io(1);
  Output output(io.get_executor(), STDOUT_FILENO);
  Listener listener(io, flags.listen, output, diagnostics);
  return RunToEnd(io, listener.Run());
}

}  // namespace
}  // namespace chat::tools

int main(int argc, char** argv) {
  chat::tools::PrepareStandardDescriptors();
  const int code = chat::tools::Main(argc, argv);
  if (code == chat::tools::kExitBrokenPipe) chat::tools::DieOf(SIGPIPE);
  if (code == chat::tools::kExitInterrupted) chat::tools::DieOf(SIGINT);
  if (code == chat::tools::kExitTerminated) chat::tools::DieOf(SIGTERM);
  if (code == 128 + SIGHUP) chat::tools::DieOf(SIGHUP);
  return code;
}
