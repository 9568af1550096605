#include "tools/chatd/run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "libchat/dialect/registry.h"
#include "tools/chatd/daemon.h"
#include "tools/chatd/log.h"
#include "tools/common/escape.h"
#include "tools/common/exit_codes.h"
#include "tools/common/signals.h"

namespace chat::tools {
namespace {

using net::LogLevel;

int Fail(ExitCode code, absl::string_view what) {
  for (absl::string_view line : absl::StrSplit(what, '\n')) {
    fprintf(stderr, "chatd: %s\n", Escape(line).c_str());
  }
  return code;
}

ExitCode CodeOfStart(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kExitBadConfig;
    case absl::StatusCode::kPermissionDenied:
      return kExitRefused;
    default:
      return kExitIoError;
  }
}

// NotFound, naming the file, if it cannot be read.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const auto close = [](FILE* file) { fclose(file); };
  const std::unique_ptr<FILE, decltype(close)> file(fopen(path.c_str(), "re"), close);
  std::string text;
  char buffer[4096];
  while (file != nullptr) {
    const size_t size = fread(buffer, 1, sizeof(buffer), file.get());
    if (ferror(file.get()) != 0) break;
    if (size == 0) return text;
    text.append(buffer, size);
  }
  return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", strerror(errno)));
}

absl::StatusOr<ServerSettings> CurrentSettings(const Flags& flags) {
  SettingSources sources{flags.settings, SettingsInEnvironment(), flags.config, ""};
  if (!flags.config.empty()) {
    absl::StatusOr<std::string> text = ReadFile(flags.config);
    if (!text.ok()) return text.status();
    sources.file_text = *std::move(text);
  }
  return ReadSettings(sources, AllDialects());
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// ---- Signals ----

constexpr int kWakeUp = SIGUSR1;  // of the thread that waits for the others

// Those that were ignored at the start stay so.
sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
    if (!IsIgnored(signal)) sigaddset(&set, signal);
  }
  sigaddset(&set, kWakeUp);
  return set;
}

// Waits for signals on a thread of its own. The signals must be blocked in all threads.
class SignalThread {
 public:
  // Both are called on that thread, `on_tick` at least once a second or so.
  SignalThread(std::function<void(int)> on_signal, std::function<void()> on_tick)
      : on_signal_(std::move(on_signal)),
        on_tick_(std::move(on_tick)),
        thread_([this] { Loop(); }) {}

  ~SignalThread() {
    ending_ = true;
    pthread_kill(thread_.native_handle(), kWakeUp);
    thread_.join();
  }

 private:
  void Loop() {
    const sigset_t signals = HandledSignals();
    const timespec second = {1, 0};
    while (!ending_) {
      const int signal = sigtimedwait(&signals, nullptr, &second);
      if (signal > 0 && signal != kWakeUp) on_signal_(signal);
      on_tick_();
    }
  }

  const std::function<void(int)> on_signal_;
  const std::function<void()> on_tick_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

void Reload(const Flags& flags, Daemon& daemon, Log& log) {
  const absl::StatusOr<ServerSettings> settings = CurrentSettings(flags);
  if (settings.ok()) return daemon.Reload(*settings);
  log.Say(LogLevel::kError, "the new config is not used, because of this:");
  for (absl::string_view line : absl::StrSplit(settings.status().message(), '\n')) {
    log.Say(LogLevel::kError, line);
  }
}

// Ends when the daemon has drained.
void RunWithSignals(const Flags& flags, Daemon& daemon, Log& log) {
  bool asked = false;
  const auto on_signal = [&](int signal) {
    if (signal == SIGHUP) return Reload(flags, daemon, log);
    if (asked) _exit(128 + signal);
    asked = true;
    daemon.Drain();
  };
  const SignalThread signals(on_signal, [&daemon] { daemon.Tick(); });
  daemon.AwaitDrained();
}

void Announce(const std::vector<std::string>& urls, int fd) {
  std::string lines;
  for (const std::string& url : urls) absl::StrAppend(&lines, url, "\n");
  lines += "\n";
  // A few hundred bytes fit into any pipe; who has gone away does not want them.
  while (write(fd, lines.data(), lines.size()) < 0 && errno == EINTR) {
  }
  close(fd);
}

int Serve(const Flags& flags, ServerSettings settings) {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  RaiseDescriptorLimit();

  Log log(settings.log_level);
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(std::move(settings), AllDialects(), log);
  if (!daemon.ok()) return Fail(CodeOfStart(daemon.status()), daemon.status().message());
  if (flags.ready_fd >= 0) Announce((*daemon)->urls(), flags.ready_fd);

  RunWithSignals(flags, **daemon, log);
  // From here on a signal ends the process.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  daemon->reset();
  log.Say(LogLevel::kInfo, "ended");
  return kExitOk;
}

}  // namespace

int Run(const Flags& flags) {
#ifdef NDEBUG
  // Looking for deadlocks would double the cost of the hub's lock; the sanitizers' builds do it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  absl::StatusOr<ServerSettings> settings = CurrentSettings(flags);
  if (!settings.ok()) {
    const bool missing = settings.status().code() == absl::StatusCode::kNotFound;
    return Fail(missing ? kExitNoInput : kExitBadConfig, settings.status().message());
  }
  if (flags.print_config) {
    const std::string text = PrintSettings(*settings);
    const bool written = fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return written && fflush(stdout) == 0 ? kExitOk : kExitIoError;
  }
  if (flags.check_config) return kExitOk;
  if (flags.ready_fd >= 0 && fcntl(flags.ready_fd, F_GETFD) < 0) {
    return Fail(kExitUsage, absl::StrCat("--ready-fd: ", flags.ready_fd, " is not open"));
  }
  return Serve(flags, *std::move(settings));
}

}  // namespace chat::tools
