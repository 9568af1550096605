// Plays every transcript over TCP against net::Server in this process.

#include <utility>

#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/net/server.h"
#include "libchat/testing/tcp_transcripts.h"

namespace chat::testing {
namespace {

class InProcess final : public RunningServer {
 public:
  explicit InProcess(std::unique_ptr<net::Server> server) : server_(std::move(server)) {}

  std::vector<Listening> listening() const override {
    std::vector<Listening> listening;
    for (const net::ListenerOptions& at : server_->listeners()) {
      listening.push_back({at.dialect, at.options, at.port});
    }
    return listening;
  }
  void ForgetAccounts() override {}

 private:
  const std::unique_ptr<net::Server> server_;
};

}  // namespace

std::unique_ptr<RunningServer> StartServer(const std::vector<Listening>& wanted) {
  net::ServerOptions options;
  options.dialects = AllDialects();
  options.threads = 2;
  // As the transcripts know it.
  options.mesh = {.server_id = 1000, .allow_merge_from = {"127.0.0.1"}, .listed_port = 7773};
  options.log = [](net::LogLevel, absl::string_view) {};
  for (const Listening& one : wanted) {
    options.listeners.push_back({one.dialect, "127.0.0.1", one.port, one.options});
  }
  auto server = net::Server::Start(std::move(options));
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    return nullptr;
  }
  return std::make_unique<InProcess>(*std::move(server));
}

}  // namespace chat::testing
