#include "tools/chat-admin/verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "tools/chat-admin/admin_client.h"
#include "tools/chat-admin/reader_watch.h"
#include "tools/chat-admin/rows.h"
#include "tools/chat-admin/screen.h"
#include "tools/chat-admin/top.h"
#include "tools/common/diagnostics.h"
#include "tools/common/host_port.h"
#include "tools/common/paths.h"
#include "tools/common/secrets.h"

namespace chat::tools {
namespace {

// Of watch: time, sequence, kind, user, dialect, number.
const std::vector<size_t>& EventWidths() {
  static const auto& widths = *new std::vector<size_t>{24, 8, 13, 16, 8, 6};
  return widths;
}

// What a verb works with.
struct Context {
  const AdminFlags& flags;
  AdminClient& client;
  Diagnostics& say;
  absl::Span<const std::string> arguments;  // behind the verb
  Secret password;                          // if the verb takes one
};

ExitCode CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitBadInput;
    case absl::StatusCode::kNotFound:
      return kExitNoUser;
    case absl::StatusCode::kPermissionDenied:
      return kExitRefused;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeout;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
      return kExitUnavailable;
    default:
      return kExitBug;
  }
}

ExitCode Fail(Context& context, const absl::Status& status) {
  context.say.Error(status.message());
  return CodeOf(status);
}

ExitCode Print(Context& context, const std::string& text) {
  const bool written = fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && fflush(stdout) == 0) return kExitOk;
  context.say.Error(absl::StrCat("cannot write the output: ", strerror(errno)));
  return kExitIoError;
}

// ---- What is there ----

ExitCode Status(Context& context) {
  const auto status = context.client.GetStatus();
  if (!status.ok()) return Fail(context, status.status());
  const bool all_counters = context.flags.style.format != OutputFormat::kTable;
  return Print(context, RenderObject(ToRow(*status, all_counters), context.flags.style));
}

ExitCode Health(Context& context) {
  const absl::StatusOr<std::string> health = context.client.Health();
  if (!health.ok()) return Fail(context, health.status());
  const ExitCode printed = Print(context, RenderObject({{"status", *health}}, context.flags.style));
  return printed != kExitOk ? printed : *health == "SERVING" ? kExitOk : kExitUnavailable;
}

template <typename Entries, typename... Shown>
ExitCode PrintList(Context& context, const std::vector<std::string>& columns,
                   const absl::StatusOr<Entries>& entries, Shown... shown) {
  if (!entries.ok()) return Fail(context, entries.status());
  std::vector<Row> rows;
  for (const auto& entry : *entries) rows.push_back(ToRow(entry, shown...));
  return Print(context, RenderRows(columns, rows, context.flags.style));
}

ExitCode Users(Context& context) {
  return PrintList(context, UserColumns(), context.client.Users());
}

ExitCode Connections(Context& context) {
  const bool addresses = context.flags.show_addresses;
  return PrintList(context, ConnectionColumns(addresses), context.client.Connections(addresses),
                   addresses);
}

ExitCode Tunnels(Context& context) {
  return PrintList(context, TunnelColumns(), context.client.Tunnels());
}

ExitCode Servers(Context& context) {
  return PrintList(context, ServerColumns(), context.client.Servers());
}

ExitCode ListAccounts(Context& context) {
  return PrintList(context, AccountColumns(), context.client.Accounts());
}

// ---- What shall be ----

// For what prints nothing when it went well.
ExitCode Done(Context& context, const absl::Status& status) {
  return status.ok() ? kExitOk : Fail(context, status);
}

ExitCode Kick(Context& context) {
  return Done(context, context.client.KickUser(context.arguments[0]));
}

ExitCode CloseTunnel(Context& context) {
  uint64_t id = 0;
  if (!absl::SimpleAtoi(context.arguments[0], &id)) {
    context.say.Error(absl::StrCat("not a tunnel's id: ", context.arguments[0]));
    return kExitUsage;
  }
  return Done(context, context.client.CloseTunnel(id));
}

ExitCode Merge(Context& context) {
  const auto server = ParseHostPort(context.arguments[0]);
  if (!server.ok()) {
    context.say.Error(server.status().message());
    return kExitUsage;
  }
  return Done(context, context.client.Merge(server->host, server->port));
}

