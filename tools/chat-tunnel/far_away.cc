#include "tools/chat-tunnel/far_away.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

// Long beside what a process needs to send all that it sends at once.
constexpr std::chrono::milliseconds kJourney(50);

uint16_t PortOf(const std::string& url) {
  uint32_t port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(url.substr(url.rfind(':') + 1), &port)) << url;
  return static_cast<uint16_t>(port);
}

}  // namespace

FarAway::FarAway(const ChatServer& server, size_t clients)
    : server_port_(PortOf(server.url())), listeners_(clients), received_(clients) {
  thread_ = std::thread([this] { Run(); });
}

FarAway::~FarAway() {
  over_ = true;
  thread_.join();
}

std::string FarAway::url(size_t client) const {
  return absl::StrCat("chaton://", listeners_[client].address());
}

void FarAway::StartCounting() {
  for (std::atomic<int>& received : received_) received = 0;
  server_received_ = 0;
  ++counting_;
}

void FarAway::Run() {
  while (!over_) {
    std::vector<pollfd> polled;
    for (const TcpListener& listener : listeners_) polled.push_back({listener.fd(), POLLIN, 0});
    for (const Connection& connection : connections_) {
      const auto events = [&](bool to_client) {
        return static_cast<short>(connection.ended[to_client] ? 0 : POLLIN);  // NOLINT
      };
      polled.push_back({connection.near.get(), events(false), 0});
      polled.push_back({connection.far.get(), events(true), 0});
    }
    poll(polled.data(), polled.size(), 1);
    size_t at = listeners_.size();
    for (Connection& connection : connections_) {
      for (const bool to_client : {false, true}) {
        const bool ready = (polled[at++].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
        if (ready && !connection.ended[to_client]) Load(connection, to_client);
        Deliver(connection, to_client);
      }
    }
    for (size_t client = 0; client < listeners_.size(); ++client) {
      if ((polled[client].revents & POLLIN) != 0) Accept(client);
    }
  }
}

void FarAway::Accept(size_t client) {
  Connection& connection = connections_.emplace_back();
  connection.client = client;
  connection.near = listeners_[client].Accept();
  connection.far = ConnectTo(server_port_);
  connection.counting = counting_;
  connection.usable = received_[client] + 2;
}

void FarAway::Load(Connection& connection, bool to_client) {
  std::string bytes(64 * 1024, '\0');
  const ssize_t n = recv((to_client ? connection.far : connection.near).get(), bytes.data(),
                         bytes.size(), MSG_DONTWAIT);
  bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  if (n <= 0) connection.ended[to_client] = true;
  const int usable = connection.counting == counting_ ? connection.usable : 0;
  const int journey =
      to_client ? server_received_ + 1 : std::max<int>(received_[connection.client], usable) + 1;
  connection.in_transit[to_client].push_back({std::move(bytes), journey, Clock::now() + kJourney});
}

void FarAway::Deliver(Connection& connection, bool to_client) {
  std::deque<Cargo>& in_transit = connection.in_transit[to_client];
  while (!in_transit.empty() && in_transit.front().arrives <= Clock::now()) {
    const Cargo cargo = std::move(in_transit.front());
    in_transit.pop_front();
    std::atomic<int>& received = to_client ? received_[connection.client] : server_received_;
    received = std::max<int>(received, cargo.journey);
    const int fd = (to_client ? connection.near : connection.far).get();
    if (cargo.bytes.empty()) {
      shutdown(fd, SHUT_WR);
    } else {
      WriteAll(fd, cargo.bytes);
    }
  }
}

}  // namespace chat::testing
