// chat-admin: shows and steers a running chatd. See --help.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/chat-admin/verbs.h"
#include "tools/common/settings.h"
#include "tools/common/standard_descriptors.h"

namespace {

using chat::tools::OutputFormat;

absl::Status SetFormat(absl::string_view name, OutputFormat* format) {
  if (name == "table") {
    *format = OutputFormat::kTable;
  } else if (name == "json") {
    *format = OutputFormat::kJson;
  } else if (name == "csv") {
    *format = OutputFormat::kCsv;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("table, json or csv, not \"", name, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  chat::tools::PrepareStandardDescriptors();
  chat::tools::AdminFlags flags;
  std::vector<std::string> words;
  bool no_headers = false;

  chat::tools::Settings settings(
      "chat-admin",
      absl::StrCat("Shows and steers a running chatd. Verbs:\n", chat::tools::VerbsHelp()),
      "chat-admin users -o json | jq -r '.[].name'");
  settings.Text("-a,--admin", "ADDR",
                "chatd's admin socket, unix:PATH (default: this user's chatd)", &flags.admin);
  settings.Value("-o,--output", "FORMAT", "table, json or csv (default: table)",
                 [&](absl::string_view name) { return SetFormat(name, &flags.style.format); });
  settings.Flag("--no-headers", "No line of column names", &no_headers);
  settings.Flag("--show-addresses", "connections: where clients connect from",
                &flags.show_addresses);
  settings.Number("-c,--count", "watch, top: end after N events, frames", 1, &flags.count);
  settings.Duration("-W,--timeout", "watch, top: end after DUR", &flags.duration);
  settings.Flag("-b,--batch", "top: one frame after the other, no screen", &flags.batch);
  settings.Duration("-d,--delay", "top: time between frames (default: 1s)", &flags.delay);
  settings.Duration("--connect-timeout", "How long the server may take to answer (default: 10s)",
                    &flags.timeout);
  settings.Flag("-v,--verbose", "Say more on stderr", &flags.verbose);
  settings.Flag("-q,--quiet", "Say nothing but mistakes on stderr", &flags.quiet);
  settings.AtMostOne({"quiet", "verbose"});
  settings.Words("VERB", "What to do, and with what", &words);
  if (const std::optional<int> exit = settings.Parse(argc, argv)) return *exit;
  flags.style.headers = !no_headers;
  return chat::tools::RunVerb(words, flags);
}
