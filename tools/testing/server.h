// A real chatd for a test.

#ifndef TOOLS_TESTING_SERVER_H_
#define TOOLS_TESTING_SERVER_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/testing/process.h"

namespace chat::testing {

// A chatd that listens on 127.0.0.1, and has nothing outside of a directory of its own.
class ChatServer {
 public:
  // Returns when it listens. `listen` is what --listen is given, with a port of 0 as a rule;
  // `flags` come after that.
  explicit ChatServer(std::string listen = "chaton://127.0.0.1:0",
                      std::vector<std::string> flags = {});

  // With the port that it has: chaton://127.0.0.1:40123
  const std::string& url() const { return urls_.front(); }
  // All of them, where `flags` had more to listen on, in their order.
  const std::vector<std::string>& urls() const { return urls_; }
  // For chat-admin: unix:PATH
  std::string admin() const { return "unix:" + directory_.path() + "/admin.sock"; }

  Process& process() { return *process_; }

  // Kills it (SIGKILL) and starts it again, on the same port.
  void Restart();

 private:
  void Start(const std::string& listen);

  TempDir directory_;
  const std::vector<std::string> flags_;
  std::vector<std::string> urls_;
  std::optional<Process> process_;
};

}  // namespace chat::testing

#endif  // TOOLS_TESTING_SERVER_H_
