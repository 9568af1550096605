// What clients may count on, whatever they do: order, every split of their bytes, their due after
// they have ended their own stream; and that a server needs no change for a dialect more.

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"
#include "libchat/testing/toy_dialect.h"

namespace chat::net {
namespace {

TEST(ServerTest, ChoosesAsManyThreadsAsItIsToldTo) {
  TestServer server(TestLimits(), /*threads=*/3);
  EXPECT_EQ(server->threads(), 3);
  EXPECT_NE(server.port(), 0);
}

TEST(ServerTest, TooManyThreadsAreRefused) {
  ServerOptions options;
  options.threads = kMaxShards + 1;
  EXPECT_EQ(Server::Start(std::move(options)).status().code(), absl::StatusCode::kInvalidArgument);
}

// Two senders, receivers on all shards: one order for everybody, and each sender's own is kept.
TEST(ServerTest, AllReceiveThePublicMessagesInTheSameOrder) {
  constexpr int kMessages = 2000;
  TestServer server(TestLimits(), /*threads=*/3);
  std::vector<TestClient> senders;
  std::vector<TestClient> receivers;
  for (int i = 0; i < 2; ++i) senders.push_back(server.LoggedIn(absl::StrCat("s", i)));
  for (int i = 0; i < 5; ++i) receivers.push_back(server.LoggedIn(absl::StrCat("r", i)));
  std::vector<std::string> streams(2);
  for (int i = 0; i < 2; ++i) {
    for (int n = 0; n < kMessages; ++n) {
      streams[i] += Message(absl::StrCat("s", i), absl::StrCat(1000000 + n));
    }
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&, i] { senders[i].Send(streams[i]); });
  const size_t total = streams[0].size() + streams[1].size();
  const std::string first = receivers[0].Receive(total);
  for (TestClient& receiver : receivers) {
    if (&receiver != &receivers[0]) {
      EXPECT_TRUE(receiver.Receive(total) == first);
    }
  }
  for (TestClient& sender : senders) EXPECT_TRUE(sender.Receive(total) == first);
  for (std::thread& thread : threads) thread.join();

  std::vector<std::string> seen(2);
  const size_t size = Message("s0", "1000000").size();
  for (size_t at = 0; at + size <= first.size(); at += size) {
    const std::string message = first.substr(at, size);
    seen[message[6] == '1' ? 1 : 0] += message;
  }
  EXPECT_TRUE(seen == streams);
}

TEST(ServerTest, BytesMayComeOneAtATime) {
  TestServer server;
  TestClient other = server.LoggedIn("other");
  TestClient slow(server.port());
  const std::string said = Message("slow", "one by one") + Private("slow", "other", "and this");
  for (const char byte : Login("slow") + said) ASSERT_TRUE(slow.Send({&byte, 1}));
  EXPECT_TRUE(slow.Expect(LoginAccepted() + Message("slow", "one by one")));
  EXPECT_TRUE(other.Expect(said));
}

TEST(ServerTest, ALoginAndAllThatFollowsMayComeAtOnce) {
  TestServer server;
  TestClient client(server.port());
  client.Send(Login("client") + Message("client", "one") + Message("client", "two"));
  client.HalfClose();
  StreamEnd end;
  EXPECT_EQ(client.ReceiveAll(&end),
            LoginAccepted() + Message("client", "one") + Message("client", "two"));
  EXPECT_EQ(end, StreamEnd::kClean);
}

// ---- Half-closed clients ----

TEST(ServerTest, AHalfClosedClientGetsWhatIsDueThenACleanEnd) {
  TestServer server;
  TestClient talker = server.LoggedIn("talker");
  TestClient reader = server.LoggedIn("reader", "127.0.0.1", /*receive_buffer=*/4096);
  std::string said;
  for (int i = 0; i < 1000; ++i) said += Message("talker", std::string(1000, 'x'));
  talker.Send(said);
  ASSERT_TRUE(talker.Expect(said));
  reader.HalfClose();
  ASSERT_TRUE(Await([&] { return server->hub().user_count() == 1; }, "that it has left"));
  // It has left, so this is not due to it.
  talker.Send(Message("talker", "nobody hears me"));
  talker.Expect(Message("talker", "nobody hears me"));
  StreamEnd end;
  EXPECT_TRUE(reader.ReceiveAll(&end) == said);
  EXPECT_EQ(end, StreamEnd::kClean);
}

TEST(ServerTest, AClientThatClosesFreesItsName) {
  TestServer server;
  for (int i = 0; i < 20; ++i) {
    TestClient client = server.LoggedIn("same");
    if (i % 2 == 0) client.Reset();
    if (i % 2 == 1) client.Close();
    ASSERT_TRUE(server.AwaitConnections(0));
  }
}

// ---- A dialect more ----

// toy_dialect.cc is a folder and a line: the server is handed it, and knows nothing else of it.
TEST(ServerTest, ASixthDialectIsServedBesideTheOthers) {
  TestServer server(TestLimits(), /*threads=*/2, {&testing::ToyDialect()});
  TestClient chaton = server.LoggedIn("chaton");
  TestClient toy(server.port(1));
  toy.Send("toy\n");
  ASSERT_TRUE(Await([&] { return server->hub().user_count() == 2; }, "its login"));
  chaton.Send(Message("chaton", "hello"));
  EXPECT_TRUE(toy.Expect("chaton: hello\n"));
  EXPECT_TRUE(chaton.Expect(Message("chaton", "hello")));
  toy.Send("hello yourself\n");
  EXPECT_TRUE(chaton.Expect(Message("toy", "hello yourself")));
  EXPECT_TRUE(toy.Expect("toy: hello yourself\n"));

  // One name space.
  TestClient impostor(server.port(1));
  impostor.Send("chaton\n");
  EXPECT_EQ(impostor.AwaitEnd(), StreamEnd::kClean);
  // And its last words are its own.
  EXPECT_TRUE(server->Kick("toy").ok());
  EXPECT_TRUE(toy.Expect("goodbye\n"));
  EXPECT_EQ(toy.AwaitEnd(), StreamEnd::kClean);
}

TEST(ServerTest, WhoIsTurnedAwayHearsItInItsDialect) {
  Limits limits = TestLimits();
  limits.connections = 1;
  TestServer server(limits, /*threads=*/2, {&testing::ToyDialect()});
  TestClient member = server.LoggedIn("member");
  TestClient refused(server.port(1));
  EXPECT_TRUE(refused.Expect("goodbye\n"));
  EXPECT_EQ(refused.AwaitEnd(), StreamEnd::kClean);
}

}  // namespace
}  // namespace chat::net
