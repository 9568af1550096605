// What comes while a shard is busy, and so is found all at once.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"
#include "libchat/testing/toy_dialect.h"

namespace chat::net {
namespace {

// The toy dialect, but a client that comes makes its shard wait in the middle of a turn until it is
// let go.
class GateDialect final : public Dialect {
 public:
  // The shard waits now.
  void AwaitClient() const { reached_.WaitForNotification(); }
  void LetGo() { let_go_.Notify(); }

  absl::string_view name() const override { return "gate"; }
  std::vector<DefaultListener> default_listeners() const override { return {}; }
  absl::Status CheckOptions(const DialectOptions&) const override { return absl::OkStatus(); }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions& options,
                                                  const SessionLimits& limits,
                                                  SessionHost& host) const override {
    if (!reached_.HasBeenNotified()) reached_.Notify();
    let_go_.WaitForNotification();
    return toy_.NewServerSession(options, limits, host);
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions& options,
                                                  ClientHost& host) const override {
    return toy_.NewClientSession(options, host);
  }
  ClientTraits client_traits() const override { return toy_.client_traits(); }
  bool answers(RequestKind) const override { return false; }
  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    toy_.EncodePublic(message, out);
  }

 private:
  const Dialect& toy_ = testing::ToyDialect();
  mutable absl::Notification reached_;
  absl::Notification let_go_;
};

// A message that was accepted for a user is due to that user, even if it ends its stream at once.
TEST(BusyShardTest, AHalfClosedClientGetsWhatWasOnItsWay) {
  GateDialect gate;
  TestServer server(TestLimits(), /*threads=*/1, {&gate});
  TestClient alice = server.LoggedIn("alice");
  TestClient bob = server.LoggedIn("bob");
  TestClient busy(server.port(1));
  gate.AwaitClient();
  alice.Send(Private("alice", "bob", "before you go"));
  bob.HalfClose();
  gate.LetGo();
  StreamEnd end;
  EXPECT_EQ(bob.ReceiveAll(&end), Private("alice", "bob", "before you go"));
  EXPECT_EQ(end, StreamEnd::kClean);
}

// A server that was late itself (stopped, swapped out) reads before it says that time is over.
TEST(BusyShardTest, WhoSpokeInTimeIsNotCutBecauseTheServerIsLate) {
  Limits limits = TestLimits();
  limits.login = limits.connect_id = absl::Milliseconds(500);
  GateDialect gate;
  TestServer server(limits, /*threads=*/1, {&gate});
  TestClient client(server.port());
  ASSERT_TRUE(server.AwaitIn(ConnectionInfo::State::kLogin, 1));
  const absl::Time late = absl::Now() + absl::Seconds(1);
  TestClient busy(server.port(1));
  gate.AwaitClient();
  client.Send(Login("client"));
  Await([&] { return absl::Now() > late; }, "the end of its time");
  gate.LetGo();
  EXPECT_TRUE(client.Expect(LoginAccepted()));
  EXPECT_EQ(busy.AwaitEnd(), StreamEnd::kClean);  // this one has not spoken
}

// Whoever was let in before the listeners closed is told of the drain, too.
TEST(BusyShardTest, ADrainEndsWhoIsOnTheWayToAShard) {
  Limits limits = TestLimits();
  limits.connections_per_address = 2;
  limits.login = absl::Hours(1);
  GateDialect gate;
  TestServer server(limits, /*threads=*/2, {&gate});
  // Each listener deals its clients to the shards in turn; all listeners live on the first.
  TestClient on_first = server.LoggedIn("first", "127.0.0.2");
  TestClient on_second = server.LoggedIn("second", "127.0.0.2");
  // This one is one too many: it is turned away by the first shard itself, which waits then, in the
  // middle of accepting.
  TestClient busy(server.port(1), "127.0.0.2");
  gate.AwaitClient();
  TestClient for_first(server.port(1), "127.0.0.3");
  TestClient for_second(server.port(1), "127.0.0.3");
  std::thread drain([&] { server->Drain(); });
  ASSERT_TRUE(Await([&] { return server->draining(); }, "the drain's begin"));
  // The second shard should not have been told yet; if it was, it is given the time to act.
  const absl::Time soon = absl::Now() + absl::Milliseconds(200);
  Await([&] { return on_second.Readable() || absl::Now() > soon; }, "its end, or nothing");
  gate.LetGo();
  drain.join();
  EXPECT_NE(for_first.AwaitEnd(), StreamEnd::kNone);
  EXPECT_NE(for_second.AwaitEnd(), StreamEnd::kNone);
}

}  // namespace
}  // namespace chat::net
