// One client's haste must not become another's wait.

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

// Sends the same bytes for as long as it lives, and reads nothing.
class Flooder {
 public:
  Flooder(TestClient client, std::string bytes)
      : client_(std::move(client)), bytes_(std::move(bytes)), thread_([this] {
          while (!ending_ && client_.Send(bytes_)) {
          }
        }) {}
  ~Flooder() {
    ending_ = true;
    ::shutdown(client_.fd(), 2);
    thread_.join();
  }

 private:
  TestClient client_;
  const std::string bytes_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

std::string Repeat(const std::string& bytes, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += bytes;
  return all;
}

// What it says comes back, again and again.
void ExpectServed(TestClient& client, absl::string_view name) {
  for (int i = 0; i < 50; ++i) {
    const std::string message = Message(name, absl::StrCat("still here ", i));
    ASSERT_TRUE(client.Send(message));
    ASSERT_TRUE(client.Expect(message));
  }
}

// Packets without effect that arrive without a pause: whoever has read once waits for its turn.
TEST(FairnessTest, AFloodOfInputDoesNotKeepTheShardFromItsOtherWork) {
  TestServer server(TestLimits(), /*threads=*/1);
  TestClient quiet = server.LoggedIn("quiet");
  std::vector<std::unique_ptr<Flooder>> flooders;
  for (int i = 0; i < 4; ++i) {
    const std::string name = absl::StrCat("flooder", i);
    flooders.push_back(
        std::make_unique<Flooder>(server.LoggedIn(name), Repeat(LoginAccepted(), 256 * 1024)));
  }
  ExpectServed(quiet, "quiet");
}

TEST(FairnessTest, BusyTunnelsDoNotKeepTheShardFromItsOtherWork) {
  TestServer server(TestLimits(), /*threads=*/1);
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  std::vector<std::unique_ptr<Flooder>> flooders;
  std::vector<TestTunnel> tunnels;
  for (int i = 0; i < 4; ++i) tunnels.push_back(OpenTunnel(server, alice, "alice", bob, "bob"));
  std::vector<std::thread> readers;
  for (TestTunnel& tunnel : tunnels) {
    readers.emplace_back([&tunnel] { tunnel.second.AwaitEnd(); });
    flooders.push_back(
        std::make_unique<Flooder>(std::move(tunnel.first), std::string(256 * 1024, 'x')));
  }
  ExpectServed(bob, "bob");
  flooders.clear();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace chat::net
