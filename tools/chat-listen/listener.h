// chat-listen: prints every message as it comes.

#ifndef TOOLS_CHAT_LISTEN_LISTENER_H_
#define TOOLS_CHAT_LISTEN_LISTENER_H_

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/client.h"
#include "libchat/client/reconnect.h"
#include "libchat/client/signal.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/format.h"
#include "tools/common/stdio.h"

namespace chat::tools {

struct ListenOptions {
  Account account;
  client::ReconnectPolicy reconnect;
  Format format;
  Format::Raw raw = Format::Raw::kNothing;
  std::optional<int64_t> count;           // ends after so many messages
  std::optional<absl::Duration> timeout;  // ends after that time, counted from the start
  std::string from;                       // empty: from anybody
  std::optional<bool> only_private;       // else both kinds
  int ready_fd = -1;  // a byte is written there once logged in, and it is closed
};

// What came in one read is written in one piece, at once.
//
// Thread safety: none; it lives on the thread that runs `io`.
class Listener {
 public:
  // All references outlive this.
  Listener(asio::io_context& io, ListenOptions options, Output& output, Diagnostics& diagnostics);

  // Listens until the count is reached (kExitOk), the time is over (kExitOk without a count, else
  // kExitTimeout), nobody reads the output any more (kExitBrokenPipe) or the connection has failed
  // for good. Called once.
  asio::awaitable<ExitCode> Run();

 private:
  // Connects, as often as it takes; ends with stopped_.
  asio::awaitable<void> Serve();
  // On the logged-in client: until the count is reached, which is OK, or an error.
  asio::awaitable<absl::Status> Listen(client::Client& client);
  // Appends to batch_ what of `events` is wanted.
  void Print(const std::vector<ClientEvent>& events);
  bool Wanted(const Received& message, const std::string& from) const;
  bool Enough() const { return options_.count.has_value() && printed_ >= *options_.count; }
  void SayReady();
  void Stop(ExitCode code);

  const ListenOptions options_;
  Output& output_;
  Diagnostics& diagnostics_;
  asio::io_context& io_;
  std::mt19937_64 random_;
  client::Backoff backoff_;
  asio::steady_timer timeout_;

  client::Signal changed_;
  std::optional<ExitCode> stopped_;
  bool ready_said_ = false;
  int64_t printed_ = 0;
  std::string batch_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_LISTENER_H_
