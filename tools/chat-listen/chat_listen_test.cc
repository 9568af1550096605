// chat-listen as its users meet it: the real binaries, joined by real pipes.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/chat-listen/fake_server.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"
#include "tools/testing/tools.h"

namespace chat::tools {
namespace {

using testing::ChatServer;
using testing::Command;
using ::testing::ContainsRegex;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Listener;
using ::testing::MatchesRegex;
using ::testing::Not;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using testing::Runfile;
using testing::RunProcess;
using testing::TempDir;

// Says `body` to everyone, in one message.
void Say(const ChatServer& server, std::vector<std::string> arguments, absl::string_view body) {
  arguments.push_back("--whole");
  const Result sent = RunProcess(Command("chat-send", server, std::move(arguments)), body);
  ASSERT_EQ(sent.exit_code, 0) << sent.err;
}

std::vector<std::string> Command(const FakeServer& server, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {Runfile("tools/chat-listen/chat-listen"), "-s", server.url()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

// A pipe that nobody reads, but the test when it wants to.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }

  ProcessOptions Into() const {
    ProcessOptions options;
    options.stdout_fd = ends_[1];
    return options;
  }
  void CloseReader() { Close(ends_[0]); }
  void CloseWriter() { Close(ends_[1]); }
  // Until `size` bytes, or all of them, have come.
  std::string Read(size_t size) {
    std::string bytes;
    std::vector<char> some(1 << 16);
    pollfd poll{ends_[0], POLLIN, 0};
    while (bytes.size() < size) {
      if (::poll(&poll, 1, 60'000) != 1) {
        ADD_FAILURE() << "nothing comes out of the pipe";
        break;
      }
      const ssize_t n = ::read(ends_[0], some.data(), std::min(some.size(), size - bytes.size()));
      if (n <= 0) break;
      bytes.append(some.data(), n);
    }
    return bytes;
  }
  std::string ReadAll() { return Read(std::string::npos); }

 private:
  static void Close(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int ends_[2] = {-1, -1};
};

// Of /proc/PID/status, in KiB.
int64_t MostMemory(const Process& process) {
  std::ifstream file(absl::StrCat("/proc/", process.pid(), "/status"));
  const std::string status{std::istreambuf_iterator<char>(file), {}};
  const std::vector<std::string> parts = absl::StrSplit(status, "VmHWM:");
  return parts.size() == 2 ? ::atoll(parts[1].c_str()) : 0;
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
  Say(server, {"-u", "ann", "-t", "bob"}, "psst");
  const std::string time = "\"[0-9]+-[0-9]+-[0-9]+T[0-9:]+[.][0-9][0-9][0-9]Z\"";
  EXPECT_THAT(listener.All(),
              MatchesRegex(absl::StrCat(
                  "[{]\"v\":1,\"time\":", time, ",\"kind\":\"public\",\"dialect\":\"chaton\",",
                  "\"from\":\"ann\",\"body\":\"a \\\\\"b\\\\\"\\\\n\\\\u202e\"[}]\n",
                  "[{]\"v\":1,\"time\":", time, ",\"kind\":\"private\",\"dialect\":\"chaton\",",
                  "\"from\":\"ann\",\"to\":\"bob\",\"body\":\"psst\"[}]\n")));
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

// ---- What is chosen ----

TEST(ChatListen, ChoosesSeveralSendersAndTexts) {
  ChatServer server;
  Listener repeated(server, {"-u", "l1", "--from", "ann", "--from", "bob", "-c", "3"});
  Listener listed(server, {"-u", "l2", "--from=ann,bob", "-c", "3"});
  Listener greps(server, {"-u", "l3", "--grep", "^(three|tw.)$", "-c", "2"});
  for (const auto& [user, body] : std::vector<std::pair<std::string, std::string>>{
           {"ann", "one"}, {"carol", "two"}, {"bob", "three"}, {"ann", "four"}}) {
    Say(server, {"-u", user}, body);
  }
  EXPECT_EQ(repeated.All(), "ann\tone\nbob\tthree\nann\tfour\n");
  EXPECT_EQ(listed.All(), "ann\tone\nbob\tthree\nann\tfour\n");
  EXPECT_EQ(greps.All(), "carol\ttwo\nbob\tthree\n");
}

TEST(ChatListen, RefusesWhatCanChooseNothing) {
  ChatServer server;
  const std::vector<std::vector<std::string>> kWrong = {
      {"--from", ""},          {"--from="},       {"--from", "ann,"},
      {"--from", "two words"}, {"--grep", "(ab"}, {"--grep="},
      {"--grep", "\\1"},       {"-c", "-1"},      {"--idle", "soon"},
  };
  for (const std::vector<std::string>& arguments : kWrong) {
    EXPECT_EQ(RunProcess(Command("chat-listen", server, arguments)).exit_code, 64)
        << arguments.front();
  }
  EXPECT_THAT(RunProcess(Command("chat-listen", server, {"--grep", "(ab"})).err,
              HasSubstr("\"(ab\": Unmatched ("));
}

// ---- Terminals ----

ProcessOptions Terminal(std::string term, std::string no_color = "") {
  ProcessOptions options;
  options.stdout_is_terminal = true;
  options.environment = {{"TERM", std::move(term)}, {"NO_COLOR", std::move(no_color)}};
  return options;
}

TEST(ChatListen, OnATerminalShowsTimeSenderAndWhatIsPrivate) {
  ChatServer server;
  const std::string time = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]";
  for (const ProcessOptions& plain : {Terminal("dumb"), Terminal("xterm", "1"), Terminal("")}) {
    Listener listener(server, {"-u", "bob", "-c", "2"}, plain);
    Say(server, {"-u", "ann"}, "to all");
    Say(server, {"-u", "ann", "-t", "bob"}, "to bob");
    EXPECT_THAT(listener.All(), MatchesRegex(absl::StrCat(time, " ann: to all\r?\n", time,
                                                          " ann [(]private[)]: to bob\r?\n")));
  }
  Listener coloured(server, {"-u", "bob", "-c", "1"}, Terminal("xterm"));
  Say(server, {"-u", "ann"}, "\x1b[31mred");
  const std::string printed = coloured.All();
  EXPECT_THAT(printed, HasSubstr("\x1b[1mann\x1b[0m: \\x1b[31mred"));
  // What programs read is the same as in a pipe.
  Listener formatted(server, {"-u", "bob", "-c", "1", "-F", "%f|%q\\n"}, Terminal("xterm"));
  Say(server, {"-u", "ann"}, "to all");
  EXPECT_THAT(formatted.All(), MatchesRegex("ann[|]to all\r?\n"));
}

// ---- Files ----

class ChatListenFiles : public ::testing::Test {
 protected:
  ChatListenFiles() { std::filesystem::create_directory(inbox_); }

  Result Send(const std::string& user, const std::string& name) {
    const std::string path = directory_.Write(name, std::string(3000, 'x'));
    return RunProcess(Command("chat-send", server_, {"-u", user, "-t", "bob", "--file", path}));
  }

  const TempDir directory_;
  const std::string inbox_ = directory_.path() + "/in";
  ChatServer server_{"cfp://127.0.0.1:0"};
};

TEST_F(ChatListenFiles, AFileLooksLikeNoMessage) {
  const std::string line =
      absl::StrCat("* alice sent the file \"photo.png\" (3000 bytes): ", inbox_, "/photo.png");
  for (const bool terminal : {false, true}) {
    Listener bob(server_, {"-u", "bob", "--allow=alice", "--accept-files", inbox_, "-c", "2"},
                 terminal ? Terminal("dumb") : ProcessOptions());
    Say(server_, {"-u", "alice", "-t", "bob"}, line);
    bob.process().WaitForLines(1, 1);
    EXPECT_EQ(Send("alice", "photo.png").exit_code, 0);
    const std::string printed = bob.All();
    std::filesystem::remove(inbox_ + "/photo.png");
    if (terminal) {
      EXPECT_THAT(printed,
                  MatchesRegex(absl::StrCat(
                      ".{8} alice [(]private[)]: [*] [^\n]*\n.{8} [*] alice sent[^\n]*\n")));
    } else {
      EXPECT_EQ(printed, absl::StrCat("alice\t", line, "\n", line, "\n"));
    }
  }
}

TEST_F(ChatListenFiles, EachRefusedFileIsSaidOnce) {
  Listener bob(server_, {"-u", "bob", "--allow=alice", "--accept-files", inbox_, "-c", "1"});
  std::ofstream(inbox_ + "/taken.png") << "untouched";
  Send("carol", "photo.png");
  bob.process().WaitForText(
      2, "carol: refused the file \"photo.png\": not among those whom --allow names\n");
  Send("alice", "taken.png");
  bob.process().WaitForText(2, "alice: refused the file \"taken.png\": File exists\n");
  EXPECT_EQ(Send("alice", "photo.png").exit_code, 0);
  EXPECT_THAT(bob.All(), HasSubstr("photo.png"));
  const std::vector<std::string> refusals =
      absl::StrSplit(bob.process().Stderr(), "refused the file");
  EXPECT_EQ(refusals.size(), 3u) << bob.process().Stderr();
}

// ---- A slow reader ----

TEST(ChatListen, ReadsOnWhileItsReaderStandsStill) {
  FakeServer server;
  Pipe pipe;
  Process listener(Command(server, {}), pipe.Into());
  pipe.CloseWriter();
  server.Accept();
  server.LogIn();
  // More than the kernel holds for the two of them.
  constexpr int kMessages = 30'000;
  std::string expected;
  for (int i = 0; i < kMessages; ++i) {
    const std::string body = absl::StrCat(i, std::string(900, 'x'));
    server.Send(FakeServer::Message("ann", body));
    absl::StrAppend(&expected, "ann\t", body, "\n");
  }
  server.Close();
  listener.WaitForText(2, "closed the connection");
  // It has ended, and all of it is still there.
  EXPECT_TRUE(pipe.ReadAll() == expected);
  EXPECT_EQ(listener.Wait(), 69);
}

TEST(ChatListen, WhatItReadsAheadIsBounded) {
  FakeServer server;
  Pipe pipe;
  Process listener(Command(server, {"-F", "%s"}), pipe.Into());
  pipe.CloseWriter();
  server.Accept();
  server.LogIn();
  constexpr size_t kBound = size_t{64} << 20;
  constexpr size_t kOfTheKernel = size_t{32} << 20;
  const std::string body(1000, 'x');
  const std::string message = FakeServer::Message("ann", body);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += message;
  const size_t sent = server.SendUntilItStops(many, kBound, 3000);
  EXPECT_LT(sent, kBound + kOfTheKernel);
#if !defined(__SANITIZE_ADDRESS__)  // which keeps what is freed
  EXPECT_LT(MostMemory(listener), static_cast<int64_t>((kBound + kOfTheKernel) / 1024));
#endif
  // It goes on as its reader does.
  const size_t bytes = sent / message.size() * body.size();
  const std::string read = pipe.Read(bytes);
  EXPECT_EQ(read.size(), bytes);
  EXPECT_EQ(read.find_first_not_of('x'), read.npos);
  // And ends with it, full or not.
  server.SendUntilItStops(many, kBound, 0);
  pipe.CloseReader();
  EXPECT_EQ(listener.Wait(), 128 + SIGPIPE);
}

TEST(ChatListen, SaysThatItMayHaveBeenCutForBeingSlow) {
  FakeServer server;
  Pipe pipe;
  Process listener(Command(server, {}), pipe.Into());
  server.Accept();
  server.LogIn();
  const std::string message = FakeServer::Message("ann", std::string(1000, 'x'));
  for (int i = 0; i < 30'000; ++i) server.Send(message);
  server.Reset();
  listener.WaitForText(2, "cut by the server, perhaps for being too far behind");
  pipe.CloseReader();
  EXPECT_EQ(listener.Wait(), 128 + SIGPIPE);
}

// ---- How it ends ----

TEST(ChatListen, EndsWhenItIsIdle) {
  ChatServer server;
  Listener listener(server, {"--idle", "1s"});
  Say(server, {"-u", "ann"}, "one");
  EXPECT_EQ(listener.All(), "ann\tone\n");
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"--idle", "0.1", "-c", "1"})).exit_code,
            124);
}

TEST(ChatListen, WhoLogsInAgainIsNotIdleMeanwhile) {
  FakeServer server;
  Process listener(Command(server, {"--idle", "300ms", "--reconnect=forever"}));
  server.Accept();
  server.LogIn();
  server.Reset();
  server.Accept();  // after a back-off that may be longer than the time
  server.LogIn();
  EXPECT_EQ(listener.Wait(), 0);
  EXPECT_THAT(listener.Stderr(), HasSubstr("connected again"));
}

TEST(ChatListen, OfNoMessagesItSeesOnlyThatItListens) {
  ChatServer server;
  Listener listener(server, {"-c", "0"});
  EXPECT_EQ(listener.All(), "");
  server.process().Signal(SIGKILL);
  server.process().Wait();
  EXPECT_EQ(RunProcess(Command("chat-listen", server, {"-c", "0"})).exit_code, 69);
}

TEST(ChatListen, ATimeInWhichItNeverListenedIsNoSuccess) {
  FakeServer silent;
  const Result unanswered = RunProcess(Command(silent, {"-W", "300ms"}));
  EXPECT_EQ(unanswered.exit_code, 124);
  EXPECT_THAT(unanswered.err, HasSubstr("not logged in within 300ms"));
  std::string dead;
  {
    const FakeServer gone;
    dead = gone.url();
  }
  const Result refused = RunProcess(
      {Runfile("tools/chat-listen/chat-listen"), "-s", dead, "-W", "300ms", "--reconnect=forever"});
  EXPECT_EQ(refused.exit_code, 124);
  EXPECT_THAT(refused.err, ContainsRegex("not logged in within 300ms: cannot reach .*refused"));
}

TEST(ChatListen, SaysGoodbyeWhenItIsToldToEnd) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    FakeServer server;
    Process listener(Command(server, {}));
    server.Accept();
    server.LogIn();
    server.Send(FakeServer::Message("ann", "hello"));
    listener.WaitForLines(1, 1);
    listener.Signal(signal);
    EXPECT_TRUE(server.AwaitEnd());
    EXPECT_EQ(listener.Wait(), 128 + signal);
  }
}

