// Plays every transcript over TCP against net::Server in this process.

#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/registry.h"
#include "libchat/hub/limits.h"
#include "libchat/net/server.h"
#include "libchat/testing/tcp_transcripts.h"
#include "tools/testing/process.h"

namespace chat::testing {
namespace {

class InProcess final : public RunningServer {
 public:
  // Null, and a failure of the test, if it cannot be.
  static std::unique_ptr<InProcess> Start(net::ServerOptions options) {
    auto process = std::make_unique<InProcess>();
    AccountOptions accounts;
    accounts.path = process->directory_.path() + "/accounts.sqlite3";
    accounts.bounds.registrations.in_all = kUnlimited;  // there are many transcripts
    auto opened = Accounts::Open(std::move(accounts));
    if (!opened.ok()) {
      ADD_FAILURE() << opened.status();
      return nullptr;
    }
    process->accounts_ = *std::move(opened);
    options.accounts = process->accounts_.get();
    auto server = net::Server::Start(std::move(options));
    if (!server.ok()) {
      ADD_FAILURE() << server.status();
      return nullptr;
    }
    process->server_ = *std::move(server);
    return process;
  }

  std::vector<Listening> listening() const override {
    std::vector<Listening> listening;
    for (const net::ListenerOptions& at : server_->listeners()) {
      listening.push_back({at.dialect, at.options, at.port});
    }
    return listening;
  }
  void ForgetAccounts() override {
    const auto all = accounts_->List("", 1000);
    ASSERT_TRUE(all.ok()) << all.status();
    for (const AccountInfo& account : *all) EXPECT_TRUE(accounts_->Remove(account.name).ok());
  }

 private:
  const TempDir directory_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace

std::unique_ptr<RunningServer> StartServer(const std::vector<Listening>& wanted) {
  net::ServerOptions options;
  options.dialects = AllDialects();
  options.threads = 2;
  // As the transcripts know it.
  options.mesh.server_id = 1000;
  options.mesh.allow_merge_from = {"127.0.0.1"};
  options.mesh.listed_port = 7773;
  options.log = [](net::LogLevel, absl::string_view) {};
  for (const Listening& one : wanted) {
    options.listeners.push_back({one.dialect, "127.0.0.1", one.port, one.options});
  }
  return InProcess::Start(std::move(options));
}

}  // namespace chat::testing
