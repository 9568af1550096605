// Real child processes on real pipes, for tests that drive the binaries.

#ifndef TOOLS_TESTING_PROCESS_H_
#define TOOLS_TESTING_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace chat::testing {

// The path of a file of this workspace that is in the test's `data`, e.g.
// "tools/chat-send/chat-send".
std::string Runfile(absl::string_view path);

// A new directory of the test's own, with a path short enough for Unix sockets in it.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  // Writes a file into it; returns its path.
  std::string Write(absl::string_view name, absl::string_view bytes) const;

 private:
  std::string path_;
};

struct ProcessOptions {
  // Added to what the child inherits, which is the test's environment without CHAT_..., CHATD_...
  // and XDG_CONFIG_HOME: a developer's own settings do not reach the tools under test.
  std::map<std::string, std::string> environment;

  // The child's standard input: a pipe for Write and CloseStdin, or the descriptor given here,
  // which stays the caller's.
  int stdin_fd = -1;
  // The child's standard output: collected, or the descriptor given here.
  int stdout_fd = -1;
  // Standard output is a terminal; what the program writes there is collected.
  bool stdout_is_terminal = false;
  // The child's standard error: collected, or the descriptor given here.
  int stderr_fd = -1;
  // Which of 0, 1 and 2 the child finds closed.
  std::vector<int> closed;
  // Signals that the child finds ignored; SIGHUP, SIGINT, SIGPIPE and SIGTERM have their default
  // effect otherwise.
  std::vector<int> ignored;
  // Descriptors besides 1 and 2 that the child finds open for writing; collected as well.
  std::vector<int> outputs;
};

// A child process, with all that it starts. What it writes is read at once, by threads, so it never
// waits for the test.
//
// No method waits longer than the hang guard (60 seconds, or CHAT_TEST_HANG_GUARD): after that the
// test fails, saying what it waited for and what the process had written, and the process is
// killed.
//
// Thread safety: the const methods and Signal may be called from any thread.
class Process {
 public:
  // Starts argv[0], a path. Not being able to is a failure of the test.
  explicit Process(std::vector<std::string> argv, ProcessOptions options = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  // Kills it if it still runs.
  ~Process();

  pid_t pid() const { return pid_; }

  // Writes all of `bytes` to its standard input, waiting while the pipe is full. False if nobody
  // reads it any more.
  bool Write(absl::string_view bytes);
  void CloseStdin();

  // What it has written so far.
  std::string Output(int fd) const;
  std::string Stdout() const { return Output(1); }
  std::string Stderr() const { return Output(2); }

  // Waits until what it has written to `fd` is as wanted, and returns it. If `fd` ends before
  // that, the test fails.
  std::string WaitForOutput(int fd, const std::function<bool(absl::string_view)>& wanted);
  // ... contains `text`.
  std::string WaitForText(int fd, absl::string_view text);
  // ... has at least `count` newlines.
  std::string WaitForLines(int fd, size_t count);

  void Signal(int signal);
  // Sends SIGSTOP and returns when all its threads stand still. (A signal to go on, or its death,
  // is Signal's.)
  void Stop();

  // Closes the standard input and waits until the process has ended and all that it wrote was
  // read. Returns its exit code, or 128 + n if signal n has killed it, as a shell says it.
  int Wait();

 private:
  struct Collected {
    std::string bytes;
    bool ended = false;
  };

  void Spawn(std::vector<std::string> argv, const ProcessOptions& options,
             const std::vector<std::pair<int, int>>& fds);
  void Collect(int from, int fd);
  void AwaitExit();
  // Waits for `condition`; false, and the test has failed, if the hang guard came first.
  bool Await(const absl::Condition& condition, absl::string_view what)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Said() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  pid_t pid_ = -1;
  int stdin_ = -1;
  std::vector<std::thread> threads_;

  mutable absl::Mutex mutex_;
  std::map<int, Collected> outputs_ ABSL_GUARDED_BY(mutex_);
  bool exited_ ABSL_GUARDED_BY(mutex_) = false;
  int exit_code_ ABSL_GUARDED_BY(mutex_) = -1;
};

// Runs a program to its end with `input` as its standard input.
struct Result {
  int exit_code = 0;
  std::string out;
  std::string err;
};
Result RunProcess(std::vector<std::string> argv, absl::string_view input = "",
                  ProcessOptions options = {});

}  // namespace chat::testing

#endif  // TOOLS_TESTING_PROCESS_H_
