// What chat-listen has to write, while its reader takes it more slowly than the server sends.

#ifndef TOOLS_CHAT_LISTEN_OUTPUT_QUEUE_H_
#define TOOLS_CHAT_LISTEN_OUTPUT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "libchat/client/signal.h"
#include "tools/common/stdio.h"

namespace chat::tools {

// Writes what is committed to it in the order in which it came: at once if the reader is ready,
// each batch in one piece, and else as soon as the reader takes it.
//
// Thread safety: none; all on one thread, and from coroutines that run beside each other.
class OutputQueue {
 public:
  // From here on WaitForRoom waits. The last batch before that goes beyond it.
  static constexpr size_t kMaxBytes = size_t{64} << 20;
  // Batches that have to wait are gathered into blocks of about this size.
  static constexpr size_t kBlockBytes = size_t{1} << 20;

  // The references outlive this. `changed` is notified when anything below may have changed.
  OutputQueue(asio::any_io_executor executor, Output& output, client::Signal& changed,
              size_t max_bytes = kMaxBytes);

  // Where the next batch is appended. VALID UNTIL THE NEXT Commit.
  std::string& batch();
  // The batch is complete: it is written now, or once what came before it has been written.
  void Commit();

  // Committed and not written yet.
  size_t bytes() const { return committed_ - written_; }
  bool empty() const { return bytes() == 0; }
  bool has_room() const { return bytes() < max_bytes_; }
  // The error that ended the writing: kAborted if nobody reads the output any more.
  const absl::Status& status() const { return status_; }

  // Waits until there is room. Returns status().
  asio::awaitable<absl::Status> WaitForRoom();
  // Waits until what has been committed by now has been written. Returns status().
  asio::awaitable<absl::Status> WaitUntilWritten();

 private:
  asio::awaitable<void> WriteAll();

  const asio::any_io_executor executor_;
  Output& output_;
  client::Signal& changed_;
  const size_t max_bytes_;

  std::deque<std::string> blocks_;  // not being written; batches are appended to the last one
  std::string spare_;               // a block that was written, for its memory
  size_t uncommitted_from_ = 0;     // where the batch begins in the last block
  uint64_t committed_ = 0;          // bytes since the beginning
  uint64_t written_ = 0;
  bool writing_ = false;
  absl::Status status_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_OUTPUT_QUEUE_H_
