#include "tools/chat-admin/rows.h"

#include <cmath>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace chat::tools {
namespace {

std::string Time(const google::protobuf::Timestamp& time) {
  const absl::Time moment = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", moment, absl::UTCTimeZone());
}

// "KIND_TUNNEL_OPEN" is "tunnel_open".
std::string EnumName(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

double TwoDecimals(double value) { return std::round(value * 100) / 100; }

// In the order of names: a proto map has none.
Row Counts(const google::protobuf::Map<std::string, uint64_t>& map, bool zeros) {
  Row row = Row::object();
  for (const auto& [name, value] : std::map<std::string, uint64_t>(map.begin(), map.end())) {
    if (zeros || value != 0) row[name] = value;
  }
  return row;
}

std::vector<std::string> Keys(const Row& row) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : row.items()) keys.push_back(key);
  return keys;
}

}  // namespace

std::vector<std::string> UserColumns() { return Keys(ToRow(admin::v1::User())); }
std::vector<std::string> ConnectionColumns(bool show_addresses) {
  return Keys(ToRow(admin::v1::Connection(), show_addresses));
}
std::vector<std::string> TunnelColumns() { return Keys(ToRow(admin::v1::Tunnel())); }
std::vector<std::string> ServerColumns() { return Keys(ToRow(admin::v1::Server())); }
std::vector<std::string> AccountColumns() { return Keys(ToRow(admin::v1::Account())); }
std::vector<std::string> EventColumns() { return Keys(ToRow(admin::v1::WatchResponse())); }

std::string StateName(admin::v1::Connection::State state) {
  return EnumName(admin::v1::Connection::State_Name(state), "STATE_");
}

Row ToRow(const admin::v1::User& user) {
  return {{"name", user.name()},
          {"dialect", user.dialect()},
          {"connection_id", user.connection_id()},
          {"login_time", Time(user.login_time())}};
}

Row ToRow(const admin::v1::Connection& connection, bool show_addresses) {
  Row row = {{"id", connection.id()},
             {"user", connection.user()},
             {"dialect", connection.dialect()},
             {"state", StateName(connection.state())},
             {"listener", connection.listener()},
             {"start_time", Time(connection.start_time())},
             {"bytes_in", connection.bytes_in()},
             {"bytes_out", connection.bytes_out()},
             {"lag_bytes", connection.lag_bytes()},
             {"queued_bytes", connection.queued_bytes()},
             {"acknowledged", connection.acknowledged()}};
  if (show_addresses) row["address"] = connection.address();
  return row;
}

Row ToRow(const admin::v1::Tunnel& tunnel) {
  return {{"id", tunnel.id()},
          {"asker", tunnel.asker()},
          {"target", tunnel.target()},
          {"established", tunnel.established()},
          {"start_time", Time(tunnel.start_time())},
          {"bytes_from_first", tunnel.bytes_from_first()},
          {"bytes_from_second", tunnel.bytes_from_second()}};
}

Row ToRow(const admin::v1::Server& server) {
  return {{"id", server.id()},
          {"address", server.address()},
          {"opened_here", server.opened_here()},
          {"connection_id", server.connection_id()},
          {"merge_time", Time(server.merge_time())}};
}

Row ToRow(const admin::v1::Account& account) {
  return {{"name", account.name()}, {"create_time", Time(account.create_time())}};
}

Row ToRow(const admin::v1::WatchResponse& event) {
  return {{"time", Time(event.time())},
          {"sequence", event.sequence()},
          {"kind", EnumName(admin::v1::WatchResponse::Kind_Name(event.kind()), "KIND_")},
          {"user", event.user()},
          {"dialect", event.dialect()},
          {"number", event.number()},
          {"detail", event.detail()}};
}

Row ToRow(const admin::v1::GetStatusResponse& status, bool all_counters) {
  Row listeners = Row::array();
  for (const std::string& listener : status.listeners()) listeners.push_back(listener);
  const admin::v1::Rates& rates = status.rates();
  Row row = {{"version", status.version()},
             {"start_time", Time(status.start_time())},
             {"uptime_seconds", status.uptime().seconds()},
             {"threads", status.threads()},
             {"listeners", listeners},
             {"draining", status.draining()},
             {"users", status.users()},
             {"users_by_dialect", Counts(status.users_by_dialect(), true)},
             {"connections", status.connections()},
             {"tunnels", status.tunnels()},
             {"server_id", status.server_id()},
             {"servers", status.servers()},
             {"log_bytes", status.log_bytes()},
             {"memory_bytes", status.memory_bytes()}};
  row["rates"] = {{"messages_per_second", TwoDecimals(rates.messages_per_second())},
                  {"bytes_in_per_second", TwoDecimals(rates.bytes_in_per_second())},
                  {"bytes_out_per_second", TwoDecimals(rates.bytes_out_per_second())},
                  {"tunnel_bytes_per_second", TwoDecimals(rates.tunnel_bytes_per_second())}};
  row["counters"] = Counts(status.counters(), all_counters);
  return row;
}

}  // namespace chat::tools
