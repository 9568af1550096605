#include "tools/chat-admin/reader_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

namespace chat::tools {

ReaderWatch::ReaderWatch(std::function<void()> on_gone) : on_gone_(std::move(on_gone)) {
  if (pipe2(wake_, O_CLOEXEC) != 0) {
    wake_[0] = wake_[1] = -1;
    return;  // no descriptors left: the next write tells, too
  }
  thread_ = std::thread([this] { Wait(); });
}

ReaderWatch::~ReaderWatch() {
  if (wake_[1] < 0) return;
  close(wake_[1]);
  thread_.join();
  close(wake_[0]);
}

void ReaderWatch::Wait() {
  // Of both only errors and hang-ups are reported, asked for or not.
  pollfd polls[] = {{STDOUT_FILENO, 0, 0}, {wake_[0], 0, 0}};
  while (poll(polls, 2, -1) < 0 && errno == EINTR) {
  }
  if ((polls[0].revents & (POLLERR | POLLHUP)) == 0) return;
  gone_ = true;
  on_gone_();
}

}  // namespace chat::tools
