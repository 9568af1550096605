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
// does: nothing is left of its file then. Nobody is told but the user here: the protocol has no
// word for it.
//
// Thread safety: none; it lives on the thread that runs `io`.
class FileDesk {
 public:
  // A transfer of which nothing comes for so long is given up, before twice that time is over.
  static constexpr absl::Duration kIdle = absl::Seconds(60);

  // All references outlive this.
  FileDesk(asio::io_context& io, Inbox& inbox, Refusals& refusals, absl::Duration idle = kIdle);

  // From somebody who may send files to `self`.
  void Take(const FileChunkReceived& piece, const std::string& self);

  // The connection has ended, and with it whatever was under way.
  void GiveUpAll() { transfers_.clear(); }

  // Transfers under way, those that are refused included.
  size_t size() const { return transfers_.size(); }

 private:
  struct Transfer {
    std::string name;
    int64_t size = 0;
    int64_t pieces = 0;                          // that have come
    std::shared_ptr<client::IncomingFile> file;  // null: what still comes of it is dropped
    bool quiet = false;                          // nothing has come since the timer last fired
  };
  using Key = std::pair<std::string, int32_t>;  // the sender, as Display shows it; the transfer

  bool HasRoom(const std::string& from) const;
  // The first piece of it has come.
  absl::Status Begin(const FileChunkReceived& piece, Transfer* transfer);
  absl::Status Append(const FileChunkReceived& piece, Transfer* transfer);
  void Refuse(UserRef from, const std::string& name, const absl::Status& why);
  void WatchForSilence();
  void GiveUpQuiet();

  Inbox& inbox_;
  Refusals& refusals_;
  const absl::Duration idle_;
  asio::steady_timer timer_;
  bool watching_ = false;
  std::map<Key, Transfer> transfers_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_FILE_DESK_H_
