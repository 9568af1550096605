#include "tools/testing/server.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_split.h"

namespace chat::testing {

ChatServer::ChatServer(std::string listen, std::vector<std::string> flags)
    : flags_(std::move(flags)) {
  Start(listen);
}

void ChatServer::Start(const std::string& listen) {
  std::vector<std::string> argv = {Runfile("tools/chatd/chatd"), "--listen=" + listen,
                                   "--admin=" + admin(), "--data-dir=" + directory_.path(),
                                   "--ready-fd=3"};
  argv.insert(argv.end(), flags_.begin(), flags_.end());
  ProcessOptions options;
  options.outputs = {3};
  process_.emplace(std::move(argv), std::move(options));
  const std::string ready = process_->WaitForText(3, "\n\n");
  urls_ = absl::StrSplit(ready, '\n', absl::SkipEmpty());
}

void ChatServer::Restart() {
  process_->Signal(SIGKILL);
  process_->Wait();
  Start(url());
}

}  // namespace chat::testing
