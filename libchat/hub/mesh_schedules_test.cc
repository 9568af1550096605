// Networks of hubs, without sockets: whatever the order in which they merge, are asked, die and
// come back, in the end each has one link to every other one.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/hub/fake_dialect.h"
#include "libchat/hub/hub.h"

namespace chat {
namespace {

const FakeDialect& Free() {
  static const FakeDialect dialect({.name = "free"});
  return dialect;
}

struct Closed {};
using Message = std::variant<MergeOffer, MergeAnswer, Event, Closed>;

// One of a connection's ends.
struct End {
  size_t node = 0;
  int life = 0;  // of the node
  SessionId session;
  std::deque<Message> in;
  bool open = true;
};

struct Connection {
  End ends[2];  // the first has opened it
};

class Network {
 public:
  Network(size_t nodes, uint32_t seed, bool some_do_not_list_themselves)
      : random_(seed), nodes_(nodes) {
    for (size_t i = 0; i < nodes; ++i) {
      nodes_[i].lists_itself = !some_do_not_list_themselves || i % 3 != 0;
      Start(i);
    }
  }

  size_t Pick(size_t n) { return random_() % n; }
  size_t size() const { return nodes_.size(); }

  // An operator of `from` asks for it.
  void Merge(size_t from, size_t to) {
    if (from != to) nodes_[from].targets.try_emplace(to);
  }

  // The node dies, and comes back with nothing.
  void Restart(size_t i) {
    ++nodes_[i].life;
    for (auto& connection : connections_) {
      for (int side : {0, 1}) {
        End& end = connection->ends[side];
        if (end.node != i || !end.open) continue;
        end.open = false;
        connection->ends[1 - side].in.push_back(Closed());
      }
    }
    Start(i);
  }

  // One thing that can happen does. False: nothing can.
  bool Step() {
    std::vector<std::pair<Connection*, int>> arriving;
    for (auto& connection : connections_) {
      for (int side : {0, 1}) {
        if (!connection->ends[side].in.empty()) arriving.emplace_back(connection.get(), side);
      }
    }
    std::vector<std::pair<size_t, size_t>> dials;
    for (size_t i = 0; i < size(); ++i) {
      for (const auto& [to, target] : nodes_[i].targets) {
        if (!target.open) dials.emplace_back(i, to);
      }
    }
    if (arriving.empty() && dials.empty()) return false;
    // What is under way mostly arrives before anybody tries again.
    const bool dial = !dials.empty() && (arriving.empty() || Pick(8) == 0);
    if (dial) {
      const auto [from, to] = dials[Pick(dials.size())];
      Dial(from, to);
    } else {
      const auto [connection, side] = arriving[Pick(arriving.size())];
      Message message = std::move(connection->ends[side].in.front());
      connection->ends[side].in.pop_front();
      if (connection->ends[side].open) Arrive(*connection, side, message);
    }
    CarryMail();
    Sweep();
    for (const Node& node : nodes_) EXPECT_LT(node.hub->Servers().size(), kMaxServers);
    return true;
  }

  // Lets happen what can. False: there is no end to it.
  bool Settle() {
    for (int i = 0; i < 100'000; ++i) {
      if (!Step()) return true;
    }
    return false;
  }

  // Each has one link to each other one, and both mean the same connection.
  void ExpectFullMesh() {
    for (size_t i = 0; i < size(); ++i) {
      EXPECT_EQ(nodes_[i].hub->Servers().size(), size() - 1) << "node " << i;
    }
    EXPECT_EQ(connections_.size(), size() * (size() - 1) / 2);
  }

  // What each says reaches every other one once.
  void ExpectAllHearAll() {
    for (Node& node : nodes_) node.heard.clear();
    for (size_t i = 0; i < size(); ++i) {
      nodes_[i].hub->Publish(UserId(), {*Text::From("hi")}, nullptr);
      for (size_t to = 0; to < size(); ++to) {
        if (to == i) continue;
        const Delivery sent =
            nodes_[i].hub->SendPrivate(UserId(), {"user", IdOf(to)}, *Text::From("psst"));
        EXPECT_EQ(sent, Delivery::kSent) << i << " to " << to;
      }
    }
    CarryMail();
    ASSERT_TRUE(Settle());
    for (size_t i = 0; i < size(); ++i) {
      std::vector<std::string> expected;
      for (size_t from = 0; from < size(); ++from) {
        if (from == i) continue;
        expected.push_back(absl::StrCat("private from ", IdOf(from)));
        expected.push_back(absl::StrCat("public from ", IdOf(from)));
      }
      std::sort(expected.begin(), expected.end());
      std::sort(nodes_[i].heard.begin(), nodes_[i].heard.end());
      EXPECT_EQ(nodes_[i].heard, expected) << "node " << i;
    }
  }

