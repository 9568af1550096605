// A client of chatd's admin API.

#ifndef TOOLS_CHAT_ADMIN_ADMIN_CLIENT_H_
#define TOOLS_CHAT_ADMIN_ADMIN_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/chat/admin/v1/admin.pb.h"

namespace chat::tools {

// Errors are those of admin.proto, and kUnavailable if the server cannot be reached,
// kDeadlineExceeded if a call was not answered in time.
//
// Thread safety: all methods may be called from any thread.
class AdminClient {
 public:
  // `socket` is the path of the server's admin socket. Each call but Watch may take `timeout`.
  // PermissionDenied if this user may not use the socket, or if it is the default one and others
  // could have put it there.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Open(const std::string& socket,
                                                           absl::Duration timeout);
  virtual ~AdminClient() = default;

  virtual absl::StatusOr<admin::v1::GetStatusResponse> GetStatus() = 0;
  // The health service's word: "SERVING", "NOT_SERVING".
  virtual absl::StatusOr<std::string> Health() = 0;

  // All pages of each.
  virtual absl::StatusOr<std::vector<admin::v1::User>> Users() = 0;
  virtual absl::StatusOr<std::vector<admin::v1::Connection>> Connections(bool show_addresses) = 0;
  virtual absl::StatusOr<std::vector<admin::v1::Tunnel>> Tunnels() = 0;
  virtual absl::StatusOr<std::vector<admin::v1::Server>> Servers() = 0;
  virtual absl::StatusOr<std::vector<admin::v1::Account>> Accounts() = 0;

  virtual absl::Status AddAccount(absl::string_view name, absl::string_view password) = 0;
  virtual absl::Status SetAccountPassword(absl::string_view name, absl::string_view password) = 0;
  virtual absl::Status RemoveAccount(absl::string_view name) = 0;
  virtual absl::Status KickUser(absl::string_view name) = 0;
  virtual absl::Status CloseTunnel(uint64_t id) = 0;
  virtual absl::Status Merge(absl::string_view host, uint16_t port) = 0;
  virtual absl::Status Say(absl::string_view text) = 0;
  virtual absl::Status Drain() = 0;

  // Calls `begun` once the watch has begun, then `on_event` for each event, until that returns
  // false (OK), the server ends (OK), `duration` is over (kDeadlineExceeded), or CancelWatch is
  // called (kCancelled). Called once.
  virtual absl::Status Watch(std::optional<absl::Duration> duration, std::function<void()> begun,
                             std::function<bool(const admin::v1::WatchResponse&)> on_event) = 0;
  virtual void CancelWatch() = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_ADMIN_CLIENT_H_
