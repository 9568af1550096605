// chatd: the server. See --help.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iostream>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/chatd/run.h"
#include "tools/common/command_line.h"
#include "tools/common/escape.h"
#include "tools/common/exit_codes.h"
#include "tools/common/standard_descriptors.h"
#include "tools/common/version.h"

namespace {

constexpr char kDescription[] = "A chat server whose protocols share one room.";

constexpr char kFooter[] = R"(
With no options it serves every protocol on 127.0.0.1, on the protocol's own ports.
Each option but --ready-fd and those that print something is also a line of the config file and an
environment variable: --log-level is log_level there and CHATD_LOG_LEVEL here. An option wins over
the environment, that over the file. Limits are set in the file alone: see --print-config. In the
file, what is said of merging, from --server-id to --merge-with, stands in a block, mesh.

SIGTERM and SIGINT: lets nobody in any more, tells everybody, and ends; at once when it comes again.
SIGHUP: reads the config file again, for the limits and the log level.

Example:
  chatd 2>&1 | grep -v info
  chatd --print-config > chatd.textproto && chatd --config chatd.textproto)";

// An option's text, if it was given.
void AddText(CLI::App& app, const std::string& name, std::optional<std::string>& text,
             const std::string& type, const std::string& help) {
  app.add_option_function<std::string>(
         name, [&text](const std::string& given) { text = given; }, help)
      ->type_name(type)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

int Fail(int code, absl::string_view what) {
  fprintf(stderr, "chatd: %s\n", chat::tools::Escape(what).c_str());
  return code;
}

void SetLogLevel(chat::tools::Flags& flags, const char* level) {
  if (!flags.settings.log_level) flags.settings.log_level = level;
}

}  // namespace

int main(int argc, char** argv) {
  chat::tools::PrepareStandardDescriptors();
  chat::tools::Flags flags;
  if (const char* config = getenv("CHATD_CONFIG")) flags.config = config;

  CLI::App app(kDescription, "chatd");
  app.footer(kFooter);
  app.set_version_flag("-V,--version", std::string("chatd ") + chat::tools::kVersion);
  app.add_option("--config", flags.config, "the config file")
      ->type_name("FILE")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--listen", flags.settings.listen,
                 "where to listen: SCHEME://ADDRESS[:PORT][?OPTION=VALUE]; may be repeated")
      ->type_name("URL")
      ->allow_extra_args(false);
  AddText(app, "--admin", flags.settings.admin, "ADDR", "the admin API: unix:PATH, or none");
  AddText(app, "--data-dir", flags.settings.data_dir, "DIR", "this server's own directory");
  AddText(app, "--threads", flags.settings.threads, "N", "I/O threads (default: one a core)");
  AddText(app, "--log-level", flags.settings.log_level, "LEVEL",
          "debug, info, warning or error (default: info)");
  AddText(app, "--server-id", flags.settings.server_id, "N",
          "this server's id among those that it merges with (default: a random one, kept)");
  app.add_option("--allow-merge-from", flags.settings.allow_merge_from,
                 "whom to merge with: an address, or a range 192.0.2.0/24; may be repeated "
                 "(default: nobody)")
      ->type_name("CIDR")
      ->allow_extra_args(false);
  AddText(app, "--list-self", flags.settings.list_self, "BOOL",
          "whether merged servers tell others where this one is (default: true)");
  AddText(app, "--listed-port", flags.settings.listed_port, "PORT",
          "the port that they are told (default: that of the first listener for links)");
  app.add_option("--merge-with", flags.settings.merge_with,
                 "another server to merge with, for as long as this one runs; may be repeated")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  app.add_flag_callback(
      "-v,--verbose", [&] { SetLogLevel(flags, "debug"); }, "as --log-level debug");
  app.add_flag_callback(
      "-q,--quiet", [&] { SetLogLevel(flags, "error"); }, "as --log-level error");
  app.add_option("--ready-fd", flags.ready_fd,
                 "writes to this descriptor, once clients can connect, the URL of each listener on "
                 "a line of its own, then an empty line, and closes it")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--check-config", flags.check_config, "exits with 0 if all settings are valid");
  app.add_flag("--print-config", flags.print_config, "prints all settings as a config file");

  // What CLI11 takes in silence is found first: empty values, and options given twice.
  const absl::StatusOr<chat::tools::CommandLine> line =
      chat::tools::ReadCommandLine(app, argc, argv);
  if (!line.ok()) return Fail(chat::tools::kExitUsage, line.status().message());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return Fail(chat::tools::kExitUsage, error.what());
    app.exit(error);
    if (std::cout.flush()) return chat::tools::kExitOk;
    return Fail(chat::tools::kExitIoError,
                absl::StrCat("cannot write the output: ", strerror(errno)));
  }
  return chat::tools::Run(flags);
}