 private:
  struct Target {
    bool open = false;  // a connection is under way, or there
  };
  struct Node {
    int life = 0;
    bool lists_itself = true;
    std::unique_ptr<Hub> hub;
    uint32_t last_slot = 0;
    std::map<size_t, Target> targets;  // by node
    std::vector<std::string> heard;
  };

  static SessionId UserId() { return Session(0); }
  static SessionId Session(uint32_t slot) {
    SessionId id;
    id.generation = 1;
    id.slot = slot;
    return id;
  }
  static int32_t IdOf(size_t node) { return static_cast<int32_t>(node) + 1; }
  static Sibling PlaceOf(size_t node) {
    return {IdOf(node), 0x7F000001, static_cast<uint16_t>(7000 + node)};
  }
  std::optional<Sibling> SelfOf(size_t node) const {
    return nodes_[node].lists_itself ? std::optional<Sibling>(PlaceOf(node)) : std::nullopt;
  }

  void Start(size_t i) {
    Node& node = nodes_[i];
    node.targets.clear();
    Hub::Options options;
    options.dialects = {&Free()};
    options.wake = [](uint32_t) {};
    options.server_id = IdOf(i);
    options.dial = [this, i](const Sibling& server) { Merge(i, server.port - 7000u); };
    options.random = [] { return 1; };
    node.hub = std::make_unique<Hub>(std::move(options));
    node.hub->Login(UserId(), 0, "user");
  }

  bool IsLinked(size_t from, size_t to) const {
    const std::vector<ServerInfo> servers = nodes_[from].hub->Servers();
    return std::any_of(servers.begin(), servers.end(),
                       [to](const ServerInfo& server) { return server.id == IdOf(to); });
  }

  void Dial(size_t from, size_t to) {
    Node& node = nodes_[from];
    if (IsLinked(from, to)) {
      node.targets.erase(to);
      return;
    }
    node.targets[to].open = true;
    auto connection = std::make_unique<Connection>();
    for (int side : {0, 1}) {
      End& end = connection->ends[side];
      end.node = side == 0 ? from : to;
      end.life = nodes_[end.node].life;
      end.session = Session(++nodes_[end.node].last_slot);
    }
    // Not always is it known whom it leads to.
    Sibling target = PlaceOf(to);
    if (Pick(2) == 0) target.id = 0;
    connection->ends[1].in.push_back(
        node.hub->OfferMerge(connection->ends[0].session, target, SelfOf(from)));
    connections_.push_back(std::move(connection));
  }

  void Arrive(Connection& connection, int side, const Message& message) {
    End& end = connection.ends[side];
    Hub& hub = *nodes_[end.node].hub;
    if (const auto* offer = std::get_if<MergeOffer>(&message)) {
      hub.AskToMerge(end.session, *offer, SelfOf(end.node));
    } else if (const auto* answer = std::get_if<MergeAnswer>(&message)) {
      if (hub.OnMergeAnswer(end.session, *answer, SelfOf(end.node)) != Hub::LinkResult::kMerged) {
        Close(connection, side);
      }
    } else if (const auto* event = std::get_if<Event>(&message)) {
      bool wait = false;
      if (hub.Forward(end.session, *event, &wait)) Hear(nodes_[end.node], *event);
    } else {
      Close(connection, side);
    }
  }

  // As it stands on the wire.
  static Event Signed(Event event, int32_t server) {
    if (auto* said = std::get_if<Announcement>(&event)) {
      said->from.server = server;
    } else if (auto* message = std::get_if<PrivateMessage>(&event)) {
      message->from.server = server;
    }
    return event;
  }

