// chatd's log: lines on stderr.

#ifndef TOOLS_CHATD_LOG_H_
#define TOOLS_CHATD_LOG_H_

#include <array>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libchat/net/server.h"
#include "tools/chatd/flood_gate.h"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace chat::tools {

// Lines are escaped, and written by a thread of the log's own: whoever logs never waits for a slow
// stderr. If 1,024 lines wait, the oldest are dropped.
//
// Thread safety: all methods may be called from any thread.
class Log {
 public:
  explicit Log(net::LogLevel level);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  // Writes what waits.
  ~Log();

  void SetLevel(net::LogLevel level);

  // What happens rarely.
  void Say(net::LogLevel level, absl::string_view line);

  // What a client may bring about as often as it likes: one line a second of each kind.
  void SayOften(net::LogLevel level, absl::string_view line) ABSL_LOCKS_EXCLUDED(mu_);

  // Says how many lines were left out. Called about once a second.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::shared_ptr<spdlog::logger> logger_;
  // Destroyed before logger_: its end writes what waits.
  std::shared_ptr<spdlog::details::thread_pool> writer_;

  absl::Mutex mu_;
  std::array<FloodGate, 4> gates_ ABSL_GUARDED_BY(mu_);  // one a level
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_LOG_H_
