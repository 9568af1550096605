// chat-listen: prints every message as it comes, and answers who asks for leave to write.

#ifndef TOOLS_CHAT_LISTEN_LISTENER_H_
#define TOOLS_CHAT_LISTEN_LISTENER_H_

#include <chrono>
#include <memory>
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
#include "libchat/dialect/client_session.h"
#include "tools/chat-listen/direct_desk.h"
#include "tools/chat-listen/file_desk.h"
#include "tools/chat-listen/inbox.h"
#include "tools/chat-listen/output_queue.h"
#include "tools/chat-listen/printer.h"
#include "tools/common/allowed.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/reconnector.h"
#include "tools/common/refusals.h"
#include "tools/common/stdio.h"

namespace chat::tools {

struct ListenOptions {
  Account account;
  client::ReconnectPolicy reconnect;
  PrintOptions print;
  std::optional<absl::Duration> timeout;  // ends after that time, counted from the start
  std::optional<absl::Duration> idle;     // ends if nothing is printed for so long
  Allowed allowed;                        // whose requests, and whose files, are accepted
  InboxOptions inbox;
  int ready_fd = -1;  // a byte is written there once logged in, and it is closed
};

// What came in one read is written in one piece, at once. While the reader of the output is slow,
// this reads on from the server, into an OutputQueue; if that is full, TCP makes the server wait.
//
// Thread safety: none; it lives on the thread that runs `io`.
class Listener {
 public:
  // When enough has come: how long those who are connected may take to end, which confirms to them
  // what was printed. When the time is over: how long the reader of the output may take for what
  // has come.
  static constexpr absl::Duration kGrace = absl::Seconds(1);
  // How long the goodbye to the server may take, if that reads slowly.
  static constexpr absl::Duration kGoodbye = absl::Milliseconds(100);

  // All references outlive this.
  Listener(asio::io_context& io, ListenOptions options, Output& output, Diagnostics& diagnostics);

  // Listens until the count is reached (kExitOk), the time is over or nothing comes any more
  // (kExitOk without a count, else kExitTimeout; kExitTimeout too if it was never logged in),
  // nobody reads the output any more (kExitBrokenPipe), a signal ends it or the connection has
  // failed for good. What has come before that is written first, unless nobody wants it. Called
  // once.
  asio::awaitable<ExitCode> Run();

 private:
  using Clock = std::chrono::steady_clock;

  enum class Haste { kWhenWritten, kAtOnce };
  struct End {
    ExitCode code = kExitOk;
    Haste haste = Haste::kWhenWritten;
  };

  // Connects, as often as it takes.
  asio::awaitable<void> Serve();
  void OnLoggedIn(std::shared_ptr<client::Client> client, const std::string& self);
  // On the logged-in client, until an error.
  asio::awaitable<absl::Status> Listen(client::Client& client, std::string self);
  absl::Status OnEvent(const ClientEvent& event, client::Client& client, const std::string& self);
  void OnAsked(const Asked& asked, client::Client& client, const std::string& self);
  // What is known about the end of the connection.
  absl::Status Explained(const absl::Status& status) const;
  void SayReady();

  void EndWith(ExitCode code, Haste haste);
  bool IsOver() const;
  ExitCode Outcome() const;
  asio::awaitable<void> SayGoodbye();

  void CatchSignals();
  void WatchTheTime();
  void OnTimeOver();
  // While logged in.
  void WatchForIdleness();
  void OnPerhapsIdle();
  Clock::time_point idle_from() const;

  const ListenOptions options_;
  Diagnostics& diagnostics_;
  asio::io_context& io_;
  std::mt19937_64 random_;
  Reconnector reconnector_;
  asio::steady_timer timeout_;
  asio::steady_timer idle_;
  asio::signal_set signals_;

  client::Signal changed_;
  std::optional<End> end_;
  bool ready_ = false;                      // has been logged in
  std::shared_ptr<client::Client> client_;  // while logged in
  Clock::time_point busy_;                  // when it was not idle, whatever was printed
  bool was_full_ = false;                   // the queue, during this connection
  absl::Status failure_;                    // of the last connection
  Output& output_;
  OutputQueue queue_;
  Refusals refusals_;
  Printer printer_;
  Inbox inbox_;
  FileDesk files_;
  DirectDesk direct_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_LISTENER_H_
