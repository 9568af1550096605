// chat-bench: what does a delivery, or a relayed byte, cost a server? Flags only.

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "libchat/client/url.h"
#include "libchat/dialect/registry.h"
#include "tools/chat-bench/fanout.h"
#include "tools/chat-bench/report.h"
#include "tools/chat-bench/tunnel.h"
#include "tools/common/escape.h"
#include "tools/common/exit_codes.h"
#include "tools/common/host_port.h"
#include "tools/common/standard_descriptors.h"
#include "tools/common/version.h"

namespace chat::bench {
namespace {

struct Flags {
  std::string server = "chaton://127.0.0.1";
  std::string output = "table";
  double warm_up = 1;
  double duration = 5;
  std::string via;
  uint16_t sink_port = 0;
  FanoutOptions fanout;
  TunnelOptions tunnel;
};

absl::StatusOr<client::ServerUrl> ChatServer(const std::string& url) {
  absl::StatusOr<client::ServerUrl> server = client::ParseServerUrl(url, AllDialects());
  if (server.ok() && server->tls) return absl::UnimplementedError("chat-bench speaks no TLS");
  return server;
}

absl::StatusOr<FanoutResult> MeasureFanout(const Flags& flags) {
  absl::string_view redis = flags.server;
  const std::string unique = absl::StrCat("b", absl::Hex(getpid()));
  if (absl::ConsumePrefix(&redis, "redis://")) {
    const absl::StatusOr<HostPort> address = tools::ParseHostPort(redis);
    if (!address.ok()) return address.status();
    const auto endpoint = [&unique](Role role, size_t) {
      return std::make_unique<RedisEndpoint>(role, unique);
    };
    return RunFanout(*address, endpoint, flags.fanout);
  }
  const absl::StatusOr<client::ServerUrl> server = ChatServer(flags.server);
  if (!server.ok()) return server.status();
  if (!server->dialect->client_traits().public_room) {
    return absl::UnimplementedError(absl::StrCat(server->dialect->name(), " has no public room"));
  }
  const auto endpoint = [&](Role role, size_t index) {
    return std::make_unique<DialectEndpoint>(
        *server->dialect, server->options,
        role == Role::kSender ? absl::StrCat(unique, "s") : absl::StrCat(unique, "r", index));
  };
  return RunFanout({server->host, server->port}, endpoint, flags.fanout);
}

absl::StatusOr<Stream> OpenStream(const Flags& flags) {
  if (!flags.via.empty()) {
    const absl::StatusOr<HostPort> proxy = tools::ParseHostPort(flags.via);
    if (!proxy.ok()) return proxy.status();
    return OpenThroughProxy(*proxy, flags.sink_port);
  }
  const absl::StatusOr<client::ServerUrl> server = ChatServer(flags.server);
  if (!server.ok()) return server.status();
  return OpenRelay({server->host, server->port}, *server->dialect, server->options);
}

absl::StatusOr<TunnelResult> MeasureTunnel(const Flags& flags) {
  const absl::StatusOr<Stream> stream = OpenStream(flags);
  if (!stream.ok()) return stream.status();
  return RunTunnel(*stream, flags.tunnel);
}

void AddCommonFlags(CLI::App& verb, Flags& flags, int& server_pid) {
  verb.add_option("--duration", flags.duration, "Seconds to measure")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb.add_option("--warm-up", flags.warm_up, "Seconds of load before that")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--pid", server_pid, "Process of the server: measures its CPU time")
      ->check(CLI::PositiveNumber);
  verb.add_option("-o,--output", flags.output, "table or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json"}));
}

