#include "tools/testing/tools.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

std::vector<std::string> And(std::vector<std::string> arguments, std::string more) {
  arguments.push_back(std::move(more));
  return arguments;
}

ProcessOptions WithReadyFd(ProcessOptions options) {
  options.outputs.push_back(3);
  return options;
}

}  // namespace

std::vector<std::string> Command(absl::string_view tool, const ChatServer& server,
                                 std::vector<std::string> arguments) {
  std::vector<std::string> argv = {Runfile(absl::StrCat("tools/", tool, "/", tool)), "-s",
                                   server.url()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

Listener::Listener(const ChatServer& server, std::vector<std::string> arguments,
                   ProcessOptions options)
    : process_(Command("chat-listen", server, And(std::move(arguments), "--ready-fd=3")),
               WithReadyFd(std::move(options))) {
  process_.WaitForLines(3, 1);
}

std::string Listener::All() {
  EXPECT_EQ(process_.Wait(), 0) << process_.Stderr();
  return process_.Stdout();
}

}  // namespace chat::testing
