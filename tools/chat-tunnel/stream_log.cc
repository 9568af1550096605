#include "tools/chat-tunnel/stream_log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "tools/common/reconnector.h"

namespace chat::tools {

using client::TunnelReport;

std::string StreamName::ToString() const {
  if (service.empty()) return peer;
  return absl::StrCat(peer, asked ? "/" : " to ", service);
}

std::optional<int> LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return std::nullopt;
}

void StreamLog::Ended(const StreamName& name, const TunnelReport& report) {
  if (json_) return WriteJson(name, report, report.Reason());
  const std::string line =
      absl::StrCat(name.ToString(), ": sent ", report.sent, " bytes, received ", report.received,
                   " bytes in ", ShortDuration(report.lasted), ": ", report.Reason());
  if (report.ending == TunnelReport::Ending::kDone) {
    diagnostics_.Detail(line);
  } else {
    diagnostics_.Notice(line);
  }
}

void StreamLog::NotConnected(const StreamName& name, const absl::Status& status) {
  const std::string reason = absl::StrCat("not connected: ", status.message());
  if (json_) return WriteJson(name, TunnelReport(), reason);
  diagnostics_.Error(absl::StrCat(name.ToString(), ": ", reason));
}

void StreamLog::GivenUp(const StreamName& name, const absl::Status& status) {
  const std::string reason = absl::StrCat("not connected: ", status.message());
  if (json_) return WriteJson(name, TunnelReport(), reason);
  diagnostics_.Detail(absl::StrCat(name.ToString(), ": ", reason));
}

void StreamLog::WriteJson(const StreamName& name, const TunnelReport& report,
                          absl::string_view reason) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  line["peer"] = name.peer;
  line["service"] = name.service;
  line["local_port"] = nullptr;
  if (name.local_port.has_value()) line["local_port"] = *name.local_port;
  line["sent"] = report.sent;
  line["received"] = report.received;
  line["duration"] = absl::ToInt64Milliseconds(report.lasted) / 1000.0;
  line["reason"] = std::string(reason);
  // A peer's name may be anything.
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  const std::string text = line.dump(-1, ' ', /*ensure_ascii=*/false, replace) + "\n";
  out_.write(text.data(), static_cast<std::streamsize>(text.size())).flush();
}

}  // namespace chat::tools