ExitCode Say(Context& context) {
  return Done(context, context.client.Say(absl::StrJoin(context.arguments, " ")));
}

ExitCode Drain(Context& context) { return Done(context, context.client.Drain()); }

ExitCode AddAccount(Context& context) {
  return Done(context, context.client.AddAccount(context.arguments[0], context.password.bytes()));
}

ExitCode SetAccountPassword(Context& context) {
  return Done(context,
              context.client.SetAccountPassword(context.arguments[0], context.password.bytes()));
}

ExitCode RemoveAccount(Context& context) {
  return Done(context, context.client.RemoveAccount(context.arguments[0]));
}

// ---- What happens ----

ExitCode Watch(Context& context) {
  const OutputStyle& style = context.flags.style;
  const int64_t wanted = context.flags.count.value_or(0);
  int64_t seen = 0;
  ExitCode printed = Print(context, RenderHeader(EventColumns(), EventWidths(), style));
  if (printed != kExitOk) return printed;

  const ReaderWatch reader([&context] { context.client.CancelWatch(); });
  const auto begun = [&context] { context.say.Detail("watching"); };
  const auto on_event = [&](const admin::v1::WatchResponse& event) {
    printed = Print(context, RenderRow(ToRow(event), EventWidths(), style));
    return printed == kExitOk && ++seen != wanted;
  };
  const absl::Status status = context.client.Watch(context.flags.duration, begun, on_event);
  if (reader.gone()) DieOf(SIGPIPE);
  if (printed != kExitOk) return printed;
  // A watch that was to end by itself, by its time or the server's end, has no more to say.
  if (status.ok() && wanted > seen) {
    context.say.Error(absl::StrCat("the server has ended after ", seen, " events"));
    return kExitUnavailable;
  }
  if (absl::IsDeadlineExceeded(status)) return wanted > seen ? kExitTimeout : kExitOk;
  return Done(context, status);
}

absl::StatusOr<TopSample> Sample(Context& context) {
  TopSample sample;
  auto status = context.client.GetStatus();
  if (!status.ok()) return status.status();
  sample.status = *std::move(status);
  auto connections = context.client.Connections(false);
  if (!connections.ok()) return connections.status();
  sample.connections = *std::move(connections);
  sample.time = absl::Now();
  return sample;
}

ExitCode ShowTop(Context& context) {
  const bool live = !context.flags.batch && Screen::Possible();
  Screen screen(live);
  Top top;
  const int64_t frames = context.flags.count.value_or(0);
  const absl::Time end = absl::Now() + context.flags.duration.value_or(absl::InfiniteDuration());
  for (int64_t frame = 1;; ++frame) {
    const absl::StatusOr<TopSample> sample = Sample(context);
    if (!sample.ok()) {
      screen.Leave();
      return Fail(context, sample.status());
    }
    const ExitCode printed = Print(context, screen.Draw(top.Frame(*sample, screen.lines())));
    if (printed != kExitOk) return printed;
    if (frame == frames || absl::Now() + context.flags.delay > end) return kExitOk;
    if (!screen.Wait(context.flags.delay)) return kExitOk;
  }
}

// ---- All verbs ----

struct Verb {
  absl::string_view name;       // one word or two
  absl::string_view arguments;  // for --help
  absl::string_view help;
  size_t least_arguments;
  size_t most_arguments;
  ExitCode (*run)(Context& context);
  bool takes_password = false;
};

constexpr size_t kAnyNumber = 1000000;

constexpr Verb kVerbs[] = {
    {"status", "", "what the server is, and how it does", 0, 0, Status},
    {"health", "", "whether it serves; exit code 69 if not", 0, 0, Health},
    {"users", "", "who is logged in", 0, 0, Users},
    {"connections", "", "the connections of clients", 0, 0, Connections},
    {"tunnels", "", "the relayed private connections", 0, 0, Tunnels},
    {"servers", "", "the servers that this one is merged with", 0, 0, Servers},
    {"merge", "HOST:PORT", "merges with another server, and all of its own", 1, 1, Merge},
    {"kick", "USER", "ends a user's connection and tunnels", 1, 1, Kick},
    {"close-tunnel", "ID", "ends a tunnel", 1, 1, CloseTunnel},
    {"say", "TEXT...", "says something to everyone, as the server", 1, kAnyNumber, Say},
    {"accounts list", "", "the names that take a password", 0, 0, ListAccounts},
    {"accounts add", "NAME", "makes one, with a password from stdin", 1, 1, AddAccount, true},
    {"accounts passwd", "NAME", "gives it another password", 1, 1, SetAccountPassword, true},
    {"accounts remove", "NAME", "removes it, and ends its user's connection", 1, 1, RemoveAccount},
    {"drain", "", "lets nobody in any more, then ends the server", 0, 0, Drain},
    {"watch", "", "what happens, as it happens", 0, 0, Watch},
    {"top", "", "what the server is busy with; q ends it", 0, 0, ShowTop},
};

