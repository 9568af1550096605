// A network between clients and a server that counts how often bytes have to cross it.

#ifndef TOOLS_CHAT_TUNNEL_FAR_AWAY_H_
#define TOOLS_CHAT_TUNNEL_FAR_AWAY_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "libchat/pump/testing.h"
#include "tools/chat-tunnel/testing.h"
#include "tools/testing/server.h"

namespace chat::testing {

// Each byte, and each attempt to connect, takes one journey from a client to the server or back. A
// journey has a number: one more than the highest that its sender had received when it sent. So the
// numbers do not depend on how fast the machine is, as long as what is sent at once is not a
// journey's time apart.
//
// Thread safety: the methods may be called from any thread.
class FarAway {
 public:
  // For `clients` processes.
  FarAway(const ChatServer& server, size_t clients);
  FarAway(const FarAway&) = delete;
  FarAway& operator=(const FarAway&) = delete;
  ~FarAway();

  // What the n-th process is given as its server.
  std::string url(size_t client) const;

  // From now on journeys count from 0; nothing is on its way.
  void StartCounting();
  // The number of the last journey to that client.
  int journeys(size_t client) const { return received_[client]; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Cargo {
    std::string bytes;  // none: the end
    int journey = 0;
    Clock::time_point arrives;
  };
  struct Connection {
    size_t client = 0;
    Fd near;                          // to the client
    Fd far;                           // to the server
    int counting = 0;                 // since which StartCounting it is there
    int usable = 0;                   // the journey that told the client that it is connected
    std::deque<Cargo> in_transit[2];  // to the server, to the client
    bool ended[2] = {false, false};
  };

  void Run();
  void Accept(size_t client);
  void Load(Connection& connection, bool to_client);
  void Deliver(Connection& connection, bool to_client);

  const uint16_t server_port_;
  std::vector<TcpListener> listeners_;
  std::vector<std::atomic<int>> received_;  // by client
  std::atomic<int> server_received_{0};
  std::atomic<int> counting_{0};
  std::list<Connection> connections_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace chat::testing

#endif  // TOOLS_CHAT_TUNNEL_FAR_AWAY_H_
