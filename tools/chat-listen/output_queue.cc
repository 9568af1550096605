#include "tools/chat-listen/output_queue.h"

#include <utility>

#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"

namespace chat::tools {
namespace {

// A block with less room than this is not appended to any more: growing it would copy it.
constexpr size_t kRoomForABatch = OutputQueue::kBlockBytes / 8;

}  // namespace

OutputQueue::OutputQueue(asio::any_io_executor executor, Output& output, client::Signal& changed,
                         size_t max_bytes)
    : executor_(std::move(executor)), output_(output), changed_(changed), max_bytes_(max_bytes) {}

std::string& OutputQueue::batch() {
  if (blocks_.empty()) {
    blocks_.push_back(std::exchange(spare_, {}));
    blocks_.back().reserve(kBlockBytes);
  }
  return blocks_.back();
}

void OutputQueue::Commit() {
  if (blocks_.empty() || blocks_.back().size() == uncommitted_from_) return;
  if (!status_.ok()) {  // nobody will ever read it
    blocks_.clear();
    uncommitted_from_ = 0;
    return;
  }
  committed_ += blocks_.back().size() - uncommitted_from_;
  uncommitted_from_ = blocks_.back().size();
  if (!writing_) {
    writing_ = true;
    asio::co_spawn(executor_, WriteAll(), asio::detached);
  } else if (uncommitted_from_ + kRoomForABatch > kBlockBytes) {
    blocks_.emplace_back().reserve(kBlockBytes);
    uncommitted_from_ = 0;
  }
}

asio::awaitable<void> OutputQueue::WriteAll() {
  // A batch that is not committed stays for the next time.
  while (status_.ok() && !empty()) {
    std::string block = std::move(blocks_.front());
    blocks_.pop_front();
    if (blocks_.empty()) {
      const size_t committed = std::exchange(uncommitted_from_, 0);
      if (committed < block.size()) batch() = block.substr(committed);
      block.resize(committed);
    }
    const absl::Status status = co_await output_.Write(block);
    if (status.ok()) {
      written_ += block.size();
    } else {
      status_ = status;
    }
    block.clear();
    spare_ = std::move(block);
    changed_.Notify();
  }
  writing_ = false;
  changed_.Notify();
}

asio::awaitable<absl::Status> OutputQueue::WaitForRoom() {
  while (status_.ok() && !has_room()) co_await changed_.Wait();
  co_return status_;
}

asio::awaitable<absl::Status> OutputQueue::WaitUntilWritten() {
  const uint64_t end = committed_;
  while (status_.ok() && written_ < end) co_await changed_.Wait();
  co_return status_;
}

}  // namespace chat::tools
