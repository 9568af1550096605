// chat-send as its users meet it: the real binaries, joined by real pipes.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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
using ::testing::IsEmpty;
using testing::Listener;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using testing::RunProcess;

std::vector<std::string> Send(const ChatServer& server, std::vector<std::string> arguments = {}) {
  return Command("chat-send", server, std::move(arguments));
}

std::string Seq(int first, int last) {
  std::string lines;
  for (int i = first; i <= last; ++i) absl::StrAppend(&lines, i, "\n");
  return lines;
}

TEST(ChatSend, CarriesAHundredThousandLinesInOrderAndWhole) {
  constexpr int kLines = 100000;
  ChatServer server;
  const std::vector<std::string> print = {"-F", "%s\\n", "-c", absl::StrCat(kLines)};
  Listener one(server, print);
  Listener two(server, print);
  Listener three(server, print);
  const std::string lines = Seq(1, kLines);
  const Result sent = RunProcess(Send(server, {"-v", "-u", "a"}), lines);
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("sent 100000, confirmed 100000"));
  EXPECT_THAT(sent.out, IsEmpty());
  for (Listener* listener : {&one, &two, &three}) EXPECT_TRUE(listener->All() == lines);
}

TEST(ChatSend, WhenTheServerDiesSaysWhichLineIsTheFirstUnconfirmed) {
  ChatServer server;
  Listener listener(server);
  Process sender(Send(server));
  std::thread writer([&sender] { sender.Write(Seq(1, 10000000)); });  // until nobody reads it
  listener.process().WaitForLines(1, 1000);
  server.process().Signal(SIGKILL);
  writer.join();
  EXPECT_EQ(sender.Wait(), 75);

  const std::string said = sender.Stderr();
  std::vector<std::string> words = absl::StrSplit(said, absl::ByAnyChar(" ,:"), absl::SkipEmpty());
  // chat-send sent S confirmed C first unconfirmed is line L REASON
  ASSERT_GE(words.size(), 10u) << said;
  int64_t sent = 0;
  int64_t confirmed = 0;
  int64_t line = 0;
  ASSERT_TRUE(absl::SimpleAtoi(words[2], &sent)) << said;
  ASSERT_TRUE(absl::SimpleAtoi(words[4], &confirmed)) << said;
  ASSERT_TRUE(absl::SimpleAtoi(words[9], &line)) << said;
  EXPECT_THAT(said, HasSubstr("first unconfirmed is line"));
  EXPECT_EQ(line, confirmed + 1);
  EXPECT_GE(sent, confirmed);
  EXPECT_LE(sent, confirmed + 256);
  EXPECT_GT(confirmed, 0);
}

TEST(ChatSend, EndsOnlyWithTheLastConfirmation) {
  ChatServer server;
  Process sender(Send(server, {"-v", "--ack-timeout=300ms"}));
  sender.WaitForText(2, "logged in");
  server.process().Stop();  // it takes everything and answers nothing
  sender.Write("one\ntwo\n");
  EXPECT_EQ(sender.Wait(), 75);
  EXPECT_THAT(sender.Stderr(), HasSubstr("sent 2, confirmed 0, first unconfirmed is line 1: "
                                         "no confirmation within 300ms; repeated, what is not "
                                         "confirmed may arrive twice"));
}

TEST(ChatSend, JsonLinesBringEveryTextAcross) {
  const std::string kBodies[] = {
      "tab\there",   "two\nlines\n", "\"quotes\" and \\", "\xF0\x9F\x98\x80", "", " ",
      "\x01\x1b[2J", "last"};
  std::string input;
  for (const std::string& body : kBodies) absl::StrAppend(&input, body, absl::string_view("\0", 1));
  ChatServer first;
  ChatServer second;
  Listener target(second, {"-0", "-F", "%s", "-c", "8"});

  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ProcessOptions from_pipe;
  from_pipe.stdin_fd = ends[0];
  Process bridge(Send(second, {"--jsonl"}), from_pipe);
  ProcessOptions to_pipe;
  to_pipe.stdout_fd = ends[1];
  to_pipe.outputs = {3};
  Process source(Command("chat-listen", first, {"--json", "-c", "8", "--ready-fd=3"}), to_pipe);
  ::close(ends[0]);
  ::close(ends[1]);
  source.WaitForLines(3, 1);

  EXPECT_EQ(RunProcess(Send(first, {"--null"}), input).exit_code, 0);
  EXPECT_EQ(target.All(), input);
  EXPECT_EQ(source.Wait(), 0);
  EXPECT_EQ(bridge.Wait(), 0) << bridge.Stderr();
}

