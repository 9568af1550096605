// chat-listen as its users meet it: the real binaries, joined by real pipes.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"
#include "tools/testing/tools.h"

namespace chat::tools {
namespace {

using testing::ChatServer;
using testing::Command;
using ::testing::HasSubstr;
using testing::Listener;
using ::testing::MatchesRegex;
using ::testing::Not;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using testing::RunProcess;

// Says `body` to everyone, in one message.
void Say(const ChatServer& server, std::vector<std::string> arguments, absl::string_view body) {
  arguments.push_back("--whole");
  const Result sent = RunProcess(Command("chat-send", server, std::move(arguments)), body);
  ASSERT_EQ(sent.exit_code, 0) << sent.err;
}

const char kHostile[] = "\x1b[2J\ttab\nbob\tforged \xE2\x80\xAE \xF0\x9F\x98\x80 \\";
const char kEscaped[] = "\\x1b[2J\\ttab\\nbob\\tforged \\u202e \xF0\x9F\x98\x80 \\\\";

struct Case {
  std::vector<std::string> arguments;
  std::string printed;
};

TEST(ChatListen, PrintsAsItIsTold) {
  const Case kCases[] = {
      {{}, absl::StrCat("ann\t", kEscaped, "\n")},
      {{"--raw"}, absl::StrCat("ann\t", kHostile, "\n")},
      {{"-0"}, absl::StrCat("ann\t", kHostile, absl::string_view("\0", 1))},
      {{"-F", "%s|"}, absl::StrCat(kHostile, "|")},
      {{"-F", "%q|"}, absl::StrCat(kEscaped, "|")},
      {{"-0", "-F", "%f"}, absl::StrCat("ann", absl::string_view("\0", 1))},
      {{"-F", "%f %t %k %p\\n"}, "ann  public chaton\n"},
  };
  ChatServer server;
  for (const Case& c : kCases) {
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.end(), {"-c", "1"});
    Listener listener(server, arguments);
    Say(server, {"-u", "ann"}, kHostile);
    EXPECT_EQ(listener.All(), c.printed);
  }
}

TEST(ChatListen, ATerminalSeesNoRawBytesUnlessAsked) {
  ProcessOptions terminal;
  terminal.stdout_is_terminal = true;
  const Case kCases[] = {
      {{"-F", "%s|"}, absl::StrCat(kEscaped, "|")},
      {{"-F", "%s|", "--raw"}, "\x1b[2J"},
      {{"-0"}, "\x1b[2J"},
      {{}, kEscaped},
  };
  ChatServer server;
  for (const Case& c : kCases) {
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.end(), {"-c", "1"});
    Listener listener(server, arguments, terminal);
    Say(server, {}, kHostile);
    EXPECT_THAT(listener.All(), HasSubstr(c.printed));
  }
}

TEST(ChatListen, PrintsStableJson) {
  ChatServer server;
  Listener listener(server, {"-u", "bob", "-J", "-c", "2"});
  Say(server, {"-u", "ann"}, "a \"b\"\n\xE2\x80\xAE");
  Say(server, {"-u", "ann", "-t", "bob"}, "");
  const std::string time = "\"[0-9]+-[0-9]+-[0-9]+T[0-9:]+[.][0-9][0-9][0-9]Z\"";
  EXPECT_THAT(listener.All(),
              MatchesRegex(absl::StrCat(
                  "[{]\"v\":1,\"time\":", time, ",\"kind\":\"public\",\"dialect\":\"chaton\",",
                  "\"from\":\"ann\",\"body\":\"a \\\\\"b\\\\\"\\\\n\\\\u202e\"[}]\n",
                  "[{]\"v\":1,\"time\":", time, ",\"kind\":\"private\",\"dialect\":\"chaton\",",
                  "\"from\":\"ann\",\"to\":\"bob\",\"body\":\"\"[}]\n")));
}

TEST(ChatListen, ChoosesMessages) {
  ChatServer server;
  Listener from_ann(server, {"-u", "l1", "--from", "ann", "-F", "%s\\n", "-c", "2"});
  Listener only_public(server, {"-u", "l2", "--only", "public", "-F", "%s\\n", "-c", "2"});
  Listener only_private(server, {"-u", "l3", "--only", "private", "-F", "%s\\n", "-c", "1"});
  Say(server, {"-u", "bob", "-t", "l2"}, "whispered");
  Say(server, {"-u", "bob", "-t", "l3"}, "whispered");
  Say(server, {"-u", "bob"}, "bob's");
  Say(server, {"-u", "ann"}, "ann's");
  Say(server, {"-u", "ann"}, "ann's second");
  EXPECT_EQ(from_ann.All(), "ann's\nann's second\n");
  EXPECT_EQ(only_public.All(), "bob's\nann's\n");
  EXPECT_EQ(only_private.All(), "whispered\n");
}

