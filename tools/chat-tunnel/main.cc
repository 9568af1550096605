#include <sys/resource.h>

#include <csignal>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "asio/io_context.hpp"
#include "asio/signal_set.hpp"
#include "libchat/dialect/registry.h"
#include "tools/chat-tunnel/chat_tunnel.h"
#include "tools/chat-tunnel/flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/event_loop.h"
#include "tools/common/exit_codes.h"
#include "tools/common/settings.h"
#include "tools/common/signals.h"
#include "tools/common/standard_descriptors.h"

namespace {

// A stream needs two descriptors, or four while bytes are held up.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace chat::tools;  // NOLINT: it is all about them
  PrepareStandardDescriptors();
  ExitCode exit_code = kExitBug;
  std::optional<TunnelFlags> flags =
      ReadTunnelFlags(argc, argv, chat::AllDialects(), Surroundings::OfThisProcess(), &exit_code);
  if (!flags) return exit_code;

  std::signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  Diagnostics diagnostics("chat-tunnel", std::cerr);
  diagnostics.set_quiet(flags->quiet);
  diagnostics.set_verbose(flags->verbose);
  asio::io_context io(1);
  absl::BitGen random;
  ChatTunnel tunnel(io, std::move(flags->options), std::move(flags->account), random, diagnostics,
                    std::cerr);
  // Whatever is open ends with a reset: that is how its sockets are set until they end in order.
  asio::signal_set signals(io);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) AddUnlessIgnored(signals, signal);
  signals.async_wait([&tunnel](asio::error_code error, int signal) {
    if (error) return;
    tunnel.CleanUp();
    DieOf(signal);
  });
  exit_code = RunToEnd(io, tunnel.Run());
  if (exit_code == kExitBrokenPipe) DieOf(SIGPIPE);
  return exit_code;
}
