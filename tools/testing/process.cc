#include "tools/testing/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

extern char** environ;

namespace chat::testing {
namespace {

absl::Duration HangGuard() {
  int seconds = 60;
  if (const char* value = ::getenv("CHAT_TEST_HANG_GUARD")) {
    EXPECT_TRUE(absl::SimpleAtoi(value, &seconds)) << value;
  }
  return absl::Seconds(seconds);
}

// Both ends are closed in every child that they are not handed to by name.
struct Ends {
  int read = -1;
  int write = -1;
};

Ends NewPipe() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0) << strerror(errno);
  return {fds[0], fds[1]};
}

Ends NewTerminal() {
  Ends ends;
  EXPECT_EQ(::openpty(&ends.read, &ends.write, nullptr, nullptr, nullptr), 0) << strerror(errno);
  EXPECT_EQ(::fcntl(ends.read, F_SETFD, FD_CLOEXEC), 0);
  EXPECT_EQ(::fcntl(ends.write, F_SETFD, FD_CLOEXEC), 0);
  return ends;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name(*entry, strcspn(*entry, "="));
    const bool settings = absl::StartsWith(name, "CHAT_") || absl::StartsWith(name, "CHATD_") ||
                          name == "XDG_CONFIG_HOME";
    if (!settings && added.count(name) == 0) environment.push_back(*entry);
  }
  for (const auto& [name, value] : added) environment.push_back(absl::StrCat(name, "=", value));
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::string Runfile(absl::string_view path) {
  const char* root = ::getenv("TEST_SRCDIR");
  const char* workspace = ::getenv("TEST_WORKSPACE");
  if (root == nullptr || workspace == nullptr) {
    ADD_FAILURE() << "TEST_SRCDIR and TEST_WORKSPACE are not set: run this with bazel test";
    return std::string(path);
  }
  return absl::StrCat(root, "/", workspace, "/", path);
}

TempDir::TempDir() : path_("/tmp/chat-test-XXXXXX") {
  EXPECT_NE(::mkdtemp(path_.data()), nullptr) << strerror(errno);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(absl::string_view name, absl::string_view bytes) const {
  const std::string path = absl::StrCat(path_, "/", name);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), bytes.size());
  file.close();
  EXPECT_TRUE(file.good()) << path;
  return path;
}

Process::Process(std::vector<std::string> argv, ProcessOptions options) : name_(argv[0]) {
  std::vector<std::pair<int, int>> fds;  // what of ours becomes which of the child's
  std::vector<std::pair<int, int>> collected;
  std::vector<int> childs;
  const auto collect = [&](int fd, Ends ends) {
    fds.emplace_back(ends.write, fd);
    childs.push_back(ends.write);
    collected.emplace_back(ends.read, fd);
  };

  if (options.stdin_fd >= 0) {
    fds.emplace_back(options.stdin_fd, 0);
  } else {
    const Ends ends = NewPipe();
    fds.emplace_back(ends.read, 0);
    childs.push_back(ends.read);
    stdin_ = ends.write;
  }
  if (options.stdout_fd >= 0) {
    fds.emplace_back(options.stdout_fd, 1);
  } else {
    collect(1, options.stdout_is_terminal ? NewTerminal() : NewPipe());
  }
  if (options.stderr_fd >= 0) {
    fds.emplace_back(options.stderr_fd, 2);
  } else {
    collect(2, NewPipe());
  }
  for (int fd : options.outputs) collect(fd, NewPipe());

  Spawn(std::move(argv), options, fds);
  for (int fd : childs) ::close(fd);
  {
    absl::MutexLock lock(&mutex_);
    for (auto [from, fd] : collected) outputs_[fd];
    exited_ = pid_ < 0;
  }
  for (auto [from, fd] : collected) {
    threads_.emplace_back([this, from = from, fd = fd] { Collect(from, fd); });
  }
  if (pid_ >= 0) threads_.emplace_back([this] { AwaitExit(); });
}

Process::~Process() {
  Signal(SIGKILL);
  CloseStdin();
  for (std::thread& thread : threads_) thread.join();
}

