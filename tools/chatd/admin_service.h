// The admin API (admin.proto), over a running server.

#ifndef TOOLS_CHATD_ADMIN_SERVICE_H_
#define TOOLS_CHATD_ADMIN_SERVICE_H_

#include <atomic>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/dialect.h"
#include "libchat/net/server.h"
#include "proto/chat/admin/v1/admin.grpc.pb.h"
#include "tools/chatd/rate_meter.h"

namespace chat::tools {

// Each method is as admin.proto says.
// Thread safety: all methods may be called from any thread.
class AdminService final : public admin::v1::Admin::Service {
 public:
  static constexpr int kMaxWatchers = 16;

  // `server` and `accounts` outlive the service; `dialects` are the server's, in the same order.
  // `drain` begins to end the daemon.
  AdminService(net::Server& server, Accounts& accounts, std::vector<const Dialect*> dialects,
               std::function<void()> drain);

  // Keeps the rates. Called about once a second.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every Watch within a moment; what comes later ends at once.
  void EndWatches() { ending_ = true; }

  grpc::Status GetStatus(grpc::ServerContext* context, const admin::v1::GetStatusRequest* request,
                         admin::v1::GetStatusResponse* response) override ABSL_LOCKS_EXCLUDED(mu_);
  grpc::Status ListUsers(grpc::ServerContext* context, const admin::v1::ListUsersRequest* request,
                         admin::v1::ListUsersResponse* response) override;
  grpc::Status ListConnections(grpc::ServerContext* context,
                               const admin::v1::ListConnectionsRequest* request,
                               admin::v1::ListConnectionsResponse* response) override;
  grpc::Status ListTunnels(grpc::ServerContext* context,
                           const admin::v1::ListTunnelsRequest* request,
                           admin::v1::ListTunnelsResponse* response) override;
  grpc::Status ListServers(grpc::ServerContext* context,
                           const admin::v1::ListServersRequest* request,
                           admin::v1::ListServersResponse* response) override;
  grpc::Status Merge(grpc::ServerContext* context, const admin::v1::MergeRequest* request,
                     admin::v1::MergeResponse* response) override;
  grpc::Status KickUser(grpc::ServerContext* context, const admin::v1::KickUserRequest* request,
                        admin::v1::KickUserResponse* response) override;
  grpc::Status CloseTunnel(grpc::ServerContext* context,
                           const admin::v1::CloseTunnelRequest* request,
                           admin::v1::CloseTunnelResponse* response) override;
  grpc::Status Say(grpc::ServerContext* context, const admin::v1::SayRequest* request,
                   admin::v1::SayResponse* response) override;
  grpc::Status AddAccount(grpc::ServerContext* context, const admin::v1::AddAccountRequest* request,
                          admin::v1::AddAccountResponse* response) override;
  grpc::Status SetAccountPassword(grpc::ServerContext* context,
                                  const admin::v1::SetAccountPasswordRequest* request,
                                  admin::v1::SetAccountPasswordResponse* response) override;
  grpc::Status RemoveAccount(grpc::ServerContext* context,
                             const admin::v1::RemoveAccountRequest* request,
                             admin::v1::RemoveAccountResponse* response) override;
  grpc::Status ListAccounts(grpc::ServerContext* context,
                            const admin::v1::ListAccountsRequest* request,
                            admin::v1::ListAccountsResponse* response) override;
  grpc::Status Drain(grpc::ServerContext* context, const admin::v1::DrainRequest* request,
                     admin::v1::DrainResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const admin::v1::WatchRequest* request,
                     grpc::ServerWriter<admin::v1::WatchResponse>* writer) override;

 private:
  net::Server& server_;
  Accounts& accounts_;
  const std::vector<const Dialect*> dialects_;
  const std::function<void()> drain_;
  const absl::Time start_;         // wall clock, for people
  const absl::Time steady_start_;  // does not jump

  std::atomic<int> watchers_ = 0;
  std::atomic<bool> ending_ = false;

  absl::Mutex mu_;
  RateMeter rates_ ABSL_GUARDED_BY(mu_);
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_ADMIN_SERVICE_H_