TEST(ChatListen, SignalsThatWereSwitchedOffStaySo) {
  FakeServer server;
  std::string command = "trap '' INT TERM; exec";
  for (const std::string& word : Command(server, {"-c", "2"})) {
    absl::StrAppend(&command, " '", word, "'");
  }
  Process listener({"/bin/sh", "-c", command});
  server.Accept();
  server.LogIn();
  server.Send(FakeServer::Message("ann", "one"));
  listener.WaitForLines(1, 1);
  listener.Signal(SIGINT);
  listener.Signal(SIGTERM);
  server.Send(FakeServer::Message("ann", "two"));
  EXPECT_EQ(listener.Wait(), 0);
  EXPECT_EQ(listener.Stdout(), "ann\tone\nann\ttwo\n");
}

// ---- Connections that are lost ----

TEST(ChatListen, ConnectsAgainUnderItsName) {
  FakeServer server;
  Process listener(
      Command(server, {"--json", "--reconnect=forever", "-c", "2", "--from=ann", "-u", "bob"}));
  EXPECT_EQ(server.Accept(), "bob");
  server.LogIn();
  server.Send(FakeServer::Message("ann", "before"));
  listener.WaitForLines(1, 1);
  server.Reset();
  // The server still believes in the old connection.
  EXPECT_EQ(server.Accept(), "bob");
  server.Refuse();
  EXPECT_EQ(server.Accept(), "bob");
  server.LogIn();
  server.Send(FakeServer::Message("ann", "after"));
  EXPECT_EQ(listener.Wait(), 0) << listener.Stderr();
  EXPECT_THAT(listener.Stdout(),
              ContainsRegex("\"before\"[}]\n"
                            "[{]\"v\":1,\"time\":\"[^\"]*\",\"kind\":\"notice\",\"dialect\":"
                            "\"chaton\",\"detail\":\"gap\",\"body\":\"connected again after "
                            "[^;]*; what was said meanwhile is not here\"[}]\n.*\"after\"[}]\n$"));
  EXPECT_THAT(listener.Stderr(), HasSubstr("connected again after "));
}

TEST(ChatListen, LoginsAloneAreNoProgress) {
  FakeServer server;
  Process listener(Command(server, {"--reconnect=2"}));
  for (int login = 0; login < 3; ++login) {
    server.Accept();
    server.LogIn();
    server.Close();
  }
  EXPECT_EQ(listener.Wait(), 69);
}

TEST(ChatListen, SaysTheNameThatItHasTaken) {
  ChatServer server;
  Listener chosen(server, {"-c", "0"});
  EXPECT_EQ(chosen.process().Wait(), 0);
  EXPECT_THAT(chosen.process().Stderr(), ContainsRegex("logged in as [^ ]*-listen\n"));
  Listener asked(server, {"-c", "0", "-u", "bob"});
  EXPECT_EQ(asked.process().Wait(), 0);
  EXPECT_EQ(asked.process().Stderr(), "");
}

}  // namespace
}  // namespace chat::tools