CLI::App* AddFanout(CLI::App& app, Flags& flags) {
  CLI::App* verb = app.add_subcommand(
      "fanout",
      "One sender, many receivers: deliveries a second, latency, CPU a delivery.\n"
      "A message is in flight until every receiver has it and its sender the server's\n"
      "confirmation. A delivery is a message that came out of the server: one a receiver,\n"
      "and the sender's echo where the dialect has one.");
  verb->add_option("-s,--server", flags.server,
                   "SCHEME://HOST[:PORT] of a chat server, or redis://HOST:PORT")
      ->capture_default_str();
  verb->add_option("-n,--receivers", flags.fanout.receivers, "Receivers")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->add_option("--window", flags.fanout.window, "Messages in flight")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->add_option("--size", flags.fanout.message_bytes, "Bytes of a message")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->add_option("--messages", flags.fanout.messages,
                   "Messages to measure, in place of --duration")
      ->check(CLI::PositiveNumber);
  AddCommonFlags(*verb, flags, flags.fanout.server_pid);
  return verb;
}

CLI::App* AddTunnel(CLI::App& app, Flags& flags) {
  CLI::App* verb = app.add_subcommand(
      "tunnel", "One stream through a relay: bytes a second, CPU seconds a GiB.");
  verb->add_option("-s,--server", flags.server,
                   "SCHEME://HOST[:PORT] of a chat server that relays private connections")
      ->capture_default_str();
  CLI::Option* via = verb->add_option(
      "--via", flags.via, "HOST:PORT of a TCP proxy to measure in place of a chat server");
  CLI::Option* sink = verb->add_option("--sink-port", flags.sink_port,
                                       "Port on 127.0.0.1 that the proxy connects to");
  via->needs(sink);
  sink->needs(via);
  verb->add_option("--bytes", flags.tunnel.bytes,
                   "Bytes to measure, in place of --duration and --warm-up")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--verify", flags.tunnel.verify,
                 "Compare every byte (costs more than the relay itself)");
  AddCommonFlags(*verb, flags, flags.tunnel.server_pid);
  return verb;
}

tools::ExitCode ExitCodeOf(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return tools::kExitUsage;  // all arguments are flags
  if (absl::IsInternal(status) || absl::IsResourceExhausted(status)) return tools::kExitIoError;
  return tools::ExitCodeFor(status);
}

// The exit code after everything was printed on standard output.
int EndOutput() {
  if (std::cout.flush() && std::fflush(stdout) == 0) return tools::kExitOk;
  std::fprintf(stderr, "chat-bench: cannot write the output: %s\n", std::strerror(errno));
  return tools::kExitIoError;
}

template <typename Options, typename Result>
int Print(const Flags& flags, const Options& options, const absl::StatusOr<Result>& result) {
  if (!result.ok()) {
    const std::string message = tools::Escape(result.status().message());
    std::fprintf(stderr, "chat-bench: %s\n", message.c_str());
    return ExitCodeOf(result.status());
  }
  const Report report = ToReport(options, *result);
  const std::string text = flags.output == "json" ? report.dump() + "\n" : ToTable(report);
  std::fputs(text.c_str(), stdout);
  return EndOutput();
}

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  Flags flags;
  CLI::App app("Measures what a chat server (or, for comparison, Redis or a TCP proxy) costs.");
  app.footer(
      "Example: chat-bench fanout -n 1000 --pid $(pidof chatd) -o json | jq "
      ".deliveries_per_second");
  app.set_version_flag("-V,--version", absl::StrCat("chat-bench ", tools::kVersion));
  app.require_subcommand(1);
  const CLI::App* fanout = AddFanout(app, flags);
  AddTunnel(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // or --help, or --version
    return app.exit(error) == 0 ? EndOutput() : tools::kExitUsage;
  }
  flags.fanout.warm_up = flags.tunnel.warm_up = absl::Seconds(flags.warm_up);
  flags.fanout.duration = flags.tunnel.duration = absl::Seconds(flags.duration);
  if (fanout->parsed()) return Print(flags, flags.fanout, MeasureFanout(flags));
  return Print(flags, flags.tunnel, MeasureTunnel(flags));
}

}  // namespace
}  // namespace chat::bench

int main(int argc, char** argv) {
  chat::tools::PrepareStandardDescriptors();
  return chat::bench::Main(argc, argv);
}
