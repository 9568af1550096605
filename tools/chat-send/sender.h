// chat-send: carries messages to a server and waits until each is confirmed.

#ifndef TOOLS_CHAT_SEND_SENDER_H_
#define TOOLS_CHAT_SEND_SENDER_H_

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
#include "tools/chat-send/cut.h"
#include "tools/chat-send/ledger.h"
#include "tools/chat-send/source.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"

namespace chat::tools {

struct SendOptions {
  Account account;
  client::ReconnectPolicy reconnect;
  // Everything goes to this user. Empty: to everyone, or where a JSON object says.
  std::string to;
  Overlong overlong = Overlong::kSplit;
  // The longest time without a confirmation while one is due.
  absl::Duration ack_timeout = absl::Seconds(30);
};

// At most kWindow parts are in flight, so a slow server slows the input. A message counts as
// delivered when the server's confirmation of it has come (the dialect's ClientTraits say which
// kind there is); with Confirmation::kNone, when the server has closed the connection cleanly
// behind everything that was sent.
//
// What was in flight when a connection broke is sent again on the next one, if there shall be one:
// nothing is lost, but a message may arrive twice. Where the dialect confirms nothing, a
// connection that breaks is the end: nobody knows what to send again.
//
// Thread safety: none; it lives on the thread that runs `io`.
class Sender {
 public:
  static constexpr size_t kWindow = 256;

  // All references outlive this.
  Sender(asio::io_context& io, SendOptions options, Source& source, Diagnostics& diagnostics);

  // Does it all, says on `diagnostics` what went wrong, and returns what the process exits with.
  // Called once.
  asio::awaitable<ExitCode> Run();

 private:
  // Connects, as often as it takes; ends with stopped_.
  asio::awaitable<void> Serve();
  // On the logged-in client: until everything is confirmed, or an error.
  asio::awaitable<absl::Status> Converse();
  asio::awaitable<absl::Status> Barrier();
  // Hands over what comes, until `client` fails: then that is status_.
  asio::awaitable<void> Listen(std::shared_ptr<client::Client> client);
  // Moves messages from the source to whatever client there is.
  asio::awaitable<void> Produce();
  asio::awaitable<absl::Status> Send(Outgoing message);
  asio::awaitable<absl::Status> SendPart(Part part);

  // The same status, which says where in the input it arose.
  absl::Status InMessage(int64_t number, const absl::Status& status) const;
  bool Confirmable(const Part& part) const;
  absl::Status Transmit(SendToken token, const Part& part);
  void OnEvent(const ClientEvent& event);
  void WatchForSilence();
  bool MayRetry(const absl::Status& status) const;
  ExitCode ExitFor(const absl::Status& status) const;
  ExitCode ExitForInput() const;
  void Report(const absl::Status& failure);
  void Stop(ExitCode code);

  const SendOptions options_;
  const ClientTraits traits_;
  Source& source_;
  Diagnostics& diagnostics_;
  asio::io_context& io_;
  asio::signal_set signals_;
  std::mt19937_64 random_;
  client::Backoff backoff_;

  // Whoever waits, waits for changed_ and looks at what follows.
  client::Signal changed_;
  std::optional<ExitCode> stopped_;
  std::shared_ptr<client::Client> client_;  // null unless logged in
  absl::Status status_;                     // of client_
  bool was_logged_in_ = false;
  int64_t sending_ = 0;  // the number of the message that Produce has in its hands
  bool input_done_ = false;
  absl::Status input_status_;
  Ledger ledger_;
  asio::steady_timer silence_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_SENDER_H_
