// chat-listen: prints every message as it comes, and answers who asks for leave to write.

#ifndef TOOLS_CHAT_LISTEN_LISTENER_H_
#define TOOLS_CHAT_LISTEN_LISTENER_H_

#include <optional>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/signal_set.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/client.h"
#include "libchat/client/reconnect.h"
#include "libchat/client/signal.h"
#include "tools/chat-listen/direct_desk.h"
#include "tools/chat-listen/file_desk.h"
#include "tools/chat-listen/inbox.h"
#include "tools/chat-listen/printer.h"
#include "tools/common/allowed.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/refusals.h"
#include "tools/common/stdio.h"

namespace chat::tools {

struct ListenOptions {
  Account account;
  client::ReconnectPolicy reconnect;
  PrintOptions print;
  std::optional<absl::Duration> timeout;  // ends after that time, counted from the start
  Allowed allowed;                        // whose requests, and whose files, are accepted
  InboxOptions inbox;
  int ready_fd = -1;  // a byte is written there once logged in, and it is closed
};

// What came in one read is written in one piece, at once.
//
// Thread safety: none; it lives on the thread that runs `io`.
class Listener {
 public:
  // When enough has come: how long those who are connected may take to end, which confirms to them
  // what was printed.
  static constexpr absl::Duration kGrace = absl::Seconds(1);

  // All references outlive this.
  Listener(asio::io_context& io, ListenOptions options, Output& output, Diagnostics& diagnostics);

  // Listens until the count is reached (kExitOk), the time is over (kExitOk without a count, else
  // kExitTimeout), nobody reads the output any more (kExitBrokenPipe) or the connection has failed
  // for good. Called once.
  asio::awaitable<ExitCode> Run();

 private:
  // Connects, as often as it takes; ends with stopped_.
  asio::awaitable<void> Serve();
  // On the logged-in client, until an error.
  asio::awaitable<absl::Status> Listen(client::Client& client, std::string self);
  absl::Status OnEvent(const ClientEvent& event, client::Client& client, const std::string& self);
  void OnPiece(const FileChunkReceived& piece, const std::string& self);
  void OnAsked(const Asked& asked, client::Client& client, const std::string& self);
  void SayReady();
  void Stop(ExitCode code);
  // Files under way are given up in an orderly way when the process is told to end.
  void CatchSignals();

  const ListenOptions options_;
  Diagnostics& diagnostics_;
  asio::io_context& io_;
  std::mt19937_64 random_;
  client::Backoff backoff_;
  asio::steady_timer timeout_;
  asio::signal_set signals_;

  client::Signal changed_;
  std::optional<ExitCode> stopped_;
  bool ready_said_ = false;
  Refusals refusals_;
  Printer printer_;
  Output& output_;
  Inbox inbox_;
  FileDesk files_;
  DirectDesk direct_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_LISTENER_H_
