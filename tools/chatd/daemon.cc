#include "tools/chatd/daemon.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/chatd/server_id.h"
#include "tools/common/paths.h"

namespace chat::tools {
namespace {

using net::LogLevel;

absl::StatusOr<LockFile> TakeDataDirectory(const std::string& path) {
  if (absl::Status status = MakeDirectories(path); !status.ok()) return status;
  if (absl::Status status = CheckSafeDirectory(path); !status.ok()) return status;
  absl::StatusOr<LockFile> lock = LockFile::Take(absl::StrCat(path, "/lock"));
  if (lock.ok() || lock.status().code() != absl::StatusCode::kFailedPrecondition) return lock;
  return absl::FailedPreconditionError(absl::StrCat(
      lock.status().message(), ": another server keeps its data there (see --data-dir)"));
}

AccountBounds ToAccountBounds(const Limits& limits) {
  AccountBounds bounds;
  bounds.hashing_queue = limits.hashing_queue;
  bounds.accounts = limits.accounts;
  bounds.logins.failures = limits.logins_per_address;
  bounds.logins.window = limits.logins_window;
  bounds.logins.first_refusal = limits.logins_refusal;
  bounds.logins.longest_refusal = limits.logins_longest_refusal;
  bounds.logins.addresses = limits.logins_addresses;
  bounds.registrations.in_all = limits.registrations;
  bounds.registrations.per_address = limits.registrations_per_address;
  bounds.registrations.window = limits.registrations_window;
  bounds.registrations.addresses = limits.logins_addresses;
  return bounds;
}

absl::StatusOr<std::unique_ptr<Accounts>> OpenAccounts(const ServerSettings& settings, Log& log) {
  AccountOptions options;
  options.path = absl::StrCat(settings.data_dir, "/accounts.sqlite3");
  options.hashing_threads = static_cast<size_t>(settings.limits.hashing_threads);
  options.bounds = ToAccountBounds(settings.limits);
  options.on_error = [&log](absl::string_view what) { log.SayOften(LogLevel::kError, what); };
  return Accounts::Open(std::move(options));
}

std::vector<std::string> Urls(const std::vector<net::ListenerOptions>& listeners) {
  std::vector<std::string> urls;
  for (const net::ListenerOptions& listener : listeners) urls.push_back(net::ToUrl(listener));
  return urls;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(ServerSettings settings,
                                                      std::vector<const Dialect*> dialects,
                                                      Log& log) {
  absl::StatusOr<LockFile> lock = TakeDataDirectory(settings.data_dir);
  if (!lock.ok()) return lock.status();

  absl::StatusOr<std::unique_ptr<Accounts>> accounts = OpenAccounts(settings, log);
  if (!accounts.ok()) return accounts.status();

  net::MeshOptions mesh = settings.mesh;
  if (mesh.server_id == 0) {
    const absl::StatusOr<int32_t> id = KeptServerId(absl::StrCat(settings.data_dir, "/server_id"));
    if (!id.ok()) return id.status();
    mesh.server_id = *id;
  }

  net::ServerOptions options;
  options.listeners = settings.listeners;
  options.dialects = dialects;
  options.threads = settings.threads;
  options.limits = settings.limits;
  options.accounts = accounts->get();
  options.mesh = std::move(mesh);
  options.log = [&log](LogLevel level, absl::string_view line) { log.SayOften(level, line); };
  absl::StatusOr<std::unique_ptr<net::Server>> server = net::Server::Start(std::move(options));
  if (!server.ok()) return server.status();

  const std::string socket = settings.admin_socket;
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(settings), *std::move(lock),
                                            *std::move(accounts), *std::move(server), log));
  for (const std::string& url : daemon->urls()) {
    log.Say(LogLevel::kInfo, absl::StrCat("listening on ", url));
  }
  if (socket.empty()) return daemon;

  Daemon* const self = daemon.get();
  absl::StatusOr<std::unique_ptr<AdminServer>> admin = AdminServer::Start(
      *daemon->server_,
      {socket, std::move(dialects), [self] { self->Drain(); }, daemon->accounts_.get()});
  if (!admin.ok()) {
    return absl::Status(admin.status().code(),
                        absl::StrCat("admin API: ", admin.status().message()));
  }
  {
    absl::MutexLock lock(&self->mu_);
    self->admin_ = *std::move(admin);
  }
  log.Say(LogLevel::kInfo, absl::StrCat("admin API on unix:", socket));
  return daemon;
}

std::vector<std::string> Daemon::urls() const { return Urls(server_->listeners()); }

void Daemon::Reload(const ServerSettings& settings) {
  absl::MutexLock lock(&mu_);
  const auto keep = [this](absl::string_view setting, bool changed) {
    if (!changed) return;
    log_.Say(LogLevel::kWarning, absl::StrCat(setting, " has changed: that needs a restart"));
  };
  keep("listen", Urls(settings.listeners) != Urls(settings_.listeners));
  keep("admin", settings.admin_socket != settings_.admin_socket);
  keep("data_dir", settings.data_dir != settings_.data_dir);
  keep("threads", settings.threads != settings_.threads);
  keep("mesh", settings.mesh != settings_.mesh);
  keep("limits.connections", settings.limits.connections != settings_.limits.connections);
  keep("limits.hashing_threads",
       settings.limits.hashing_threads != settings_.limits.hashing_threads);
  settings_.limits = settings.limits;
  settings_.log_level = settings.log_level;
  server_->SetLimits(settings.limits);
  accounts_->SetBounds(ToAccountBounds(settings.limits));
  log_.SetLevel(settings.log_level);
  log_.Say(LogLevel::kInfo, "limits and log level are reloaded");
}

void Daemon::Drain() {
  absl::MutexLock lock(&mu_);
  if (draining_) return;
  log_.Say(LogLevel::kInfo, "draining: nobody is let in any more");
  server_->Drain();
  if (admin_ != nullptr) admin_->SayDraining();
  draining_ = true;
}

void Daemon::AwaitDrained() {
  mu_.LockWhen(absl::Condition(&draining_));
  mu_.Unlock();
  server_->AwaitDrained();
}

void Daemon::Tick() {
  log_.Tick();
  absl::MutexLock lock(&mu_);
  if (admin_ != nullptr) admin_->Tick();
}

}  // namespace chat::tools
