// chat-send: flags only; what it does is Sender's.

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "asio/io_context.hpp"
#include "libchat/client/url.h"
#include "libchat/dialect/registry.h"
#include "libchat/event/user.h"
#include "tools/chat-send/invalid.h"
#include "tools/chat-send/sender.h"
#include "tools/chat-send/source.h"
#include "tools/common/allowed.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/event_loop.h"
#include "tools/common/exit_codes.h"
#include "tools/common/secrets.h"
#include "tools/common/settings.h"
#include "tools/common/standard_descriptors.h"
#include "tools/common/stdio.h"

namespace chat::tools {
namespace {

struct Flags {
  ClientFlags client;
  SendOptions send;
  SourceOptions source;
  bool null = false;
  bool whole = false;
  bool jsonl = false;
  std::vector<std::string> words;
};

bool SendsFiles(const ClientTraits& traits) { return traits.file_way != FileWay::kNone; }
bool SendsDirectly(const ClientTraits& traits) { return traits.file_way == FileWay::kDirect; }
bool SendsThroughServer(const ClientTraits& traits) { return traits.file_way == FileWay::kServer; }
bool Registers(const ClientTraits& traits) { return traits.registers; }

void Declare(Settings& settings, Flags* flags) {
  AddClientFlags(settings, &flags->client);
  AddTlsFlags(settings, &flags->client);
  AddPasswordFlags(settings, &flags->client.password);
  settings.List("-t,--to", "USER[,USER]",
                "Privately to each USER (USER@7: on the merged server 7); without it, to everyone",
                [flags](absl::string_view value) {
                  const absl::StatusOr<std::vector<User>> users = ParseUserNames(value);
                  if (!users.ok()) return users.status();
                  std::vector<std::string>& to = flags->send.to;
                  for (const User& user : *users) {
                    const std::string name = Display(user);
                    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
                  }
                  return absl::OkStatus();
                });
  settings.Flag("-0,--null", "Messages on stdin end with a NUL byte instead of a newline",
                &flags->null);
  settings.Value("-D,--delimiter", "STR", "Messages on stdin end with STR (\\n, \\t, \\xNN known)",
                 [flags](absl::string_view value) {
                   if (!value.empty() && absl::CUnescape(value, &flags->source.delimiter)) {
                     return absl::OkStatus();
                   }
                   return absl::InvalidArgumentError("not a delimiter");
                 });
  settings.Flag("-1,--whole", "All of stdin is one message", &flags->whole);
  settings.Flag("-J,--jsonl", "Lines on stdin are JSON objects, as chat-listen --json prints them",
                &flags->jsonl);
  settings.AtMostOne({"null", "delimiter", "whole", "jsonl"});
  settings.Value("--overlong", "HOW",
                 "What to do with a message that is too long for one: split (the default), "
                 "truncate or error",
                 [flags](absl::string_view value) {
                   absl::StatusOr<Overlong> overlong = ParseOverlong(value);
                   if (overlong.ok()) flags->send.overlong = *overlong;
                   return overlong.status();
                 });
  settings.Value("--invalid", "HOW",
                 "What to do with a message that cannot be sent (not UTF-8, a NUL, a bad JSON "
                 "object): fail (the default), skip (they are counted), or replace its bad bytes",
                 [flags](absl::string_view value) {
                   const absl::StatusOr<Invalid> invalid = ParseInvalid(value);
                   if (invalid.ok()) flags->source.invalid = *invalid;
                   return invalid.status();
                 });
  settings.Duration("--ack-timeout",
                    "Longest wait for the next confirmation, or for the server to end the "
                    "connection where that is the confirmation, default 30s",
                    &flags->send.ack_timeout);
  settings.Duration("--answer-timeout",
                    "Where USER has to agree first: how long that may take, default 60s",
                    &flags->send.answer_timeout);
  settings.List("--file", "PATH",
                absl::StrCat("Send this file to USER, behind MESSAGE if there is one; stdin is not "
                             "read. Exit 0 says that USER's program has taken it (",
                             DialectsThat(SendsDirectly, AllDialects()),
                             "), or that the server has it and that USER has not refused it "
                             "within a second (",
                             DialectsThat(SendsThroughServer, AllDialects()), ")"),
                [flags](absl::string_view value) {
                  flags->send.files.emplace_back(value);
                  return absl::OkStatus();
                });
  settings.Flag("--register",
                absl::StrCat("Make an account of this name and password first. Stdin is not read: "
                             "without MESSAGE and --file this is all. Over: ",
                             DialectsThat(Registers, AllDialects())),
                &flags->send.make_account);
  settings.Words("MESSAGE", "One message of these words; without any, or as \"-\", stdin is read",
                 &flags->words);
}

bool ReadsInput(const Flags& flags) {
  return flags.words.empty() && !flags.send.make_account && flags.send.files.empty();
}

Source MakeSource(const Flags& flags, const ClientTraits& traits, Input* input) {
  SourceOptions options = flags.source;
  options.ascii_only = traits.ascii_only;
  if (!flags.words.empty()) return Source(absl::StrJoin(flags.words, " "), options);
  if (!ReadsInput(flags)) return Source();
  if (flags.jsonl) options.kind = SourceOptions::Kind::kJsonl;
  if (flags.whole) options.delimiter = "";
  if (flags.null) options.delimiter = std::string(1, '\0');
  return Source(input, options);
}

// InvalidArgument if the dialect of `url` cannot do what the flags say.
absl::Status Check(const Flags& flags, const client::ServerUrl& url) {
  const Dialect& dialect = *url.dialect;
  const ClientTraits traits = dialect.client_traits();
  const SendOptions& send = flags.send;
  const auto only = [&](absl::string_view what, bool (*can)(const ClientTraits&)) {
    return absl::InvalidArgumentError(
        absl::StrCat(dialect.name(), what, "; these do: ", DialectsThat(can, AllDialects())));
  };
  if (send.make_account && !Registers(traits)) return only(" makes no accounts", Registers);
  if (!send.files.empty() && !SendsFiles(traits)) return only(" carries no files", SendsFiles);
  if (!send.files.empty() && send.to.empty()) {
    return absl::InvalidArgumentError("--file needs --to USER");
  }
  if (send.only_account && !send.to.empty()) {
    return absl::InvalidArgumentError("with --register, stdin is not read: MESSAGE is missing");
  }
  const bool direct = traits.private_way == PrivateWay::kDirect ||
                      (traits.file_way == FileWay::kDirect && !send.files.empty());
  if (url.tls && direct && !send.to.empty()) {
    return absl::InvalidArgumentError("a direct connection to USER does not go over TLS");
  }
  const bool to_everyone = send.to.empty() && !flags.jsonl && !send.only_account;
  if (to_everyone && !traits.public_room) {
    return absl::InvalidArgumentError(
        absl::StrCat(dialect.name(), " has no public room: say --to USER"));
  }
  return absl::OkStatus();
}

bool ShowsProgress(const Flags& flags) {
  const char* terminal = ::getenv("TERM");
  return !flags.client.quiet && ::isatty(STDERR_FILENO) != 0 &&
         (terminal == nullptr || absl::string_view(terminal) != "dumb");
}

int Main(int argc, char** argv) {
  Settings settings("chat-send", "Sends messages and waits until the server has confirmed each.",
                    "tail -f /var/log/syslog | chat-send -s cfp://chat.example -u syslog");
  Flags flags;
  Declare(settings, &flags);
  if (const std::optional<int> code = settings.Parse(argc, argv)) return *code;

  Diagnostics diagnostics("chat-send", std::cerr);
  diagnostics.set_quiet(flags.client.quiet);
  diagnostics.set_verbose(flags.client.verbose);
  absl::StatusOr<Account> account = ChooseAccount(settings, flags.client, FindDialect, "");
  if (!account.ok()) {
    diagnostics.Error(account.status().message());
    return kExitUsage;
  }
  if (flags.words == std::vector<std::string>{"-"}) flags.words.clear();
  if (!flags.words.empty() && absl::StrJoin(flags.words, "").empty()) {
    diagnostics.Error("MESSAGE is empty");
    return kExitUsage;
  }
  if (ReadsInput(flags) && WasClosed(STDIN_FILENO)) {
    diagnostics.Error("there is no MESSAGE, and standard input is closed");
    return kExitNoInput;
  }
  flags.send.only_account =
      flags.send.make_account && flags.words.empty() && flags.send.files.empty();
  if (absl::Status status = Check(flags, account->url); !status.ok()) {
    diagnostics.Error(status.message());
    return kExitUsage;
  }
  if (const std::optional<ExitCode> code =
          ChoosePassword(settings, flags.client, flags.send.make_account,
                         Surroundings::OfThisProcess(), diagnostics, &*account)) {
    return *code;
  }
  flags.send.account = *std::move(account);
  flags.send.reconnect = flags.client.reconnect;
  if (ShowsProgress(flags)) flags.send.progress = &std::cerr;

  asio::io_context io(1);
  Input input(io.get_executor(), STDIN_FILENO);
  Source source = MakeSource(flags, flags.send.account.url.dialect->client_traits(), &input);
  Sender sender(io, flags.send, source, diagnostics);
  return RunToEnd(io, sender.Run());
}

}  // namespace
}  // namespace chat::tools

int main(int argc, char** argv) {
  chat::tools::PrepareStandardDescriptors();
  const int code = chat::tools::Main(argc, argv);
  if (code == chat::tools::kExitInterrupted) chat::tools::DieOf(SIGINT);
  if (code == chat::tools::kExitTerminated) chat::tools::DieOf(SIGTERM);
  if (code == 128 + SIGHUP) chat::tools::DieOf(SIGHUP);
  return code;
}
