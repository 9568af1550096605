#include "tools/chat-bench/report.h"

#include <cstddef>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"

namespace chat::bench {
namespace {

constexpr int kVersion = 1;
constexpr double kGib = 1 << 30;

void AddPercentiles(const std::string& name, const Histogram& nanos, Report& report) {
  if (nanos.count() == 0) return;
  report[name + "_p50_us"] = static_cast<double>(nanos.Percentile(0.50)) / 1e3;
  report[name + "_p99_us"] = static_cast<double>(nanos.Percentile(0.99)) / 1e3;
}

}  // namespace

Report ToReport(const FanoutOptions& options, const FanoutResult& result) {
  const auto deliveries = static_cast<double>(result.deliveries);
  Report report;
  report["v"] = kVersion;
  report["verb"] = "fanout";
  report["receivers"] = options.receivers;
  report["window"] = options.window;
  report["message_bytes"] = options.message_bytes;
  report["frame_bytes"] = result.frame_bytes;
  report["messages"] = result.messages;
  report["deliveries"] = result.deliveries;
  report["deliveries_include_sender_echo"] = result.sender_echo;
  report["seconds"] = absl::ToDoubleSeconds(result.elapsed);
  report["deliveries_per_second"] = deliveries / absl::ToDoubleSeconds(result.elapsed);
  if (result.server_cpu) {
    report["server_cpu_us_per_delivery"] =
        absl::ToDoubleMicroseconds(*result.server_cpu) / deliveries;
  }
  report["bench_cpu_us_per_delivery"] = absl::ToDoubleMicroseconds(result.bench_cpu) / deliveries;
  AddPercentiles("confirmation", result.confirmation_nanos, report);
  AddPercentiles("last_delivery", result.delivery_nanos, report);
  return report;
}

Report ToReport(const TunnelOptions& options, const TunnelResult& result) {
  const auto bytes = static_cast<double>(result.bytes);
  const double seconds = absl::ToDoubleSeconds(result.elapsed);
  Report report;
  report["v"] = kVersion;
  report["verb"] = "tunnel";
  report["verified"] = options.verify;
  report["bytes"] = result.bytes;
  report["seconds"] = seconds;
  report["bytes_per_second"] = bytes / seconds;
  report["gbit_per_second"] = bytes * 8 / seconds / 1e9;
  if (result.server_cpu) {
    report["server_cpu_seconds_per_gib"] =
        absl::ToDoubleSeconds(*result.server_cpu) / (bytes / kGib);
  }
  return report;
}

std::string ToTable(const Report& report) {
  std::string table;
  for (const auto& [key, value] : report.items()) {
    const std::string label = absl::StrReplaceAll(key, {{"_", " "}});
    if (value.is_number_float()) {
      absl::StrAppendFormat(&table, "%-32s %18.3f\n", label, value.get<double>());
    } else {
      absl::StrAppendFormat(&table, "%-32s %18s\n", label,
                            value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return table;
}

}  // namespace chat::bench
