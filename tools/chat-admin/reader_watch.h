// Notices that nobody reads stdout any more, though nothing is written.

#ifndef TOOLS_CHAT_ADMIN_READER_WATCH_H_
#define TOOLS_CHAT_ADMIN_READER_WATCH_H_

#include <atomic>
#include <functional>
#include <thread>

namespace chat::tools {

class ReaderWatch {
 public:
  // Calls `on_gone`, from a thread of its own, once the reader has gone.
  explicit ReaderWatch(std::function<void()> on_gone);
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;
  ~ReaderWatch();

  bool gone() const { return gone_; }

 private:
  void Wait();

  const std::function<void()> on_gone_;
  std::atomic<bool> gone_ = false;
  int wake_[2];  // a pipe: closing its end 1 ends the thread
  std::thread thread_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_READER_WATCH_H_
