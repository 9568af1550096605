// chat-send: flags only; what it does is Sender's.

#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "asio/io_context.hpp"
#include "libchat/dialect/registry.h"
#include "tools/chat-send/sender.h"
#include "tools/chat-send/source.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/event_loop.h"
#include "tools/common/exit_codes.h"
#include "tools/common/settings.h"
#include "tools/common/stdio.h"

namespace chat::tools {
namespace {

struct Flags {
  ClientFlags client;
  SendOptions send;
  bool null = false;
  bool whole = false;
  bool jsonl = false;
  std::string delimiter = "\n";
  std::vector<std::string> words;
};

void Declare(Settings& settings, Flags* flags) {
  AddClientFlags(settings, &flags->client);
  AddTlsFlags(settings, &flags->client);
  settings.Text("-t,--to", "USER", "A private message to USER; without it, to everyone",
                &flags->send.to);
  settings.Flag("-0,--null", "Messages on stdin end with a NUL byte instead of a newline",
                &flags->null);
  settings.Value("-D,--delimiter", "STR", "Messages on stdin end with STR (\\n, \\t, \\xNN known)",
                 [flags](absl::string_view value) {
                   if (!value.empty() && absl::CUnescape(value, &flags->delimiter)) {
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
  settings.Duration("--ack-timeout",
                    "Longest wait for the next confirmation of the server, default 30s",
                    &flags->send.ack_timeout);
  settings.Words("MESSAGE", "One message of these words; without any, stdin is read",
                 &flags->words);
}

Source MakeSource(const Flags& flags, Input* input) {
  if (!flags.words.empty()) return Source(absl::StrJoin(flags.words, " "));
  const Source::Kind kind = flags.jsonl ? Source::Kind::kJsonl : Source::Kind::kText;
  if (flags.whole) return Source(input, "", kind);
  return Source(input, flags.null ? std::string(1, '\0') : flags.delimiter, kind);
}

int Main(int argc, char** argv) {
  Settings settings("chat-send", "Sends messages and waits until the server has confirmed each.",
                    "tail -f /var/log/syslog | chat-send -s chaton://chat.example -u syslog");
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
  flags.send.account = *std::move(account);
  flags.send.reconnect = flags.client.reconnect;

  asio::io_context io(1);
  Input input(io.get_executor(), STDIN_FILENO);
  Source source = MakeSource(flags, &input);
  Sender sender(io, flags.send, source, diagnostics);
  return RunToEnd(io, sender.Run());
}

}  // namespace
}  // namespace chat::tools

int main(int argc, char** argv) {
  const int code = chat::tools::Main(argc, argv);
  if (code == chat::tools::kExitInterrupted) chat::tools::DieOf(SIGINT);
  if (code == chat::tools::kExitTerminated) chat::tools::DieOf(SIGTERM);
  return code;
}
