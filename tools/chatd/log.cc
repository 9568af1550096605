#include "tools/chatd/log.h"

#include <stdlib.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "spdlog/async.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"
#include "tools/common/escape.h"

namespace chat::tools {
namespace {

constexpr size_t kQueueLines = 1024;

spdlog::level::level_enum SpdLevel(net::LogLevel level) {
  switch (level) {
    case net::LogLevel::kDebug:
      return spdlog::level::debug;
    case net::LogLevel::kInfo:
      return spdlog::level::info;
    case net::LogLevel::kWarning:
      return spdlog::level::warn;
    case net::LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::color_mode ColorMode() {
  const char* no_color = getenv("NO_COLOR");
  const bool plain = no_color != nullptr && no_color[0] != '\0';
  return plain ? spdlog::color_mode::never : spdlog::color_mode::automatic;
}

// The wall clock may jump.
absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

Log::Log(net::LogLevel level)
    : writer_(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)) {
  logger_ = std::make_shared<spdlog::async_logger>(
      "chatd", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(ColorMode()), writer_,
      spdlog::async_overflow_policy::overrun_oldest);
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  logger_->flush_on(spdlog::level::debug);
  SetLevel(level);
}

Log::~Log() = default;

void Log::SetLevel(net::LogLevel level) { logger_->set_level(SpdLevel(level)); }

void Log::Say(net::LogLevel level, absl::string_view line) {
  if (logger_->should_log(SpdLevel(level))) logger_->log(SpdLevel(level), Escape(line));
}

void Log::SayOften(net::LogLevel level, absl::string_view line) {
  if (!logger_->should_log(SpdLevel(level))) return;
  std::optional<std::string> admitted;
  {
    absl::MutexLock lock(&mu_);
    admitted = gates_[static_cast<size_t>(level)].Admit(line, SteadyNow());
  }
  if (admitted) Say(level, *admitted);
}

void Log::Tick() {
  for (size_t i = 0; i < gates_.size(); ++i) {
    std::vector<std::string> lines;
    {
      absl::MutexLock lock(&mu_);
      lines = gates_[i].Flush(SteadyNow());
    }
    for (const std::string& line : lines) Say(static_cast<net::LogLevel>(i), line);
  }
}

}  // namespace chat::tools
