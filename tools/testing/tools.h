// chat-send and chat-listen as other tools' tests use them.

#ifndef TOOLS_TESTING_TOOLS_H_
#define TOOLS_TESTING_TOOLS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"

namespace chat::testing {

// The command line of a client tool of that name, for `server`. (What is not chat-send or
// chat-listen has to be in the test's `data`.)
std::vector<std::string> Command(absl::string_view tool, const ChatServer& server,
                                 std::vector<std::string> arguments = {});

// A chat-listen that has logged in: what is sent from now on, it prints.
class Listener {
 public:
  explicit Listener(const ChatServer& server, std::vector<std::string> arguments = {},
                    ProcessOptions options = {});

  Process& process() { return process_; }

  // What it printed until it ended, with exit code 0.
  std::string All();

 private:
  Process process_;
};

}  // namespace chat::testing

#endif  // TOOLS_TESTING_TOOLS_H_
