// chat-send: carries messages to a server and waits until each is confirmed.

#ifndef TOOLS_CHAT_SEND_SENDER_H_
#define TOOLS_CHAT_SEND_SENDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/signal_set.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/client.h"
#include "libchat/client/direct.h"
#include "libchat/client/file_sender.h"
#include "libchat/client/reconnect.h"
#include "libchat/client/signal.h"
#include "tools/chat-send/agreements.h"
#include "tools/chat-send/cut.h"
#include "tools/chat-send/ledger.h"
#include "tools/chat-send/source.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/reconnector.h"

namespace chat::tools {

struct SendOptions {
  Account account;
  client::ReconnectPolicy reconnect;
  // Everything goes to each of these users, none of whom is named twice. Empty: to everyone, or
  // where a JSON object says.
  std::vector<std::string> to;
  Overlong overlong = Overlong::kSplit;
  // The longest time without a confirmation while one is due.
  absl::Duration ack_timeout = absl::Seconds(30);
  // The longest time that a user who has to agree may take to answer.
  absl::Duration answer_timeout = absl::Seconds(60);
  // Sent to each of `to` behind the messages, in the dialect's FileWay.
  std::vector<std::string> files;
  // Where to show how far a file has come; null: nowhere.
  std::ostream* progress = nullptr;
  // Makes the account first (its password is in `account`)...
  bool make_account = false;
  // ... and ends after that.
  bool only_account = false;
};

// At most kWindow parts are in flight, so a slow server slows the input. A message counts as
// confirmed when
//   - its own confirmation has come (ClientTraits::private_confirmation and its like);
//   - else, where a user who is not there is told of, the server has closed the connection cleanly
//     behind everything that was sent: it has read that, and would have said what it could not do;
//   - over a direct connection, when the other user has closed that.
// Anything else is sent, and does not count as confirmed: a private message where nobody tells an
// absent user from a present one, and a file through the server, of which only a refusal is told.
//
// Where a dialect wants an agreement before a private message, each user is asked once, when the
// first message to it is due, and asked again for what follows after it has ended the talk. (What
// crosses with such an end is lost in a dialect that confirms nothing, and nobody is told.) A user
// who refuses, is not there or does not answer ends the input at that message, as a message does
// that the dialect cannot say: what stands before it is still confirmed. If there are other
// receivers, it ends the input only when none is left: the others get everything, and the first
// failure makes the exit code.
//
// What was in flight when a connection broke is sent again on the next one, if there is to be one:
// nothing is lost, but a message may arrive twice. Where the dialect confirms nothing, a
// connection that breaks is the end: nobody knows what to send again. So it is with files through
// the server.
//
// Thread safety: none; it lives on the thread that runs `io`.
class Sender {
 public:
  static constexpr size_t kWindow = 256;
  // Through the server, a file is refused, if at all, when its first piece arrives. The refusal is
  // waited for until so long after that piece was sent.
  static constexpr absl::Duration kRefusalWait = absl::Seconds(1);
  // Where the receiver has agreed to a talk and the dialect confirms nothing, there are servers
  // that do not close the connection after a goodbye. The close is waited for so long, and then
  // the messages count as sent.
  static constexpr absl::Duration kGoodbyeWait = absl::Seconds(3);

  using SteadyTime = asio::steady_timer::time_point;

  // All references outlive this.
  Sender(asio::io_context& io, SendOptions options, Source& source, Diagnostics& diagnostics);

  // Does it all, says on `diagnostics` what went wrong, and returns what the process exits with.
  // Called once.
  asio::awaitable<ExitCode> Run();

 private:
  // ---- The connection ----
  // Connects, as often as it takes; ends with stopped_.
  asio::awaitable<void> Serve();
  // Up to the login; returns the name. Empty if there was only an account to make.
  asio::awaitable<absl::StatusOr<std::string>> LogInto(client::Client& client);
  // On the logged-in client: until everything is confirmed, or an error.
  asio::awaitable<absl::Status> Converse();
  // Sends what the connection before this one took to its grave.
  asio::awaitable<absl::Status> SendAgain();
  // Waits for what is confirmed all together.
  asio::awaitable<absl::Status> Barrier();
  asio::awaitable<absl::Status> ConfirmDirect(const std::string& to);
  asio::awaitable<absl::Status> AwaitServersEnd();
  // Hands over what comes, until `client` fails: then that is status_.
  asio::awaitable<void> Listen(std::shared_ptr<client::Client> client);
  void OnEvent(const ClientEvent& event);
  void OnRejected(const Rejected& event);
  void OnUndeliverable(const Undeliverable& event);
  absl::Status WhyUndelivered(const Undeliverable& event) const;
  void WatchForSilence();
  // Waits until `time`, or until the connection is of no more use or `*over` is true.
  asio::awaitable<void> WaitUntil(SteadyTime time, const bool* over);
  // The connection is of no more use.
  void Fail(const absl::Status& status);