  static void Hear(Node& node, const Event& event) {
    if (const auto* said = std::get_if<Announcement>(&event)) {
      node.heard.push_back(absl::StrCat("public from ", said->from.server));
    } else if (const auto* message = std::get_if<PrivateMessage>(&event)) {
      node.heard.push_back(absl::StrCat("private from ", message->from.server));
    }
  }

  void Close(Connection& connection, int side) {
    End& end = connection.ends[side];
    if (!end.open) return;
    end.open = false;
    nodes_[end.node].hub->LinkEnded(end.session);
    connection.ends[1 - side].in.push_back(Closed());
    const auto target = nodes_[end.node].targets.find(connection.ends[1].node);
    if (side == 0 && target != nodes_[end.node].targets.end()) target->second.open = false;
  }

  // From the hubs to the connections.
  void CarryMail() {
    for (size_t i = 0; i < size(); ++i) {
      std::vector<Mail> mail;
      nodes_[i].hub->TakeMail(0, mail);
      for (Mail& one : mail) {
        const auto [connection, side] = FindEnd(i, one.to);
        if (connection == nullptr) continue;  // its user's, or of an earlier connection
        const Event* event = std::get_if<Event>(&one.what);
        if (event == nullptr) {
          Close(*connection, side);
          continue;
        }
        const auto* answer = std::get_if<MergeAnswer>(event);
        connection->ends[1 - side].in.push_back(
            answer != nullptr ? Message(*answer) : Message(Signed(*event, IdOf(i))));
        if (answer != nullptr && !answer->accepted) Close(*connection, side);
      }
    }
  }

  std::pair<Connection*, int> FindEnd(size_t node, SessionId session) {
    for (auto& connection : connections_) {
      for (int side : {0, 1}) {
        const End& end = connection->ends[side];
        const bool same = end.node == node && end.life == nodes_[node].life && end.open;
        if (same && end.session == session) return {connection.get(), side};
      }
    }
    return {nullptr, 0};
  }

  void Sweep() {
    connections_.erase(std::remove_if(connections_.begin(), connections_.end(),
                                      [](const auto& connection) {
                                        return !connection->ends[0].open &&
                                               !connection->ends[1].open;
                                      }),
                       connections_.end());
  }

  std::mt19937 random_;
  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

TEST(MeshSchedulesTest, MergesInAnyOrderMakeAFullMesh) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Network network(2 + seed % 9, seed, seed % 4 == 3);
    // A path through all, each next one asked or asking, and some merges more, all at once.
    for (size_t i = 0; i + 1 < network.size(); ++i) {
      network.Pick(2) == 0 ? network.Merge(i, i + 1) : network.Merge(i + 1, i);
      if (network.Pick(3) == 0) network.Step();
    }
    for (size_t i = 0; i < network.size(); ++i) {
      network.Merge(network.Pick(network.size()), network.Pick(network.size()));
    }
    ASSERT_TRUE(network.Settle());
    if (seed % 4 == 3) continue;  // nobody can be told of those that do not list themselves
    network.ExpectFullMesh();
    network.ExpectAllHearAll();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(MeshSchedulesTest, AllAtOnceToAll) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Network network(kMaxServers, seed, seed % 2 == 1);
    for (size_t i = 0; i < network.size(); ++i) {
      for (size_t j = 0; j < network.size(); ++j) network.Merge(i, j);
    }
    ASSERT_TRUE(network.Settle());
    network.ExpectFullMesh();
    network.ExpectAllHearAll();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(MeshSchedulesTest, WhoDiesAndComesBackIsMergedAgain) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Network network(3 + seed % 5, seed, false);
    for (int i = 0; i < 20; ++i) {
      network.Merge(network.Pick(network.size()), network.Pick(network.size()));
      for (size_t steps = network.Pick(30); steps > 0; --steps) network.Step();
      if (network.Pick(4) == 0) network.Restart(network.Pick(network.size()));
    }
    ASSERT_TRUE(network.Settle());
    // Who died has forgotten whom it was merged with.
    for (size_t i = 0; i + 1 < network.size(); ++i) network.Merge(i, i + 1);
    ASSERT_TRUE(network.Settle());
    network.ExpectFullMesh();
    network.ExpectAllHearAll();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace chat
