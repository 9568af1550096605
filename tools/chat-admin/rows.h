// What the admin API says, as rows to print.

#ifndef TOOLS_CHAT_ADMIN_ROWS_H_
#define TOOLS_CHAT_ADMIN_ROWS_H_

#include <string>
#include <vector>

#include "proto/chat/admin/v1/admin.pb.h"
#include "tools/chat-admin/table.h"

namespace chat::tools {

// The keys of the rows below: the names of the fields in admin.proto, all of them, always.
std::vector<std::string> UserColumns();
std::vector<std::string> ConnectionColumns(bool show_addresses);
std::vector<std::string> TunnelColumns();
std::vector<std::string> ServerColumns();
std::vector<std::string> AccountColumns();
std::vector<std::string> EventColumns();

Row ToRow(const admin::v1::User& user);
Row ToRow(const admin::v1::Connection& connection, bool show_addresses);
Row ToRow(const admin::v1::Tunnel& tunnel);
Row ToRow(const admin::v1::Server& server);
Row ToRow(const admin::v1::Account& account);
Row ToRow(const admin::v1::WatchResponse& event);
// For RenderObject. `all_counters`: those that are 0 as well.
Row ToRow(const admin::v1::GetStatusResponse& status, bool all_counters);

// "open", "waiting_for_peer"
std::string StateName(admin::v1::Connection::State state);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_ROWS_H_