struct Framing {
  std::vector<std::string> arguments;
  std::string input;
  std::string printed;  // a line each, escaped
};

TEST(ChatSend, CutsItsInputAsItIsTold) {
  const std::string nul("one\ntwo\0three", 13);
  const std::string x1024(1024, 'x');
  const Framing kCases[] = {
      {{}, "one\n\n two \r\nlast", "one\n\n two \\r\nlast\n"},
      {{"-0"}, nul, "one\\ntwo\nthree\n"},
      {{"-D", "--"}, "one--two\n--", "one\ntwo\\n\n"},
      {{"-D", "\\t"}, "one\ttwo", "one\ntwo\n"},
      {{"-1"}, "one\ntwo\n", "one\\ntwo\\n\n"},
      {{"hello", "big world"}, "not read\n", "hello big world\n"},
      {{"--", "-v"}, "", "-v\n"},
      {{}, x1024 + "y\n", x1024 + "\ny\n"},
      {{"--overlong=truncate"}, x1024 + "y\nnext\n", x1024 + "\nnext\n"},
      {{}, std::string(1023, 'x') + "\xC3\xA9\n", std::string(1023, 'x') + "\n\xC3\xA9\n"},
  };
  ChatServer server;
  Listener listener(server, {"-F", "%q\\n"});
  std::string all;
  for (const Framing& framing : kCases) {
    const Result sent = RunProcess(Send(server, framing.arguments), framing.input);
    EXPECT_EQ(sent.exit_code, 0) << sent.err;
    all += framing.printed;
    EXPECT_EQ(listener.process().WaitForLines(1, std::count(all.begin(), all.end(), '\n')), all);
  }
}

TEST(ChatSend, JsonKindsSayWhoIsMeant) {
  ChatServer server;
  Listener bob(server, {"-u", "bob", "-F", "%k %s\\n", "-c", "4"});
  Listener eve(server, {"-u", "eve", "-F", "%k %s\\n", "-c", "2"});
  const Result sent = RunProcess(Send(server, {"-v", "-J"}),
                                 "{\"body\":\"to all\"}\n\n"
                                 "{\"kind\":\"notice\",\"body\":\"nobody said this\"}\n"
                                 "{\"kind\":\"private\",\"to\":\"bob\",\"body\":\"to bob\"}\n"
                                 "{\"to\":\"bob\",\"body\":\"secret\"}\n"
                                 "{\"kind\":\"public\",\"body_b64\":\"Ynll\"}\n");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("skipped 1 that chat-listen reports"));
  EXPECT_THAT(sent.err, HasSubstr("sent 4, confirmed 2"));
  EXPECT_EQ(bob.All(), "public to all\nprivate to bob\nprivate secret\npublic bye\n");
  EXPECT_EQ(eve.All(), "public to all\npublic bye\n");
}

TEST(ChatSend, AMessageToOneIsForNobodyElse) {
  ChatServer server;
  Listener bob(server, {"-u", "bob", "-F", "%f>%t %k %s\\n", "-c", "1000"});
  Listener eve(server, {"-u", "eve", "-c", "1"});
  std::string expected;
  for (int i = 1; i <= 1000; ++i) absl::StrAppend(&expected, "ann>bob private ", i, "\n");
  const Result sent = RunProcess(Send(server, {"-v", "-u", "ann", "-t", "bob"}), Seq(1, 1000));
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("sent 1000, confirmed 0\n"));
  EXPECT_THAT(sent.err, HasSubstr("sent to bob; chaton does not say whether bob is there (cfp "));
  EXPECT_EQ(bob.All(), expected);
  EXPECT_EQ(RunProcess(Send(server, {"-u", "ann", "to all"})).exit_code, 0);
  EXPECT_EQ(eve.All(), "ann\tto all\n");
}

