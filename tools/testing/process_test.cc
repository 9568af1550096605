#include "tools/testing/process.h"

#include <signal.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Process, PassesInputAndCollectsOutputs) {
  const Result result = RunProcess({"/bin/sh", "-c", "cat; echo oops >&2; exit 3"}, "hello\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "oops\n");
}

TEST(Process, MovesMoreThanPipesHold) {
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(RunProcess({"/bin/cat"}, much).out, much);
}

TEST(Process, WaitsForWhatIsWanted) {
  Process cat({"/bin/cat"});
  cat.Write("one\ntw");
  EXPECT_EQ(cat.WaitForText(1, "tw"), "one\ntw");
  cat.Write("o\nthree\n");
  EXPECT_EQ(cat.WaitForLines(1, 3), "one\ntwo\nthree\n");
  EXPECT_EQ(cat.Wait(), 0);
}

TEST(Process, SaysSignalsAsAShellDoes) {
  Process cat({"/bin/cat"});
  cat.Signal(SIGTERM);
  EXPECT_EQ(cat.Wait(), 128 + SIGTERM);
  EXPECT_FALSE(cat.Write("x"));
}

TEST(Process, StandsStillUntilItGoesOn) {
  Process cat({"/bin/cat"});
  cat.Stop();
  cat.Write("while it stood\n");
  EXPECT_EQ(cat.Stdout(), "");
  cat.Signal(SIGCONT);
  cat.WaitForLines(1, 1);
  EXPECT_EQ(cat.Wait(), 0);
}

TEST(Process, CollectsMoreDescriptors) {
  ProcessOptions options;
  options.outputs = {3, 7};
  Process sh({"/bin/sh", "-c", "echo three >&3; echo seven >&7"}, options);
  EXPECT_EQ(sh.Wait(), 0);
  EXPECT_EQ(sh.Output(3), "three\n");
  EXPECT_EQ(sh.Output(7), "seven\n");
}

TEST(Process, GivesATerminal) {
  ProcessOptions options;
  options.stdout_is_terminal = true;
  EXPECT_EQ(RunProcess({"/bin/sh", "-c", "test -t 1 && ! test -t 0"}, "", options).exit_code, 0);
  EXPECT_EQ(RunProcess({"/bin/sh", "-c", "test -t 1"}).exit_code, 1);
}

TEST(Process, JoinsProcessesByPipes) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ProcessOptions writer;
  writer.stdout_fd = ends[1];
  ProcessOptions reader;
  reader.stdin_fd = ends[0];
  Process echo({"/bin/echo", "through"}, writer);
  ::close(ends[1]);
  Process cat({"/bin/cat"}, reader);
  ::close(ends[0]);
  EXPECT_EQ(echo.Wait(), 0);
  EXPECT_EQ(cat.WaitForLines(1, 1), "through\n");
}

TEST(Process, KeepsTheDevelopersSettingsAway) {
  ::setenv("CHAT_SERVER", "elsewhere", 1);
  ProcessOptions options;
  options.environment = {{"CHAT_USER", "ann"}};
  const Result result = RunProcess({"/usr/bin/env"}, "", options);
  EXPECT_THAT(result.out, HasSubstr("CHAT_USER=ann\n"));
  EXPECT_THAT(result.out, HasSubstr("PATH="));
  EXPECT_THAT(result.out, Not(HasSubstr("CHAT_SERVER")));
}

TEST(TempDir, IsThereWhileItLives) {
  std::string path;
  {
    TempDir directory;
    path = directory.path();
    EXPECT_EQ(RunProcess({"/bin/cat", directory.Write("file", "text")}).out, "text");
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace chat::testing