TEST(ChatListen, HoldsNothingBackWhileIdle) {
  ChatServer server;
  Listener listener(server);
  Say(server, {"-u", "ann"}, "one");
  EXPECT_EQ(listener.process().WaitForLines(1, 1), "ann\tone\n");
  Say(server, {"-u", "ann"}, "two");
  EXPECT_EQ(listener.process().WaitForLines(1, 2), "ann\tone\nann\ttwo\n");
}

TEST(ChatListen, EndsWithItsReaderThoughNothingMoreComes) {
  ChatServer server;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ProcessOptions options;
  options.stdout_fd = ends[1];
  Listener listener(server, {}, options);
  ::close(ends[1]);
  Say(server, {"-u", "ann"}, "only one");
  char bytes[100];
  ASSERT_EQ(::read(ends[0], bytes, sizeof(bytes)), 13);
  ::close(ends[0]);
  EXPECT_EQ(listener.process().Wait(), 128 + SIGPIPE);
}

TEST(ChatListen, EndsInAPipelineWithHead) {
  ChatServer server;
  ProcessOptions options;
  options.outputs = {3};
  std::string pipeline;
  for (const std::string& word : Command("chat-listen", server, {"--ready-fd=3"})) {
    absl::StrAppend(&pipeline, "'", word, "' ");
  }
  Process shell({"/bin/sh", "-c", pipeline + "| head -1"}, options);
  shell.WaitForLines(3, 1);
  Say(server, {"-u", "ann"}, "only one");
  EXPECT_EQ(shell.Wait(), 0);
  EXPECT_EQ(shell.Stdout(), "ann\tonly one\n");
}

TEST(ChatListen, EndsInTime) {
  ChatServer server;
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"-W", "200ms"})).exit_code, 0);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"-W", "0.2", "-c", "1"})).exit_code, 124);
}

TEST(ChatListen, EndsInTimeThoughItsReaderIsStuck) {
  ChatServer server;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ProcessOptions options;
  options.stdout_fd = ends[1];
  Listener listener(server, {"-W", "3s", "-c", "1000000"}, options);
  std::string lines;
  for (int i = 0; i < 2000; ++i) absl::StrAppend(&lines, std::string(100, 'x'), "\n");
  const Result sent = RunProcess(Command("chat-send", server), lines);
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_EQ(listener.process().Wait(), 124);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ChatListen, SaysWhyItEnds) {
  ChatServer server;
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"-F", "%z"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"-J", "-F", "%s"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"--only", "both"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"--ready-fd", "9"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"word"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"--help"})).exit_code, 0);

  Listener ann(server, {"-u", "ann"});
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"-u", "ann"})).exit_code, 77);

  server.process().Signal(SIGTERM);
  EXPECT_EQ(ann.process().Wait(), 69);
  EXPECT_THAT(ann.process().Stderr(), HasSubstr("closed the connection"));
  EXPECT_EQ(server.process().Wait(), 0);
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {})).exit_code, 69);
}

TEST(ChatListen, SaysThatItCannotWrite) {
  ChatServer server;
  ProcessOptions options;
  options.stdout_fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  Listener listener(server, {}, options);
  ::close(options.stdout_fd);
  Say(server, {}, "something");
  EXPECT_EQ(listener.process().Wait(), 74);
  EXPECT_THAT(listener.process().Stderr(), HasSubstr("No space left on device"));
}

TEST(ChatListen, ToolsOfOneUserRunSideBySide) {
  ChatServer server;
  Listener one(server, {"-c", "1"});
  Listener two(server, {"-c", "1"});
  Listener three(server, {"-c", "1"});
  Say(server, {}, "to all");
  const std::string printed = one.All();
  EXPECT_THAT(printed, HasSubstr("\tto all\n"));
  EXPECT_EQ(two.All(), printed);
  EXPECT_EQ(three.All(), printed);
}

TEST(ChatListen, ReconnectsAndGoesOn) {
  ChatServer server;
  Listener listener(server, {"-v", "--reconnect=forever", "-c", "2", "-F", "%s\\n"});
  Say(server, {}, "before");
  listener.process().WaitForLines(1, 1);
  server.Restart();
  listener.process().WaitForOutput(2, [](absl::string_view said) {
    return said.find("listening", said.find("trying again")) != said.npos;
  });
  Say(server, {}, "after");
  EXPECT_EQ(listener.All(), "before\nafter\n");
}

TEST(ChatListen, QuietSaysNothing) {
  ChatServer server;
  Listener listener(server, {"-q", "--reconnect=1"});
  server.process().Signal(SIGKILL);
  EXPECT_EQ(listener.process().Wait(), 69);
  EXPECT_THAT(listener.process().Stderr(), Not(HasSubstr("trying again")));
}

}  // namespace
}  // namespace chat::tools