struct Wanted {
  const Verb* verb = nullptr;  // null: there is none such
  absl::Span<const std::string> arguments;
};

Wanted FindVerb(absl::Span<const std::string> words) {
  for (const Verb& verb : kVerbs) {
    const std::vector<absl::string_view> name = absl::StrSplit(verb.name, ' ');
    const auto same = [](absl::string_view a, const std::string& b) { return a == b; };
    if (words.size() >= name.size() && std::equal(name.begin(), name.end(), words.begin(), same)) {
      return {&verb, words.subspan(name.size())};
    }
  }
  return {};
}

std::string NoSuchVerb(absl::Span<const std::string> words) {
  std::vector<absl::string_view> second;  // words that go with the first
  for (const Verb& verb : kVerbs) {
    const std::pair<absl::string_view, absl::string_view> name = absl::StrSplit(verb.name, ' ');
    if (name.first == words[0]) second.push_back(name.second);
  }
  if (second.empty()) return absl::StrCat("no such verb: ", words[0]);
  return absl::StrCat(words[0], " needs one of: ", absl::StrJoin(second, ", "));
}

// What is wrong with the command line, or nothing.
std::string UsageMistake(const std::vector<std::string>& words, const AdminFlags& flags) {
  if (words.empty()) return "say what to do: a verb";
  const auto [verb, arguments] = FindVerb(words);
  if (verb == nullptr) return NoSuchVerb(words);
  if (arguments.size() < verb->least_arguments) {
    return absl::StrCat(verb->name, " needs ", verb->arguments);
  }
  if (arguments.size() > verb->most_arguments && verb->takes_password) {
    // What stands there may be one, so it is not repeated.
    return absl::StrCat(verb->name, " takes a name alone: the password comes from standard input");
  }
  if (arguments.size() > verb->most_arguments) return absl::StrCat("not expected: ", words.back());
  if (verb->run == ShowTop && flags.style.format != OutputFormat::kTable) {
    return "top is for people: use status and connections with -o";
  }
  return "";
}

}  // namespace

std::string VerbsHelp() {
  std::string help;
  for (const Verb& verb : kVerbs) {
    absl::StrAppendFormat(&help, "  %-26s %s\n", absl::StrCat(verb.name, " ", verb.arguments),
                          verb.help);
  }
  return help;
}

ExitCode RunVerb(const std::vector<std::string>& words, const AdminFlags& flags) {
  Diagnostics say("chat-admin", std::cerr);
  say.set_quiet(flags.quiet);
  say.set_verbose(flags.verbose);
  if (const std::string mistake = UsageMistake(words, flags); !mistake.empty()) {
    say.Error(absl::StrCat(mistake, " (see chat-admin --help)"));
    return kExitUsage;
  }
  absl::StatusOr<std::string> socket = DefaultAdminSocket();
  if (!flags.admin.empty()) socket = AdminSocketPath(flags.admin);
  if (!socket.ok()) {
    say.Error(socket.status().message());
    return kExitUsage;
  }
  const Wanted wanted = FindVerb(words);
  absl::StatusOr<Secret> password = Secret();
  // Before there are threads: a signal at the prompt must find its echo turned on again.
  if (wanted.verb->takes_password) password = NewPassword(STDIN_FILENO, wanted.arguments[0]);
  if (!password.ok()) {
    say.Error(password.status().message());
    return absl::IsCancelled(password.status()) ? kExitInterrupted : kExitBadInput;
  }
  const auto client = AdminClient::Open(*socket, flags.timeout);
  if (!client.ok()) {
    say.Error(client.status().message());
    return CodeOf(client.status());
  }
  Context context{flags, **client, say, wanted.arguments, *std::move(password)};
  return wanted.verb->run(context);
}

}  // namespace chat::tools