TEST(ChatSend, BadInputIsNamedAndWhatWasBeforeItArrives) {
  const std::pair<std::vector<std::string>, std::pair<std::string, std::string>> kCases[] = {
      {{}, {"a\nb\n\xff\nc\n", "line 3: not valid UTF-8"}},
      {{}, {std::string("a\nb\nx\0y\nc\n", 11), "line 3: contains a NUL"}},
      {{"--overlong=error"}, {"a\nb\n" + std::string(1025, 'x') + "\nc\n", "line 3: 1025 bytes"}},
      {{"-J"}, {"{\"body\":\"a\"}\n{\"body\":\"b\"}\n[]\n", "line 3: not a JSON object"}},
      {{"-J"},
       {"{\"body\":\"a\"}\n{\"body\":\"b\"}\n{\"kind\":\"private\",\"body\":\"x\"}\n",
        "line 3: private, but without \"to\""}},
      {{"-J"},
       {"{\"body\":\"a\"}\n{\"body\":\"b\"}\n{\"kind\":\"public\",\"to\":\"x\",\"body\":\"x\"}\n",
        "line 3: public, but with \"to\""}},
  };
  for (const auto& [arguments, input_and_reason] : kCases) {
    ChatServer server;
    Listener listener(server, {"-F", "%s\\n", "-c", "2"});
    const Result sent = RunProcess(Send(server, arguments), input_and_reason.first);
    EXPECT_EQ(sent.exit_code, 65);
    EXPECT_THAT(sent.err, HasSubstr(input_and_reason.second));
    EXPECT_THAT(sent.err, HasSubstr("sent 2, confirmed 2"));
    EXPECT_EQ(listener.All(), "a\nb\n");
  }
}

TEST(ChatSend, WhatCannotBeSentIsLeftOutIfThatIsWanted) {
  const std::string bad("a\nb\xff\nx\0y\nc\n", 11);
  const std::string longer = "a\n" + std::string(1025, 'x') + "\nc\n";
  struct Case {
    std::vector<std::string> arguments;
    std::string input;
    std::string said;
    std::string printed;
  };
  const Case kCases[] = {
      {{"--invalid=skip"}, bad, "skipped 2, first is line 2: not valid UTF-8\n", "a\nc\n"},
      {{"--invalid=skip", "--overlong=error"},
       longer,
       "skipped 1, first is line 2: 1025 ",
       "a\nc\n"},
      {{"--invalid=skip", "-J"},
       "{\"body\":\"a\"}\n{\"kind\":\"public\",\"to\":\"bob\",\"body\":\"x\"}\n{\"body\":\"c\"}\n",
       "skipped 1, first is line 2: public, but with",
       "a\nc\n"},
      {{"--invalid=replace"}, bad, "", "a\nb\xEF\xBF\xBD\nx\xEF\xBF\xBDy\nc\n"},
      {{"--invalid=replace"},
       std::string(1023, 'x') + "\xff\n",
       "",
       std::string(1023, 'x') + "\n\xEF\xBF\xBD\n"},
  };
  for (const Case& c : kCases) {
    ChatServer server;
    const size_t lines = std::count(c.printed.begin(), c.printed.end(), '\n');
    Listener listener(server, {"-F", "%s\\n", "-c", absl::StrCat(lines)});
    const Result sent = RunProcess(Send(server, c.arguments), c.input);
    EXPECT_EQ(sent.exit_code, 0) << sent.err;
    EXPECT_THAT(sent.err, HasSubstr(c.said));
    if (c.said.empty()) {
      EXPECT_EQ(sent.err, "");
    }
    EXPECT_EQ(listener.All(), c.printed);
  }
}