  // ---- The input ----
  absl::Status OpenFiles();
  // Moves messages, and then files, to whatever client there is.
  asio::awaitable<void> Produce();
  asio::awaitable<absl::Status> ProduceMessages();
  asio::awaitable<absl::Status> Send(const Outgoing& message);
  // `reason`: for a receiver who has to be asked.
  asio::awaitable<absl::Status> SendPart(Part part, const std::string& reason);
  // The part is due now: sends or, if its receiver has been lost, drops it.
  asio::awaitable<absl::Status> SendOrDrop(const Part& part, const std::string& reason);
  struct File {
    std::unique_ptr<client::FileSender> content;
    std::string to;
    int64_t number = 0;  // as that of a message
    bool last = true;    // of those that this file is sent to
  };
  asio::awaitable<absl::Status> SendFile(File& file);
  // Over the direct connection to the receiver; through the server.
  asio::awaitable<absl::Status> SendPieces(File& file);
  asio::awaitable<absl::Status> SendChunks(File& file);
  // Behind its last piece: waits for a refusal, and counts and says what has become of the file.
  asio::awaitable<void> HearOfFile(const File& file, SteadyTime begun);
  absl::Status WhyNotTaken(const File& file) const;
  // Waits for a client that may send now, and for the agreement of `to` with it, if `kind` names
  // one. Unless it is an error, nothing has changed when it returns.
  asio::awaitable<absl::Status> Reach(std::optional<RequestKind> kind, const std::string& to,
                                      const std::string& reason);
  // For that client. An error with which the client has ended, too, is about the client.
  asio::awaitable<absl::Status> Agree(RequestKind kind, const std::string& to,
                                      const std::string& reason);
  asio::awaitable<absl::Status> ConnectTo(const std::string& to);
  // What has to be agreed on before a message to `to`.
  std::optional<RequestKind> Needed(const std::string& to) const;
  Proof ProofOf(const Part& part) const;
  // Says, once, that it is not known whether `to` is there.
  void SayWhatIsNotKnown(const std::string& to);
  // `to` gets nothing more, from the message `number` on, because of `why`. True if there are
  // others who do: then that was said.
  bool Lose(const std::string& to, int64_t number, const absl::Status& why);
  // Something has gone wrong that ends nothing.
  void Note(const absl::Status& failure);
  absl::Status Transmit(SendToken token, const Part& part);
  // The same status, which says where in the input it arose.
  absl::Status InMessage(int64_t number, const absl::Status& status) const;

  // ---- The end ----
  bool MayRetry() const;
  ExitCode ExitFor(const absl::Status& status) const;
  static ExitCode ExitForInput(const absl::Status& status);
  void Report(const absl::Status& failure);
  void Stop(ExitCode code);

  SendOptions options_;  // from the first login on, its account has the name of that
  const ClientTraits traits_;
  Source& source_;
  Diagnostics& diagnostics_;
  asio::io_context& io_;
  asio::signal_set signals_;
  std::mt19937_64 random_;
  Reconnector reconnector_;

  // Whoever waits, waits for changed_ and looks at what follows.
  client::Signal changed_;
  std::optional<ExitCode> stopped_;
  std::shared_ptr<client::Client> client_;  // null unless logged in
  std::string name_;                        // that it is logged in with
  absl::Status status_;                     // of client_
  bool account_made_ = false;
  bool sending_again_ = false;
  int64_t sending_ = 0;  // the number of the message that Produce has in its hands
  bool input_done_ = false;
  absl::Status input_status_;
  std::vector<File> files_;
  std::map<std::string, absl::Status> lost_;  // receivers, and why they get nothing more
  absl::Status first_failure_;                // of a receiver or a file, where others went on
  std::set<std::string> written_to_;  // privately: the first two, for messages that name them
  Ledger ledger_;
  bool server_barrier_ = false;       // something waits for the server's clean close
  bool file_begun_ = false;           // through the server: what has gone cannot be told again
  const File* on_its_way_ = nullptr;  // the file that a refusal is about, through the server
  bool file_refused_ = false;         // that one
  absl::Status refusal_;
  SteadyTime last_refusal_;
  bool said_what_is_not_known_ = false;
  uint32_t next_transfer_;  // files through the server, told apart
  asio::steady_timer silence_;

  Agreements agreements_;
  std::map<std::string, std::shared_ptr<client::DirectConnection>> direct_;  // by user
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_SENDER_H_