void Process::Spawn(std::vector<std::string> argv, const ProcessOptions& options,
                    const std::vector<std::pair<int, int>>& fds) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // By way of high numbers, so that no dup2 runs over a descriptor that a later one needs.
  std::vector<int> moved;
  for (auto [ours, childs] : fds) {
    moved.push_back(::fcntl(ours, F_DUPFD_CLOEXEC, 100));
    posix_spawn_file_actions_adddup2(&actions, moved.back(), childs);
  }

  for (int fd : options.closed) posix_spawn_file_actions_addclose(&actions, fd);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own, to be killed whole; and the dispositions that a shell would give it.
  sigset_t defaults;
  sigemptyset(&defaults);
  for (int signal : {SIGHUP, SIGINT, SIGPIPE, SIGTERM}) sigaddset(&defaults, signal);
  std::vector<std::pair<int, struct sigaction>> before;
  for (int signal : options.ignored) {
    sigdelset(&defaults, signal);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    before.emplace_back(signal, ignore);
    ::sigaction(signal, &ignore, &before.back().second);
  }
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> environment = Environment(options.environment);
  const int error = ::posix_spawn(&pid_, name_.c_str(), &actions, &attributes,
                                  Pointers(argv).data(), Pointers(environment).data());
  for (const auto& [signal, action] : before) ::sigaction(signal, &action, nullptr);
  if (error != 0) {
    pid_ = -1;
    ADD_FAILURE() << "cannot start " << name_ << ": " << strerror(error);
  }
  for (int fd : moved) ::close(fd);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
}

void Process::Collect(int from, int fd) {
  char bytes[64 * 1024];
  for (;;) {
    const ssize_t n = ::read(from, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR) continue;
    absl::MutexLock lock(&mutex_);
    if (n <= 0) {  // of a terminal, EIO says that nobody has it open any more
      outputs_[fd].ended = true;
      break;
    }
    outputs_[fd].bytes.append(bytes, n);
  }
  ::close(from);
}

void Process::AwaitExit() {
  // The process stays a zombie until the lock is held: Signal never reaches a stranger's pid.
  siginfo_t info;
  while (::waitid(P_PID, pid_, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  absl::MutexLock lock(&mutex_);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  exited_ = true;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Process::Signal(int signal) {
  absl::MutexLock lock(&mutex_);
  if (!exited_) ::kill(-pid_, signal);
}

void Process::Stop() {
  Signal(SIGSTOP);
  siginfo_t info;
  while (::waitid(P_PID, pid_, &info, WSTOPPED | WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
}

bool Process::Write(absl::string_view bytes) {
  // A test that writes to a process that has gone wants to know, not to die.
  ::signal(SIGPIPE, SIG_IGN);
  while (!bytes.empty()) {
    const ssize_t n = ::write(stdin_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

void Process::CloseStdin() {
  if (stdin_ >= 0) ::close(stdin_);
  stdin_ = -1;
}

std::string Process::Output(int fd) const {
  absl::MutexLock lock(&mutex_);
  const auto output = outputs_.find(fd);
  return output == outputs_.end() ? "" : output->second.bytes;
}

std::string Process::Said() const {
  std::string said = absl::StrCat(name_, " (exit code ", exit_code_, ") wrote:");
  for (const auto& [fd, output] : outputs_) {
    constexpr size_t kShown = 2000;
    const size_t cut = output.bytes.size() - std::min(output.bytes.size(), kShown);
    absl::StrAppend(&said, "\n[", fd, cut > 0 ? ", the end of it" : "", "] ",
                    output.bytes.substr(cut));
  }
  return said;
}

bool Process::Await(const absl::Condition& condition, absl::string_view what) {
  if (mutex_.AwaitWithTimeout(condition, HangGuard())) return true;
  ADD_FAILURE() << "waited in vain for " << what << "; " << Said();
  if (!exited_) ::kill(-pid_, SIGKILL);
  return false;
}

std::string Process::WaitForOutput(int fd, const std::function<bool(absl::string_view)>& wanted) {
  absl::MutexLock lock(&mutex_);
  Collected& output = outputs_[fd];
  const auto arrived = [&] { return output.ended || wanted(output.bytes); };
  if (Await(absl::Condition(&arrived), absl::StrCat("output on ", fd)) && !wanted(output.bytes)) {
    ADD_FAILURE() << "output on " << fd << " ended early; " << Said();
  }
  return output.bytes;
}

std::string Process::WaitForText(int fd, absl::string_view text) {
  return WaitForOutput(fd,
                       [text](absl::string_view bytes) { return absl::StrContains(bytes, text); });
}

std::string Process::WaitForLines(int fd, size_t count) {
  size_t looked_at = 0;
  size_t lines = 0;
  return WaitForOutput(fd, [&](absl::string_view bytes) {
    lines += std::count(bytes.begin() + looked_at, bytes.end(), '\n');
    looked_at = bytes.size();
    return lines >= count;
  });
}

int Process::Wait() {
  CloseStdin();
  absl::MutexLock lock(&mutex_);
  const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return exited_ && std::all_of(outputs_.begin(), outputs_.end(),
                                  [](const auto& output) { return output.second.ended; });
  };
  if (!Await(absl::Condition(&ended), "its end")) return -1;
  return exit_code_;
}

Result RunProcess(std::vector<std::string> argv, absl::string_view input, ProcessOptions options) {
  Process process(std::move(argv), std::move(options));
  process.Write(input);
  const int exit_code = process.Wait();
  return {exit_code, process.Stdout(), process.Stderr()};
}

}  // namespace chat::testing