TEST(ChatSend, EachReceiverGetsEachMessageAndNobodyElse) {
  ChatServer server;
  std::vector<std::unique_ptr<Listener>> receivers;
  for (const char* name : {"bob", "carol", "dave"}) {
    receivers.push_back(std::make_unique<Listener>(
        server, std::vector<std::string>{"-u", name, "-F", "%t %k %s\\n", "-c", "3"}));
  }
  Listener eve(server, {"-u", "eve", "-c", "1"});
  const std::string longer(1025, 'x');
  const Result sent =
      RunProcess(Send(server, {"-v", "-u", "ann", "-t", "bob,carol", "-t", "dave", "--to=bob"}),
                 absl::StrCat("one\n", longer, "\n"));
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("sent 2, confirmed 0\n"));
  EXPECT_THAT(sent.err, HasSubstr("sent to bob, carol, dave; chaton does not say whether they are "
                                  "there (cfp does)\n"));
  const char* const names[] = {"bob", "carol", "dave"};
  for (size_t i = 0; i < receivers.size(); ++i) {
    const std::string who = absl::StrCat(names[i], " private ");
    EXPECT_EQ(receivers[i]->All(),
              absl::StrCat(who, "one\n", who, longer.substr(1), "\n", who, "x\n"));
  }
  EXPECT_EQ(RunProcess(Send(server, {"-u", "ann", "to all"})).exit_code, 0);
  EXPECT_EQ(eve.All(), "ann\tto all\n");
}

TEST(ChatSend, QuietSaysNothingOfWhatIsNotKnown) {
  ChatServer server;
  EXPECT_EQ(RunProcess(Send(server, {"-q", "-t", "nobody", "hello"})).err, "");
}

TEST(ChatSend, WhatIsForNobodyIsNotForEverybody) {
  ChatServer server;
  Listener eve(server, {"-u", "eve", "-c", "1"});
  const std::vector<std::string> kCases[] = {
      {"-t", "", "secret"},
      {"--to=", "secret"},
      {"-t", "bob,", "secret"},
      {"-t", "bob,,carol", "secret"},
      {"-t", "two words", "secret"},
      {""},
      {"", ""},
  };
  for (const std::vector<std::string>& arguments : kCases) {
    EXPECT_EQ(RunProcess(Send(server, arguments)).exit_code, 64);
  }
  EXPECT_EQ(RunProcess(Send(server, {"-J"}), "{\"to\":\"\",\"body\":\"secret\"}\n").exit_code, 65);
  EXPECT_EQ(RunProcess(Send(server, {"-u", "ann", "to all"})).exit_code, 0);
  EXPECT_EQ(eve.All(), "ann\tto all\n");
}

TEST(ChatSend, AnEmptyWholeInputIsNoMessageAndADashIsTheInput) {
  ChatServer server;
  Listener listener(server, {"-F", "%q\\n", "-c", "1"});
  const Result nothing = RunProcess(Send(server, {"-v", "-1"}), "");
  EXPECT_EQ(nothing.exit_code, 0);
  EXPECT_THAT(nothing.err, HasSubstr("sent 0, confirmed 0"));
  EXPECT_EQ(RunProcess(Send(server, {"-1", "-"}), "all\nof it").exit_code, 0);
  EXPECT_EQ(listener.All(), "all\\nof it\n");
}

TEST(ChatSend, AServerThatDoesNotEndTheConnectionConfirmsNothing) {
  ChatServer server;
  Process sender(Send(server, {"-v", "-t", "bob", "--ack-timeout=300ms"}));
  sender.WaitForText(2, "logged in");
  server.process().Stop();
  sender.Write("one\n");
  EXPECT_EQ(sender.Wait(), 75);
  EXPECT_THAT(
      sender.Stderr(),
      HasSubstr("sent 1, confirmed 0, first unconfirmed is line 1: the server has not ended "
                "the connection within 300ms; repeated, what is not confirmed may arrive "
                "twice"));
}

TEST(ChatSend, WhatItWasStartedToIgnoreItIgnores) {
  ChatServer server;
  Listener listener(server, {"-F", "%s\\n", "-c", "1"});
  std::string command = "trap '' INT HUP; exec";
  for (const std::string& word : Send(server, {"-v"})) absl::StrAppend(&command, " '", word, "'");
  Process sender({"/bin/sh", "-c", command});
  sender.WaitForText(2, "logged in");
  sender.Signal(SIGINT);
  sender.Signal(SIGHUP);
  sender.Write("still here\n");
  EXPECT_EQ(sender.Wait(), 0) << sender.Stderr();
  EXPECT_EQ(listener.All(), "still here\n");
}

