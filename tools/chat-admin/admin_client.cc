#include "tools/chat-admin/admin_client.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpc/grpc.h"
#include "grpcpp/grpcpp.h"
#include "proto/chat/admin/v1/admin.grpc.pb.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "tools/common/paths.h"

namespace chat::tools {
namespace {

using admin::v1::Admin;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr uint32_t kPage = 1000;

// gRPC would say as little as "failed to connect to all addresses" of all these.
absl::Status CheckSocket(const std::string& path) {
  if (path == DefaultAdminSocket()) {
    const absl::Status status = CheckPrivateDirectory(DirectoryOf(path));
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  struct stat found;
  if (stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) {
      return absl::UnavailableError(
          absl::StrCat("no chatd serves unix:", path, ": is it running?"));
    }
    return absl::ErrnoToStatus(errno, path);
  }
  if (!S_ISSOCK(found.st_mode)) return absl::UnavailableError(absl::StrCat(path, " is no socket"));
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(path, " is another user's"));
  }
  return absl::OkStatus();
}

class GrpcAdminClient final : public AdminClient {
 public:
  GrpcAdminClient(const std::string& socket, absl::Duration timeout)
      : socket_(socket),
        timeout_(timeout),
        channel_(
            grpc::CreateChannel(absl::StrCat("unix:", socket), grpc::InsecureChannelCredentials())),
        admin_(Admin::NewStub(channel_)),
        health_(grpc::health::v1::Health::NewStub(channel_)) {}

  absl::StatusOr<admin::v1::GetStatusResponse> GetStatus() override {
    admin::v1::GetStatusResponse response;
    const absl::Status status =
        Call(*admin_, &Admin::Stub::GetStatus, admin::v1::GetStatusRequest(), &response);
    if (!status.ok()) return status;
    return response;
  }

  absl::StatusOr<std::string> Health() override {
    HealthCheckResponse response;
    const absl::Status status =
        Call(*health_, &grpc::health::v1::Health::Stub::Check, HealthCheckRequest(), &response);
    if (!status.ok()) return status;
    return HealthCheckResponse::ServingStatus_Name(response.status());
  }

  absl::StatusOr<std::vector<admin::v1::User>> Users() override {
    return AllPages<admin::v1::User>(&Admin::Stub::ListUsers, admin::v1::ListUsersRequest(),
                                     &admin::v1::ListUsersResponse::users);
  }
  absl::StatusOr<std::vector<admin::v1::Connection>> Connections(bool show_addresses) override {
    admin::v1::ListConnectionsRequest request;
    request.set_show_addresses(show_addresses);
    return AllPages<admin::v1::Connection>(&Admin::Stub::ListConnections, std::move(request),
                                           &admin::v1::ListConnectionsResponse::connections);
  }
  absl::StatusOr<std::vector<admin::v1::Tunnel>> Tunnels() override {
    return AllPages<admin::v1::Tunnel>(&Admin::Stub::ListTunnels, admin::v1::ListTunnelsRequest(),
                                       &admin::v1::ListTunnelsResponse::tunnels);
  }

  absl::StatusOr<std::vector<admin::v1::Server>> Servers() override {
    return AllPages<admin::v1::Server>(&Admin::Stub::ListServers, admin::v1::ListServersRequest(),
                                       &admin::v1::ListServersResponse::servers);
  }

  absl::StatusOr<std::vector<admin::v1::Account>> Accounts() override {
    return AllPages<admin::v1::Account>(&Admin::Stub::ListAccounts,
                                        admin::v1::ListAccountsRequest(),
                                        &admin::v1::ListAccountsResponse::accounts);
  }

