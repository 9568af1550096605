// Puts files together that come through the server, piece by piece.

#ifndef TOOLS_CHAT_LISTEN_FILE_DESK_H_
#define TOOLS_CHAT_LISTEN_FILE_DESK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/file_receiver.h"
#include "libchat/dialect/client_session.h"
#include "libchat/event/user.h"
#include "tools/chat-listen/inbox.h"
#include "tools/common/refusals.h"

namespace chat::tools {

// Pieces belong together by their sender, server included, and the number of the transfer. What
// does not fit what has come before gives the transfer up, and a sender who stops in the middle
// does: nothing is left of its file then. Each refusal is said once, to the user here and, where
// the dialect can say it, to the sender.
//
// A piece does not tell whether it is the first one. So a refused transfer is remembered until its
// last piece, or until nothing has come of it for long: it never begins in its middle.
//
// Thread safety: none; it lives on the thread that runs `io`.
class FileDesk {
 public:
  // A transfer of which nothing comes for so long is given up, before twice that time is over.
  static constexpr absl::Duration kIdle = absl::Seconds(60);
  // Refused transfers that are remembered, of one sender and in all; then the oldest is forgotten.
  static constexpr size_t kRefusedOfOne = 64;
  static constexpr size_t kRefusedInAll = 1024;

  // All references outlive this.
  FileDesk(asio::io_context& io, Inbox& inbox, Refusals& refusals, absl::Duration idle = kIdle);

  // Senders are told over `session`, which lives until OnDisconnected.
  void OnConnected(ClientSession& session) { session_ = &session; }
  // The connection has ended, and with it whatever was under way.
  void OnDisconnected();

  // For `self`, from somebody who may send files to it if `allowed`.
  void Take(const FileChunkReceived& piece, const std::string& self, bool allowed);

  // Transfers under way, those that are refused included.
  size_t size() const { return transfers_.size(); }

 private:
  struct Transfer {
    std::string name;
    int64_t size = 0;
    int64_t pieces = 0;                          // that have come
    std::shared_ptr<client::IncomingFile> file;  // null: what still comes of it is dropped
    bool mixed = false;                          // pieces of several files have its number
    bool quiet = false;                          // nothing has come since the timer last fired
    uint64_t begun = 0;                          // counts up
  };
  using Key = std::pair<std::string, int32_t>;  // the sender, as Display shows it; the transfer
  using Transfers = std::map<Key, Transfer>;

  // What `piece` belongs to. It begins with it, perhaps refused at once.
  Transfers::iterator Find(const FileChunkReceived& piece, bool allowed);
  // Not OK: the file is refused.
  absl::Status Begin(const FileChunkReceived& piece, bool allowed, Transfer* transfer);
  absl::Status CheckRoom(const std::string& from) const;
  absl::Status Append(const FileChunkReceived& piece, Transfer* transfer);
  void Refuse(UserRef from, const std::string& name, const absl::Status& why);
  // Makes room for one more refused transfer of `from`.
  void ForgetOldest(const std::string& from);
  void WatchForSilence();
  void GiveUpQuiet();

  Inbox& inbox_;
  Refusals& refusals_;
  const absl::Duration idle_;
  ClientSession* session_ = nullptr;
  asio::steady_timer timer_;
  bool watching_ = false;
  uint64_t begun_ = 0;
  Transfers transfers_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_FILE_DESK_H_