TEST(ChatSend, SaysWhyItCouldNotBegin) {
  ChatServer server;
  EXPECT_EQ(RunProcess(Send(server, {"--nonsense"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Send(server, {"-0", "-J"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Send(server, {"-s", "chaton://a:secret@127.0.0.1", "x"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Send(server, {"-u", "no name", "x"})).exit_code, 64);
  EXPECT_EQ(RunProcess(Send(server, {"--config", "/nonexistent", "x"})).exit_code, 78);
  EXPECT_EQ(RunProcess(Send(server, {"--help"})).exit_code, 0);

  Listener ann(server, {"-u", "ann"});
  const Result refused = RunProcess(Send(server, {"-u", "ann", "x"}));
  EXPECT_EQ(refused.exit_code, 77);
  EXPECT_THAT(refused.err, HasSubstr("ann"));

  server.process().Signal(SIGKILL);
  server.process().Wait();
  const Result unreachable = RunProcess(Send(server, {"x"}));
  EXPECT_EQ(unreachable.exit_code, 69);
  EXPECT_THAT(unreachable.err, HasSubstr(server.url()));
}

TEST(ChatSend, ADefaultNameGetsANumberIfItIsTaken) {
  ChatServer server;
  Listener ann(server, {"-u", "ann", "-c", "1"});
  ProcessOptions options;
  options.environment = {{"CHAT_USER", "ann"}};
  EXPECT_EQ(RunProcess(Send(server, {"hello"}), "", options).exit_code, 0);
  EXPECT_EQ(ann.All(), "ann2\thello\n");
}

TEST(ChatSend, ReconnectSendsAgainWhatWasNotConfirmed) {
  ChatServer server;
  Process sender(Send(server, {"-v", "-u", "ann", "--reconnect=forever"}));
  sender.WaitForText(2, "logged in");
  server.process().Stop();
  sender.Write("unanswered\n");
  server.Restart();
  // Sent by now or not: it has to arrive either way.
  sender.WaitForText(2, "trying again");
  sender.Write("answered\n");
  EXPECT_EQ(sender.Wait(), 0) << sender.Stderr();
  EXPECT_THAT(sender.Stderr(), HasSubstr("sent 2, confirmed 2"));
}

TEST(ChatSend, GivesUpReconnecting) {
  ChatServer server;
  server.process().Signal(SIGKILL);
  server.process().Wait();
  const Result sent = RunProcess(Send(server, {"--reconnect=1", "x"}));
  EXPECT_EQ(sent.exit_code, 69);
  EXPECT_THAT(sent.err, HasSubstr("trying again"));
}

TEST(ChatSend, AnInterruptSaysHowFarItCame) {
  ChatServer server;
  for (int signal : {SIGHUP, SIGINT, SIGTERM}) {
    Listener listener(server, {"-c", "2"});
    Process sender(Send(server, {"-v"}));
    sender.Write("one\ntwo\n");
    listener.All();
    sender.Signal(signal);
    const std::string said = sender.WaitForText(2, ": interrupted");
    EXPECT_THAT(said, HasSubstr("sent 2, confirmed "));  // all or not yet
    EXPECT_EQ(sender.Wait(), 128 + signal);
  }
}

TEST(ChatSend, ReadsFilesAndNothing) {
  ChatServer server;
  Listener listener(server, {"-F", "%s\\n", "-c", "2"});
  testing::TempDir directory;
  ProcessOptions options;
  options.stdin_fd = ::open(directory.Write("file", "one\ntwo").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(options.stdin_fd, 0);
  EXPECT_EQ(RunProcess(Send(server), "", options).exit_code, 0);
  ::close(options.stdin_fd);
  EXPECT_EQ(listener.All(), "one\ntwo\n");

  options.stdin_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(RunProcess(Send(server), "", options).exit_code, 0);
  ::close(options.stdin_fd);

  options.stdin_fd = ::open("/", O_RDONLY | O_CLOEXEC);
  const Result directory_read = RunProcess(Send(server), "", options);
  ::close(options.stdin_fd);
  EXPECT_EQ(directory_read.exit_code, 74);
  EXPECT_THAT(directory_read.err, HasSubstr("cannot read the input: Is a directory"));
}

}  // namespace
}  // namespace chat::tools