  absl::Status AddAccount(absl::string_view name, absl::string_view password) override {
    admin::v1::AddAccountRequest request;
    request.set_name(std::string(name));
    request.set_password(std::string(password));
    admin::v1::AddAccountResponse response;
    return Call(*admin_, &Admin::Stub::AddAccount, request, &response);
  }
  absl::Status SetAccountPassword(absl::string_view name, absl::string_view password) override {
    admin::v1::SetAccountPasswordRequest request;
    request.set_name(std::string(name));
    request.set_password(std::string(password));
    admin::v1::SetAccountPasswordResponse response;
    return Call(*admin_, &Admin::Stub::SetAccountPassword, request, &response);
  }
  absl::Status RemoveAccount(absl::string_view name) override {
    admin::v1::RemoveAccountRequest request;
    request.set_name(std::string(name));
    admin::v1::RemoveAccountResponse response;
    return Call(*admin_, &Admin::Stub::RemoveAccount, request, &response);
  }
  absl::Status KickUser(absl::string_view name) override {
    admin::v1::KickUserRequest request;
    request.set_name(std::string(name));
    admin::v1::KickUserResponse response;
    return Call(*admin_, &Admin::Stub::KickUser, request, &response);
  }
  absl::Status CloseTunnel(uint64_t id) override {
    admin::v1::CloseTunnelRequest request;
    request.set_id(id);
    admin::v1::CloseTunnelResponse response;
    return Call(*admin_, &Admin::Stub::CloseTunnel, request, &response);
  }
  absl::Status Merge(absl::string_view host, uint16_t port) override {
    admin::v1::MergeRequest request;
    request.set_host(std::string(host));
    request.set_port(port);
    admin::v1::MergeResponse response;
    return Call(*admin_, &Admin::Stub::Merge, request, &response);
  }
  absl::Status Say(absl::string_view text) override {
    admin::v1::SayRequest request;
    request.set_text(std::string(text));
    admin::v1::SayResponse response;
    return Call(*admin_, &Admin::Stub::Say, request, &response);
  }
  absl::Status Drain() override {
    admin::v1::DrainResponse response;
    return Call(*admin_, &Admin::Stub::Drain, admin::v1::DrainRequest(), &response);
  }

  absl::Status Watch(std::optional<absl::Duration> duration, std::function<void()> begun,
                     std::function<bool(const admin::v1::WatchResponse&)> on_event) override {
    if (duration) watch_.set_deadline(absl::ToChronoTime(absl::Now() + *duration));
    const auto reader = admin_->Watch(&watch_, {});
    reader->WaitForInitialMetadata();
    begun();
    admin::v1::WatchResponse event;
    while (reader->Read(&event)) {
      if (on_event(event)) continue;
      watch_.TryCancel();
      reader->Finish();
      return absl::OkStatus();
    }
    return FromGrpc(reader->Finish());
  }
  void CancelWatch() override { watch_.TryCancel(); }

 private:
  // The codes of absl::Status and gRPC are the same.
  absl::Status FromGrpc(const grpc::Status& status) const {
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    if (code != absl::StatusCode::kUnavailable) return absl::Status(code, status.error_message());
    return absl::Status(code, absl::StrCat("chatd at unix:", socket_,
                                           " does not answer: ", status.error_message()));
  }

  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout_));
    return FromGrpc((stub.*method)(&context, request, response));
  }

  template <typename Entry, typename Request, typename Response>
  absl::StatusOr<std::vector<Entry>> AllPages(
      grpc::Status (Admin::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
      Request request,
      const google::protobuf::RepeatedPtrField<Entry>& (Response::*entries)() const) const {
    std::vector<Entry> all;
    request.set_page_size(kPage);
    do {
      Response page;
      if (absl::Status status = Call(*admin_, method, request, &page); !status.ok()) return status;
      for (const Entry& entry : (page.*entries)()) all.push_back(entry);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return all;
  }

  const std::string socket_;
  const absl::Duration timeout_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Admin::Stub> admin_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  grpc::ClientContext watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Open(const std::string& socket,
                                                               absl::Duration timeout) {
  if (absl::Status status = CheckSocket(socket); !status.ok()) return status;
  // Never shut down: with bytes left that the server does not read, that could take ten seconds.
  grpc_init();
  return std::make_unique<GrpcAdminClient>(socket, timeout);
}

}  // namespace chat::tools
