// What the programs do with the descriptors that they share with others, seen from outside.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
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
using testing::Process;
using testing::ProcessOptions;
using testing::Runfile;
using testing::RunProcess;
using testing::TempDir;

std::string Binary(absl::string_view tool) {
  return Runfile(absl::StrCat("tools/", tool, "/", tool));
}

// Two ends of something that bytes go through: a program gets `theirs`, the test keeps `ours`.
struct Line {
  int theirs = -1;
  int ours = -1;

  Line(int theirs, int ours) : theirs(theirs), ours(ours) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() {
    CloseTheirs();
    CloseOurs();
  }
  void CloseTheirs() {
    if (theirs >= 0) ::close(std::exchange(theirs, -1));
  }
  void CloseOurs() {
    if (ours >= 0) ::close(std::exchange(ours, -1));
  }

  bool IsNonBlocking() const { return (::fcntl(theirs, F_GETFL) & O_NONBLOCK) != 0; }
  void Write(absl::string_view bytes) const {
    ASSERT_EQ(::write(ours, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
};

enum class Kind {
  kPipe,
  kTerminal,
  kMaster,  // of a pseudo-terminal: it cannot be opened again
  kSocket,
  kFile,
};

std::ostream& operator<<(std::ostream& out, Kind kind) {
  constexpr const char* kNames[] = {"Pipe", "Terminal", "Master", "Socket", "File"};
  return out << kNames[static_cast<int>(kind)];
}

int CloseOnExec(int fd) {
  EXPECT_GE(fd, 0) << strerror(errno);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

// In lines, ^D is an end.
std::unique_ptr<Line> Terminal(bool in_lines = true) {
  int master = -1;
  int slave = -1;
  EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0) << strerror(errno);
  termios raw{};
  ::tcgetattr(slave, &raw);
  ::cfmakeraw(&raw);
  if (in_lines) raw.c_lflag |= ICANON;
  raw.c_cc[VEOF] = 4;
  ::tcsetattr(slave, TCSANOW, &raw);
  return std::make_unique<Line>(CloseOnExec(slave), CloseOnExec(master));
}

std::unique_ptr<Line> Input(Kind kind, const TempDir& directory) {
  int fds[2] = {-1, -1};
  switch (kind) {
    case Kind::kPipe:
      EXPECT_EQ(::pipe(fds), 0);
      return std::make_unique<Line>(CloseOnExec(fds[0]), CloseOnExec(fds[1]));
    case Kind::kTerminal:
      return Terminal();
    case Kind::kMaster: {
      std::unique_ptr<Line> line = Terminal(/*in_lines=*/false);
      std::swap(line->theirs, line->ours);
      return line;
    }
    case Kind::kSocket:
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
      return std::make_unique<Line>(CloseOnExec(fds[0]), CloseOnExec(fds[1]));
    case Kind::kFile: {
      const std::string path = directory.Write("input", "");
      return std::make_unique<Line>(CloseOnExec(::open(path.c_str(), O_RDONLY)),
                                    CloseOnExec(::open(path.c_str(), O_WRONLY)));
    }
  }
  return nullptr;
}

std::unique_ptr<Line> Output(Kind kind, const TempDir& directory) {
  std::unique_ptr<Line> line = Input(kind == Kind::kFile ? Kind::kSocket : kind, directory);
  if (kind == Kind::kPipe) std::swap(line->theirs, line->ours);
  if (kind == Kind::kFile) {
    const std::string path = directory.Write("output", "");
    line->CloseTheirs();
    line->theirs = CloseOnExec(::open(path.c_str(), O_WRONLY | O_APPEND));
  }
  return line;
}

class SharedTest : public ::testing::TestWithParam<Kind> {
 protected:
  ProcessOptions WithInput(const Line& line) {
    ProcessOptions options;
    options.stdin_fd = line.theirs;
    return options;
  }
  ProcessOptions WithOutput(const Line& line) {
    ProcessOptions options;
    options.stdout_fd = line.theirs;
    return options;
  }

  TempDir directory_;
  ChatServer server_;
};

INSTANTIATE_TEST_SUITE_P(All, SharedTest,
                         ::testing::Values(Kind::kPipe, Kind::kTerminal, Kind::kMaster,
                                           Kind::kSocket, Kind::kFile),
                         ::testing::PrintToStringParamName());

// Ends the input of a program that reads it.
void End(Kind kind, Line& line) {
  if (kind == Kind::kTerminal) return line.Write("\x04");
  line.CloseOurs();
}

TEST_P(SharedTest, InputStaysBlockingWhileChatSendReadsItAndAfterItsEnd) {
  testing::Listener listener(server_, {"-c", "1"});
  const std::unique_ptr<Line> line = Input(GetParam(), directory_);
  line->Write("hello\n");
  Process sender(Command("chat-send", server_, {"-v"}), WithInput(*line));
  EXPECT_THAT(listener.All(), HasSubstr("\thello\n"));
  EXPECT_FALSE(line->IsNonBlocking());
  End(GetParam(), *line);
  // A master does not say that the terminal has ended: it fails.
  EXPECT_EQ(sender.Wait(), GetParam() == Kind::kMaster ? 74 : 0) << sender.Stderr();
  EXPECT_THAT(sender.Stderr(), HasSubstr("sent 1, confirmed 1"));
  EXPECT_FALSE(line->IsNonBlocking());
}

TEST_P(SharedTest, InputStaysBlockingWhenChatSendIsEndedOrFails) {
  const std::unique_ptr<Line> line = Input(GetParam(), directory_);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGKILL}) {
    Process sender(Command("chat-send", server_, {"-v"}), WithInput(*line));
    sender.WaitForText(2, "logged in");
    if (GetParam() == Kind::kFile) {  // it has ended already
      EXPECT_EQ(sender.Wait(), 0);
      continue;
    }
    EXPECT_FALSE(line->IsNonBlocking());
    sender.Signal(signal);
    EXPECT_EQ(sender.Wait(), 128 + signal);
    EXPECT_FALSE(line->IsNonBlocking());
  }
  line->Write("\xff\n");
  Process sender(Command("chat-send", server_), WithInput(*line));
  EXPECT_EQ(sender.Wait(), 65);
  EXPECT_FALSE(line->IsNonBlocking());
}

TEST_P(SharedTest, OutputStaysBlockingWhileChatListenWritesItAndAfterItsEnd) {
  const std::unique_ptr<Line> line = Output(GetParam(), directory_);
  {
    testing::Listener listener(server_, {"-c", "2", "-F", "%s"}, WithOutput(*line));
    EXPECT_FALSE(line->IsNonBlocking());
    EXPECT_EQ(RunProcess(Command("chat-send", server_, {"one"})).exit_code, 0);
    if (GetParam() != Kind::kFile) {
      char bytes[3];
      ASSERT_EQ(::read(line->ours, bytes, sizeof(bytes)), 3);
      EXPECT_EQ(std::string(bytes, 3), "one");
    }
    EXPECT_FALSE(line->IsNonBlocking());
    EXPECT_EQ(RunProcess(Command("chat-send", server_, {"two"})).exit_code, 0);
    EXPECT_EQ(listener.process().Wait(), 0);
    EXPECT_FALSE(line->IsNonBlocking());
  }
  testing::Listener listener(server_, {}, WithOutput(*line));
  EXPECT_FALSE(line->IsNonBlocking());
  listener.process().Signal(SIGTERM);
  EXPECT_EQ(listener.process().Wait(), 128 + SIGTERM);
  EXPECT_FALSE(line->IsNonBlocking());
}

// Reads `fd` on a thread until it ends or has brought what is waited for.
class Drain {
 public:
  explicit Drain(int fd) : thread_([this, fd] { Run(fd); }) {}
  std::string Join() {
    thread_.join();
    return std::move(bytes_);
  }

