#include "libchat/net/test_server.h"

#include <csignal>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/net/test_packets.h"

namespace chat::net {

Limits TestLimits() {
  Limits limits;
  limits.exempt_loopback = false;
  limits.unauthenticated_per_address = kUnlimited;
  limits.connections_per_address = kUnlimited;
  limits.new_connections_per_address_per_minute = kUnlimited;
  limits.messages_per_second = kUnlimited;
  return limits;
}

TestServer::TestServer(const Limits& limits, uint32_t threads,
                       const std::vector<const Dialect*>& more, Accounts* accounts,
                       bool long_bytes_8) {
  std::signal(SIGPIPE, SIG_IGN);
  ServerOptions options;
  options.dialects = AllDialects();
  options.dialects.insert(options.dialects.end(), more.begin(), more.end());
  options.threads = threads;
  options.limits = limits;
  options.accounts = accounts;
  options.log = [log = log_](LogLevel, absl::string_view line) {
    absl::MutexLock lock(&log->mu);
    log->lines.emplace_back(line);
  };
  options.listeners.push_back({.dialect = FindDialect("chaton"), .options = {}});
  for (const Dialect* dialect : more) {
    options.listeners.push_back({.dialect = dialect, .options = {}});
  }
  if (long_bytes_8) {
    options.listeners.push_back(
        {.dialect = FindDialect("chaton"), .options = {{"long_bytes", "8"}}});
  }
  auto server = Server::Start(std::move(options));
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    return;
  }
  server_ = *std::move(server);
  for (const ListenerOptions& listener : server_->listeners()) ports_.push_back(listener.port);
}

bool TestServer::AwaitCount(Counter counter, uint64_t at_least) {
  return Await([&] { return count(counter) >= at_least; },
               absl::StrCat(CounterName(counter), " of at least ", at_least));
}

bool TestServer::AwaitCount(Fault fault, uint64_t at_least) {
  return Await([&] { return count(fault) >= at_least; },
               absl::StrCat(CounterName(fault), " of at least ", at_least));
}

bool TestServer::AwaitConnections(size_t count) {
  return Await([&] { return server_->connection_count() == count; },
               absl::StrCat(count, " connections"));
}

size_t TestServer::CountIn(ConnectionInfo::State state) {
  size_t count = 0;
  for (const ConnectionInfo& info : server_->Connections(SessionId(), 100'000)) {
    if (info.state == state) ++count;
  }
  return count;
}

bool TestServer::AwaitIn(ConnectionInfo::State state, size_t count) {
  return Await([&] { return CountIn(state) == count; },
               absl::StrCat(count, " connections in state ", static_cast<int>(state)));
}

std::vector<std::string> TestServer::log() {
  absl::MutexLock lock(&log_->mu);
  return log_->lines;
}

TestClient TestServer::LoggedIn(absl::string_view name, const char* from, int receive_buffer) {
  TestClient client(port(), from, receive_buffer);
  client.Send(Login(name));
  client.Expect(LoginAccepted());
  return client;
}

uint32_t AgreeOnRelay(TestClient& asker, absl::string_view asker_name, TestClient& target,
                      absl::string_view target_name) {
  asker.Send(AskRelay(asker_name, target_name));
  target.Expect(AskRelay(asker_name, target_name));
  target.Send(AcceptRelay(asker_name, target_name));
  uint32_t connect_id = 0;
  for (TestClient* client : {&asker, &target}) {
    client->Expect(RelayIdHead(asker_name, target_name));
    connect_id = 0;
    for (const char byte : client->Receive(4)) {
      connect_id = connect_id << 8 | static_cast<unsigned char>(byte);
    }
  }
  return connect_id;
}

TestTunnel OpenTunnel(TestServer& server, TestClient& asker, absl::string_view asker_name,
                      TestClient& target, absl::string_view target_name) {
  TestTunnel tunnel;
  tunnel.connect_id = AgreeOnRelay(asker, asker_name, target, target_name);
  const size_t waiting = server.CountIn(ConnectionInfo::State::kWaitingForPeer);
  tunnel.first = TestClient(server.port());
  tunnel.first.Send(PresentId(tunnel.connect_id));
  server.AwaitIn(ConnectionInfo::State::kWaitingForPeer, waiting + 1);  // so it is the first
  tunnel.second = TestClient(server.port());
  tunnel.second.Send(PresentId(tunnel.connect_id));
  tunnel.first.Expect(Established());
  tunnel.second.Expect(Established());
  return tunnel;
}

}  // namespace chat::net
