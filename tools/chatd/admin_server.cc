#include "tools/chatd/admin_server.h"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "tools/chatd/admin_service.h"
#include "tools/chatd/lock_file.h"
#include "tools/common/paths.h"

namespace chat::tools {
namespace {

constexpr int kMaxMessageBytes = 1 << 20;
constexpr int kMaxThreads = 64;  // each call, and each Watch, holds one
// What is being answered when the server ends has so long to end by itself.
constexpr std::chrono::seconds kShutdownGrace{1};

// Files that are made while it lives open for this user alone.
class PrivateUmask {
 public:
  PrivateUmask() : before_(umask(0177)) {}
  ~PrivateUmask() { umask(before_); }

 private:
  const mode_t before_;
};

// The directory of `socket` exists, and nobody else can put another socket in this one's place.
absl::Status PrepareDirectory(const std::string& socket) {
  const std::string directory = DirectoryOf(socket);
  if (absl::Status status = MakeDirectories(directory); !status.ok()) return status;
  // The default place may be in /tmp, where others could have been first.
  return socket == DefaultAdminSocket() ? CheckPrivateDirectory(directory)
                                        : CheckSafeDirectory(directory);
}

// Anything but a socket would be somebody's file, which gRPC must not be left to replace.
absl::Status CheckIsSocket(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0 || S_ISSOCK(found.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, " exists and is no socket"));
}

class GrpcAdminServer final : public AdminServer {
 public:
  GrpcAdminServer(LockFile lock, net::Server& server, Options options)
      : lock_(std::move(lock)),
        service_(server, *options.accounts, std::move(options.dialects), std::move(options.drain)) {
  }

  ~GrpcAdminServer() override {
    service_.EndWatches();
    if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }

  absl::Status Listen(const std::string& socket) {
    // Never shut down: with bytes left that a client does not read, that could take ten seconds.
    grpc_init();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("admin");
    builder.SetResourceQuota(quota.SetMaxThreads(kMaxThreads));
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    builder.RegisterService(&service_);
    int bound = 0;
    // What guards the API is who can open the socket.
    builder.AddListeningPort(absl::StrCat("unix:", socket), grpc::InsecureServerCredentials(),
                             &bound);
    const PrivateUmask umask;
    grpc_ = builder.BuildAndStart();
    if (grpc_ != nullptr && bound != 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("cannot listen on ", socket));
  }

  void Tick() override { service_.Tick(); }
  void SayDraining() override { grpc_->GetHealthCheckService()->SetServingStatus(false); }

 private:
  const LockFile lock_;  // let go last
  AdminService service_;
  std::unique_ptr<grpc::Server> grpc_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(net::Server& server,
                                                                Options options) {
  const std::string socket = options.socket;
  if (absl::Status status = PrepareDirectory(socket); !status.ok()) return status;
  absl::StatusOr<LockFile> lock = LockFile::Take(absl::StrCat(socket, ".lock"));
  if (!lock.ok()) return lock.status();
  if (absl::Status status = CheckIsSocket(socket); !status.ok()) return status;
  auto admin = std::make_unique<GrpcAdminServer>(*std::move(lock), server, std::move(options));
  if (absl::Status status = admin->Listen(socket); !status.ok()) return status;
  return admin;
}

}  // namespace chat::tools
