#include "tools/chat-admin/top.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tools/chat-admin/rows.h"
#include "tools/chat-admin/table.h"

namespace chat::tools {
namespace {

struct Busy {
  const admin::v1::Connection* connection;
  double in;  // bytes a second
  double out;
};

// "1.5MiB"
std::string Size(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return absl::StrFormat(unit == 0 ? "%.0f%s" : "%.1f%s", bytes, kUnits[unit]);
}

std::vector<std::string> Summary(const admin::v1::GetStatusResponse& status) {
  std::vector<std::string> dialects;
  for (const auto& [dialect, users] : status.users_by_dialect()) {
    dialects.push_back(absl::StrCat(dialect, " ", users));
  }
  std::sort(dialects.begin(), dialects.end());
  const admin::v1::Rates& rates = status.rates();
  return {
      absl::StrCat("chatd ", status.version(), "  up ",
                   absl::FormatDuration(absl::Seconds(status.uptime().seconds())), "  threads ",
                   status.threads(), status.draining() ? "  draining" : ""),
      absl::StrCat("users ", status.users(), " (", absl::StrJoin(dialects, ", "), ")  connections ",
                   status.connections(), "  tunnels ", status.tunnels(), "  memory ",
                   Size(static_cast<double>(status.memory_bytes()))),
      absl::StrFormat("messages %.1f/s  in %s/s  out %s/s  tunnels %s/s",
                      rates.messages_per_second(), Size(rates.bytes_in_per_second()),
                      Size(rates.bytes_out_per_second()), Size(rates.tunnel_bytes_per_second())),
  };
}

Row ToRow(const Busy& busy) {
  const admin::v1::Connection& connection = *busy.connection;
  return {{"user", connection.user()},
          {"dialect", connection.dialect()},
          {"state", StateName(connection.state())},
          {"in/s", Size(busy.in)},
          {"out/s", Size(busy.out)},
          {"lag", Size(static_cast<double>(connection.lag_bytes()))},
          {"queued", Size(static_cast<double>(connection.queued_bytes()))},
          {"id", connection.id()}};
}

}  // namespace

std::vector<std::string> Top::Frame(const TopSample& sample, size_t lines) {
  std::vector<Busy> busiest;
  std::map<std::string, std::pair<uint64_t, uint64_t>> now;
  const double seconds = absl::ToDoubleSeconds(sample.time - time_);
  for (const admin::v1::Connection& connection : sample.connections) {
    now[connection.id()] = {connection.bytes_in(), connection.bytes_out()};
    const auto before = before_.find(connection.id());
    const auto [in, out] = before == before_.end() ? now[connection.id()] : before->second;
    busiest.push_back({&connection, static_cast<double>(connection.bytes_in() - in) / seconds,
                       static_cast<double>(connection.bytes_out() - out) / seconds});
  }
  before_ = std::move(now);
  time_ = sample.time;
  std::stable_sort(busiest.begin(), busiest.end(),
                   [](const Busy& a, const Busy& b) { return a.in + a.out > b.in + b.out; });

  std::vector<std::string> frame = Summary(sample.status);
  frame.push_back("");
  const size_t taken = frame.size() + 1;  // and the line of the columns' names
  if (lines > taken) busiest.resize(std::min(busiest.size(), lines - taken));
  std::vector<Row> rows;
  for (const Busy& busy : busiest) rows.push_back(ToRow(busy));
  const std::string table =
      RenderRows({"user", "dialect", "state", "in/s", "out/s", "lag", "queued", "id"}, rows, {});
  for (absl::string_view line : absl::StrSplit(table, '\n', absl::SkipEmpty())) {
    frame.emplace_back(line);
  }
  frame.resize(std::min(frame.size(), lines));
  return frame;
}

}  // namespace chat::tools
