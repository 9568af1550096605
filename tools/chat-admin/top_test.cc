#include "tools/chat-admin/top.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::StartsWith;

admin::v1::Connection Connection(const std::string& id, const std::string& user, uint64_t in,
                                 uint64_t out) {
  admin::v1::Connection connection;
  connection.set_id(id);
  connection.set_user(user);
  connection.set_dialect("toy");
  connection.set_state(admin::v1::Connection::STATE_OPEN);
  connection.set_bytes_in(in);
  connection.set_bytes_out(out);
  return connection;
}

TopSample Sample(int second, std::vector<admin::v1::Connection> connections) {
  TopSample sample;
  sample.time = absl::UnixEpoch() + absl::Seconds(second);
  sample.status.set_version("9");
  sample.status.mutable_uptime()->set_seconds(61);
  sample.status.set_threads(2);
  sample.status.set_users(2);
  (*sample.status.mutable_users_by_dialect())["toy"] = 2;
  sample.status.set_connections(connections.size());
  sample.status.set_memory_bytes(3 << 19);
  sample.connections = std::move(connections);
  return sample;
}

TEST(Top, ShowsTheServerThenTheBusiest) {
  Top top;
  top.Frame(Sample(0, {Connection("1", "ann", 0, 5000), Connection("2", "bob", 10, 0)}), 99);
  EXPECT_THAT(
      top.Frame(Sample(2, {Connection("1", "ann", 0, 5000), Connection("2", "bob", 4106, 200)}),
                99),
      ElementsAre("chatd 9  up 1m1s  threads 2",
                  "users 2 (toy 2)  connections 2  tunnels 0  memory 1.5MiB",
                  "messages 0.0/s  in 0B/s  out 0B/s  tunnels 0B/s",  //
                  "",                                                 //
                  "USER  DIALECT  STATE  IN/S    OUT/S  LAG  QUEUED  ID",
                  "bob   toy      open   2.0KiB  100B   0B   0B      2",
                  "ann   toy      open   0B      0B     0B   0B      1"));
}

TEST(Top, CountsAFreshConnectionFromWhenItIsSeen) {
  Top top;
  EXPECT_THAT(top.Frame(Sample(0, {Connection("1", "ann", 1 << 20, 0)}), 99)[5],
              StartsWith("ann   toy      open   0B "));
}

TEST(Top, FitsTheScreen) {
  Top top;
  std::vector<admin::v1::Connection> many;
  for (int i = 0; i < 50; ++i) many.push_back(Connection(std::to_string(i), "u", 0, 0));
  EXPECT_THAT(top.Frame(Sample(0, many), 24), SizeIs(24));
  EXPECT_THAT(top.Frame(Sample(1, many), 2), SizeIs(2));
}

TEST(Top, EscapesNames) {
  Top top;
  EXPECT_THAT(top.Frame(Sample(0, {Connection("1", "\x1b[2J", 0, 0)}), 99)[5],
              StartsWith("\\x1b[2J  toy"));
}

}  // namespace
}  // namespace chat::tools
