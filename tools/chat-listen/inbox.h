// Where files from other users go, whatever they come over.

#ifndef TOOLS_CHAT_LISTEN_INBOX_H_
#define TOOLS_CHAT_LISTEN_INBOX_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/client/file_name.h"
#include "libchat/client/file_receiver.h"
#include "libchat/event/user.h"
#include "tools/chat-listen/printer.h"

namespace chat::tools {

struct InboxOptions {
  std::string directory;                           // as the user wrote it
  std::shared_ptr<client::FileReceiver> receiver;  // null: files are refused
};

// Thread safety: none.
class Inbox {
 public:
  // Files under way at a time: of one user, and in all.
  static constexpr size_t kOfOne = client::kMaxTransfersPerSender;
  static constexpr size_t kInAll = 64;

  // `printer` outlives this.
  Inbox(InboxOptions options, Printer& printer);

  // A file called `name` begins, as FileReceiver::Begin says it; the file may outlive the inbox.
  // Also kPermissionDenied if files are not taken, kCancelled if enough has come.
  absl::StatusOr<std::shared_ptr<client::IncomingFile>> Begin(absl::string_view name);

  // All of `file` has come: puts it in its place and prints it. As IncomingFile::Finish; also
  // kCancelled if it was not printed: enough had come.
  absl::Status Finish(client::IncomingFile& file, UserRef from, UserRef to);

  // A piece of a file has been taken.
  void OnPiece() { last_piece_ = std::chrono::steady_clock::now(); }
  std::chrono::steady_clock::time_point last_piece() const { return last_piece_; }

 private:
  const InboxOptions options_;
  Printer& printer_;
  std::chrono::steady_clock::time_point last_piece_;
};

// Nobody waits for it any more: the count is reached.
absl::Status EnoughHasCome();

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_INBOX_H_