 private:
  void Run(int fd) {
    char bytes[64 * 1024];
    for (ssize_t n; (n = ::read(fd, bytes, sizeof(bytes))) > 0;) bytes_.append(bytes, n);
  }

  std::string bytes_;
  std::thread thread_;
};

TEST_P(SharedTest, OutputThatIsFullWaitsAndAllOfItArrives) {
  if (GetParam() == Kind::kFile) GTEST_SKIP() << "no file is ever full";
  constexpr size_t kLines = 300;
  const std::unique_ptr<Line> line = Output(GetParam(), directory_);
  const std::string body(999, 'x');
  std::string lines;
  for (size_t i = 0; i < kLines; ++i) absl::StrAppend(&lines, body, "\n");
  testing::Listener listener(server_, {"-c", absl::StrCat(kLines), "-F", "%s\\n"},
                             WithOutput(*line));
  // Nobody reads yet.
  EXPECT_EQ(RunProcess(Command("chat-send", server_), lines).exit_code, 0);
  std::string seen;
  char bytes[16 * 1024];
  while (seen.size() < lines.size()) {
    const ssize_t n = ::read(line->ours, bytes, sizeof(bytes));
    ASSERT_GT(n, 0);
    seen.append(bytes, n);
  }
  EXPECT_EQ(listener.process().Wait(), 0);
  EXPECT_EQ(seen, lines);
  EXPECT_FALSE(line->IsNonBlocking());
}

TEST(Terminal, ANeighbourOfChatListenLosesNoOutput) {
  ChatServer server;
  const std::unique_ptr<Line> terminal = Terminal();
  ProcessOptions options;
  options.stdout_fd = terminal->theirs;
  options.stderr_fd = terminal->theirs;
  testing::Listener listener(server, {"-v", "-c", "1"}, options);
  options.stdin_fd = terminal->theirs;
  Process neighbour({"/usr/bin/seq", "200000"}, options);
  // Let it fill the terminal before anybody reads: what would come back as EAGAIN waits.
  pollfd full{terminal->theirs, POLLOUT, 0};
  while (::poll(&full, 1, 0) == 1 && (full.revents & POLLOUT) != 0) std::this_thread::yield();
  EXPECT_EQ(RunProcess(Command("chat-send", server, {"meanwhile"})).exit_code, 0);
  Drain drain(terminal->ours);
  EXPECT_EQ(neighbour.Wait(), 0);
  EXPECT_EQ(listener.process().Wait(), 0);
  terminal->CloseTheirs();
  const std::string seen = drain.Join();
  EXPECT_THAT(seen, HasSubstr(": meanwhile\n"));
  EXPECT_THAT(seen, HasSubstr("199999\n"));
  EXPECT_GE(std::count(seen.begin(), seen.end(), '\n'), 200000);
}

TEST(Pipe, TheNextReaderOfTheInputReadsOn) {
  ChatServer server;
  ProcessOptions options;
  options.environment["SEND"] = Binary("chat-send");
  options.environment["CHAT_SERVER"] = server.url();
  Process shell({"/bin/sh", "-c", "\"$SEND\" -v; echo over; exec cat"}, options);
  shell.Write("one\n");
  shell.WaitForText(2, "logged in");
  // Only chat-send is told to end, not its shell.
  const std::string children =
      absl::StrCat("/proc/", shell.pid(), "/task/", shell.pid(), "/children");
  pid_t child = 0;
  ASSERT_TRUE(std::ifstream(children) >> child) << children;
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  shell.WaitForText(1, "over");
  shell.Write("two\n");
  shell.WaitForText(1, "two\n");
  EXPECT_EQ(shell.Wait(), 0) << shell.Stderr();
}

TEST(StandardError, WaitsWhileAnotherHasMadeItNonBlocking) {
  const std::unique_ptr<Line> terminal = Terminal();
  ::fcntl(terminal->theirs, F_SETFL, ::fcntl(terminal->theirs, F_GETFL) | O_NONBLOCK);
  const std::string filling(4096, '.');
  while (::write(terminal->theirs, filling.data(), filling.size()) > 0) {
  }
  ASSERT_EQ(errno, EAGAIN);
  ProcessOptions options;
  options.stderr_fd = terminal->theirs;
  Process sender({Binary("chat-send"), "-s", "nonsense://host"}, options);
  terminal->CloseTheirs();
  Drain drain(terminal->ours);
  EXPECT_EQ(sender.Wait(), 64);
  EXPECT_THAT(drain.Join(), HasSubstr("chat-send: "));
}

// ---- Closed descriptors ----

ProcessOptions Without(std::vector<int> closed) {
  ProcessOptions options;
  options.closed = std::move(closed);
  return options;
}

TEST(Closed, ChatSendWithoutInputSaysSo) {
  ChatServer server;
  const testing::Result result = RunProcess(Command("chat-send", server), "", Without({0}));
  EXPECT_EQ(result.exit_code, 66);
  EXPECT_THAT(result.err, HasSubstr("standard input is closed"));
  EXPECT_EQ(RunProcess(Command("chat-send", server), "", Without({0, 1, 2})).exit_code, 66);
}

TEST(Closed, ChatSendWithWordsNeedsNone) {
  ChatServer server;
  testing::Listener listener(server, {"-c", "1"});
  EXPECT_EQ(RunProcess(Command("chat-send", server, {"hi"}), "", Without({0, 1, 2})).exit_code, 0);
  EXPECT_THAT(listener.All(), HasSubstr("\thi\n"));
}

TEST(Closed, ChatListenWithoutOutputEndsAtOnce) {
  ChatServer server;
  const testing::Result result = RunProcess(Command("chat-listen", server), "", Without({1}));
  EXPECT_EQ(result.exit_code, 74);
  EXPECT_THAT(result.err, HasSubstr("standard output is closed"));
}

TEST(Closed, ChatListenNeedsNeitherInputNorError) {
  ChatServer server;
  testing::Listener listener(server, {"-v", "-c", "1"}, Without({0, 2}));
  EXPECT_EQ(RunProcess(Command("chat-send", server, {"hi"})).exit_code, 0);
  EXPECT_THAT(listener.All(), HasSubstr("\thi\n"));
}

TEST(Closed, NoProgramWritesItsHelpSomewhereElse) {
  for (const char* tool :
       {"chatd", "chat-send", "chat-listen", "chat-tunnel", "chat-admin", "chat-bench"}) {
    SCOPED_TRACE(tool);
    const testing::Result result = RunProcess({Binary(tool), "--version"}, "", Without({1}));
    EXPECT_EQ(result.exit_code, 74);
    EXPECT_THAT(result.err, HasSubstr(absl::StrCat(tool, ": cannot write the output: ")));
    EXPECT_EQ(RunProcess({Binary(tool), "--nonsense"}, "", Without({0, 1, 2})).exit_code, 64);
  }
}

TEST(Closed, EveryProgramSaysThatTheDiskIsFull) {
  const int full = CloseOnExec(::open("/dev/full", O_WRONLY));
  for (const char* tool :
       {"chatd", "chat-send", "chat-listen", "chat-tunnel", "chat-admin", "chat-bench"}) {
    for (const char* flag : {"--help", "--version"}) {
      SCOPED_TRACE(absl::StrCat(tool, " ", flag));
      ProcessOptions options;
      options.stdout_fd = full;
      const testing::Result result = RunProcess({Binary(tool), flag}, "", options);
      EXPECT_EQ(result.exit_code, 74);
      EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    }
  }
  ::close(full);
}

TEST(Closed, ChatdServesWithoutAny) {
  TempDir directory;
  ProcessOptions options = Without({0, 1, 2});
  options.outputs = {3};
  const std::string data = directory.path() + "/data";
  Process server({Binary("chatd"), "--listen=chaton://127.0.0.1:0", "--admin=none",
                  "--data-dir=" + data, "--ready-fd=3", "-v"},
                 options);
  const std::string ready = server.WaitForText(3, "\n\n");
  const std::string url = ready.substr(0, ready.find('\n'));
  EXPECT_EQ(RunProcess({Binary("chat-send"), "-s", url, "hi"}).exit_code, 0);
  for (const char* fd : {"0", "1", "2"}) {
    char target[PATH_MAX] = {};
    const std::string path = absl::StrCat("/proc/", server.pid(), "/fd/", fd);
    EXPECT_GT(::readlink(path.c_str(), target, sizeof(target) - 1), 0);
    EXPECT_STREQ(target, "/dev/null");
  }
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

// ---- Signals ----

TEST(Ignored, SignalsStayIgnored) {
  ChatServer server;
  ProcessOptions options;
  options.ignored = {SIGINT, SIGTERM};
  Process sender(Command("chat-send", server, {"-v"}), options);
  sender.WaitForText(2, "logged in");
  sender.Signal(SIGINT);
  sender.Signal(SIGTERM);
  EXPECT_TRUE(sender.Write("still here\n"));
  EXPECT_EQ(sender.Wait(), 0) << sender.Stderr();
  EXPECT_THAT(sender.Stderr(), HasSubstr("sent 1, confirmed 1"));
}

TEST(Ignored, ChatListenThatTakesFilesLetsThemBeIgnoredToo) {
  ChatServer server("cfp://127.0.0.1:0");
  TempDir inbox;
  ProcessOptions options;
  options.ignored = {SIGINT, SIGTERM};
  testing::Listener listener(server, {"--accept-files", inbox.path(), "--allow", "*", "-c", "1"},
                             options);
  listener.process().Signal(SIGINT);
  listener.process().Signal(SIGTERM);
  EXPECT_EQ(RunProcess(Command("chat-send", server, {"still here"})).exit_code, 0);
  EXPECT_THAT(listener.All(), HasSubstr("\tstill here\n"));
}

TEST(Ignored, ChatdLetsSignalsBeIgnored) {
  TempDir directory;
  ProcessOptions options;
  options.ignored = {SIGINT};
  options.outputs = {3};
  Process server({Binary("chatd"), "--listen=chaton://127.0.0.1:0", "--admin=none",
                  "--data-dir=" + directory.path() + "/data", "--ready-fd=3"},
                 options);
  const std::string ready = server.WaitForText(3, "\n\n");
  const std::string url = ready.substr(0, ready.find('\n'));
  server.Signal(SIGINT);
  EXPECT_EQ(RunProcess({Binary("chat-send"), "-s", url, "hi"}).exit_code, 0);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace chat::tools
