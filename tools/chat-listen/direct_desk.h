// Takes direct connections, and the messages and files that come over them.

#ifndef TOOLS_CHAT_LISTEN_DIRECT_DESK_H_
#define TOOLS_CHAT_LISTEN_DIRECT_DESK_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "libchat/client/client.h"
#include "libchat/client/direct.h"
#include "libchat/client/file_receiver.h"
#include "libchat/client/signal.h"
#include "libchat/event/user.h"
#include "tools/chat-listen/inbox.h"
#include "tools/chat-listen/output_queue.h"
#include "tools/chat-listen/printer.h"
#include "tools/common/diagnostics.h"
#include "tools/common/refusals.h"

namespace chat::tools {

// Everything that came over a connection is confirmed together, when the sender has ended it and
// all of it was printed. What cannot be taken, a file with a forbidden name above all, ends the
// connection with a reset, and is said here.
//
// Thread safety: none; it lives on the thread that runs `io`.
class DirectDesk {
 public:
  // All references outlive this; `printer` prints into `queue`. At most Inbox::kOfOne connections
  // of one user are taken at a time, and Inbox::kInAll: each has one file under way at most.
  DirectDesk(asio::io_context& io, Inbox& inbox, Printer& printer, OutputQueue& queue,
             Refusals& refusals, Diagnostics& diagnostics);

  // `from`, who is allowed to, asks `self` for a direct connection, over `client`: accepts that.
  // Why not, if it cannot be; the request is still open then.
  absl::Status Accept(client::Client& client, const std::string& self, const User& from);

  // Waits until no connection is open, but no longer than `grace`.
  asio::awaitable<void> Finish(absl::Duration grace);

 private:
  asio::awaitable<void> Serve(std::shared_ptr<client::DirectListener> listener,
                              client::DirectParties parties, User from);
  // Until the sender has ended: then all of it has been handled.
  asio::awaitable<absl::Status> Take(client::DirectConnection& connection,
                                     const client::DirectParties& parties, const User& from);
  absl::Status Handle(const DirectEvent& event, const std::string& self, const User& from,
                      std::shared_ptr<client::IncomingFile>* file);
  absl::Status HandlePiece(const DirectFilePiece& piece, const std::string& self, const User& from,
                           std::shared_ptr<client::IncomingFile>* file);

  asio::io_context& io_;
  Inbox& inbox_;
  Printer& printer_;
  OutputQueue& queue_;
  Refusals& refusals_;
  Diagnostics& diagnostics_;
  client::Signal changed_;
  std::map<std::string, size_t> of_one_;  // accepted or open, by sender
  size_t in_all_ = 0;
  size_t open_ = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_DIRECT_DESK_H_
