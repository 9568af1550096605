#include "libchat/client/tunnel_broker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/post.hpp"
#include "asio/read_until.hpp"
#include "asio/write.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/tunnel.h"
#include "libchat/dialect/dialect.h"
#include "libchat/pump/pump.h"
#include "libchat/pump/testing.h"

namespace chat::client {
namespace {

using asio::ip::tcp;
using ::testing::ElementsAre;

// A dialect of lines with nothing but private connections.
//   to the server      LOGIN name   ASK name   YES name   NO name   CLOSE id   TICKET id   SAY name
//   from the server    OK   ASKED name   GRANT asker target id   REFUSED name   ENDING name   OPEN
//                      HEARD name (what that user said last)
class LineSession final : public ClientSession {
 public:
  explicit LineSession(ClientHost& host) : host_(host) {}

  absl::Status Login(absl::string_view name) override { return Say("LOGIN ", name); }
  absl::Status PresentTicket(int64_t id) override { return Say("TICKET ", absl::StrCat(id)); }
  absl::Status Ask(RequestKind, UserRef to, Text) override {
    if (to.name == "unsayable") return absl::InvalidArgumentError("no such name");
    return Say("ASK ", to.name);
  }
  absl::Status SendPrivate(SendToken, UserRef to, Text body) override {
    said_ = std::string(body.bytes());
    return Say("SAY ", to.name);
  }
  bool announces_relay_end() const override { return true; }
  absl::Status Answer(RequestKind, UserRef asker, bool accept) override {
    return Say(accept ? "YES " : "NO ", asker.name);
  }
  absl::Status CloseRelay(const RelayGranted& relay) override {
    return Say("CLOSE ", absl::StrCat(relay.connect_id));
  }

  Step OnBytes(absl::string_view in) override {
    Step step;
    for (size_t end; step.next == Next::kMore; step.consumed = end + 1) {
      end = in.find('\n', step.consumed);
      if (end == in.npos) break;
      const std::vector<std::string> words =
          absl::StrSplit(in.substr(step.consumed, end - step.consumed), ' ');
      step.next = OnLine(words);
    }
    return step;
  }

 private:
  Next OnLine(const std::vector<std::string>& words) {
    if (words[0] == "OK") host_.OnClientEvent(LoggedIn{});
    if (words[0] == "ASKED") host_.OnClientEvent(Asked{RequestKind::kRelay, User(words[1]), ""});
    if (words[0] == "REFUSED")
      host_.OnClientEvent(Refused{RequestKind::kRelay, User(words[1]), false});
    if (words[0] == "ENDING") host_.OnClientEvent(RelayEnding{User(words[1])});
    if (words[0] == "HEARD") {
      host_.OnClientEvent(Received{true, User(words[1]), User("ann"), said_});
    }
    if (words[0] == "GRANT") {
      host_.OnClientEvent(RelayGranted{User(words[1]), User(words[2]), std::stoll(words[3])});
    }
    if (words[0] != "OPEN") return Next::kMore;
    host_.OnClientEvent(RelayOpen{});
    return Next::kRelay;
  }
  absl::Status Say(absl::string_view verb, absl::string_view what) {
    host_.Send(absl::StrCat(verb, what, "\n"));
    return absl::OkStatus();
  }

  ClientHost& host_;
  std::string said_;
};

class LineDialect final : public Dialect {
 public:
  absl::string_view name() const override { return "line"; }
  std::vector<DefaultListener> default_listeners() const override { return {{7000, {}}}; }
  absl::Status CheckOptions(const DialectOptions&) const override { return absl::OkStatus(); }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost&) const override {
    return nullptr;  // the tests play the server
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost& host) const override {
    return std::make_unique<LineSession>(host);
  }
  ClientTraits client_traits() const override { return {.relays = true}; }
  bool answers(RequestKind) const override { return true; }
  void EncodePublic(const PublicMessage&, wire::Writer&) const override {}
};

const LineDialect& Line() {
  static const LineDialect line;
  return line;
}

// The server's end of one connection, for a script in a thread of its own.
class Wire {
 public:
  explicit Wire(tcp::socket socket) : socket_(std::move(socket)) {}

  void Put(absl::string_view lines) {
    asio::write(socket_, asio::buffer(lines.data(), lines.size()));
  }
  // The next line; empty at the end.
  std::string Get() {
    asio::error_code error;
    const size_t n = asio::read_until(socket_, asio::dynamic_buffer(in_), '\n', error);
    if (error) return "";
    const std::string line = in_.substr(0, n - 1);
    in_.erase(0, n);
    return line;
  }
  // What there is beyond the lines; empty at the end.
  std::string GetSome() {
    if (in_.empty()) {
      asio::error_code error;
      in_.resize(64 * 1024);
      in_.resize(socket_.read_some(asio::buffer(in_), error));
    }
    return std::exchange(in_, {});
  }
  void LogIn() {
    EXPECT_EQ(Get(), "LOGIN ann");
    Put("OK\n");
  }

 private:
  tcp::socket socket_;
  std::string in_;
};

// Serves one connection after the other, each with the next script.
class Server {
 public:
  using Script = std::function<void(Wire&)>;

  explicit Server(std::vector<Script> scripts)
      : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        thread_([this, scripts = std::move(scripts)] {
          for (const Script& script : scripts) {
            {
              Wire wire(acceptor_.accept());
              script(wire);
            }
            ++served_;
          }
        }) {}
  ~Server() { thread_.join(); }

  // Waits until so many scripts are over, and their connections closed.
  void AwaitServed(int count) const {
    while (served_ < count) std::this_thread::yield();
  }

  ServerUrl url() const {
    ServerUrl url;
    url.dialect = &Line();
    url.host = "127.0.0.1";
    url.port = acceptor_.local_endpoint().port();
    return url;
  }

 private:
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::atomic<int> served_{0};
  std::thread thread_;
};

asio::awaitable<absl::Status> LogInAndServe(Client& client, TunnelBroker& broker) {
  absl::Status status = co_await client.Connect();
  if (status.ok()) status = co_await client.Login("ann");
  if (status.ok()) status = co_await broker.Serve(client, "ann");
  co_return status;
}

class TunnelBrokerTest : public ::testing::Test {
 protected:
  TunnelBrokerTest()
      : broker_(io_.get_executor(),
                {[this](const User& from) {
                   log_.push_back("asked by " + from.name);
                   if (when_asked_) when_asked_();
                   return from.name != "mallory";
                 },
                 [this](const RelayGranted& grant) {
                   log_.push_back(absl::StrCat("granted ", grant.connect_id));
                   return grant.connect_id != 13;
                 },
                 [this](const User& by) { log_.push_back("ending by " + by.name); }}) {}

  // Serves one connection to `server`; `status_` is how it ended.
  void Serve(const Server& server) {
    clients_.push_back(std::make_unique<Client>(io_.get_executor(), server.url()));
    asio::co_spawn(io_, LogInAndServe(*clients_.back(), broker_),
                   [this](std::exception_ptr, absl::Status status) { status_ = status; });
  }
  // What becomes of it is in answers_[name].
  void Ask(const std::string& name, const std::string& target,
           absl::Duration timeout = absl::Seconds(60)) {
    asio::co_spawn(io_, broker_.Ask(User(target), timeout),
                   [this, name](std::exception_ptr, absl::StatusOr<RelayGranted> answer) {
                     answers_.emplace(name, answer);
                   });
  }
  absl::StatusCode Code(const std::string& name) { return answers_.at(name).status().code(); }
  int64_t Id(const std::string& name) { return answers_.at(name).value().connect_id; }

  asio::io_context io_;
  TunnelBroker broker_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> log_;
  std::function<void()> when_asked_;
  std::map<std::string, absl::StatusOr<RelayGranted>> answers_;
  absl::Status status_;
};

TEST_F(TunnelBrokerTest, AnAnswerGoesToWhoHasWaitedLongestForThatUser) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
    EXPECT_EQ(wire.Get(), "ASK carol");
    EXPECT_EQ(wire.Get(), "ASK bob");
    wire.Put("GRANT ann bob 1\nREFUSED carol\nGRANT ann bob 2\n");
  }});
  Ask("first", "bob");
  Ask("second", "carol");
  Ask("third", "bob");
  Serve(server);
  io_.run();
  EXPECT_EQ(Id("first"), 1);
  EXPECT_EQ(Code("second"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Id("third"), 2);
  EXPECT_EQ(status_.code(), absl::StatusCode::kOutOfRange);
}

TEST_F(TunnelBrokerTest, KeepsWithinWhatAServerLetsBeOpen) {
  constexpr int kAsks = 40;
  Server server({[](Wire& wire) {
    wire.LogIn();
    for (size_t i = 0; i < TunnelBroker::kOpenAPair; ++i) EXPECT_EQ(wire.Get(), "ASK bob");
    // The other user's turn comes although bob's queue is full; bob's next one is then due.
    EXPECT_EQ(wire.Get(), "ASK carol");
    for (size_t i = TunnelBroker::kOpenAPair; i < kAsks; ++i) {
      wire.Put(absl::StrCat("GRANT ann bob ", i, "\n"));
      EXPECT_EQ(wire.Get(), "ASK bob");
    }
  }});
  for (int i = 0; i < kAsks; ++i) Ask(absl::StrCat("bob", i), "bob");
  Ask("carol", "carol");
  Serve(server);
  while (status_.ok()) io_.run_one();
  broker_.GiveUp(absl::UnavailableError("over"));
  io_.run();
  EXPECT_EQ(answers_.size(), kAsks + 1u);
  EXPECT_EQ(Id("bob0"), 16);
  EXPECT_EQ(Code("carol"), absl::StatusCode::kUnavailable);
}

TEST_F(TunnelBrokerTest, KeepsWithinWhatASenderMayHaveOpen) {
  constexpr size_t kOfOne =
      (TunnelBroker::kOpenInAll - TunnelBroker::kKeptForOthers) / TunnelBroker::kOpenAPair;
  Server server({[](Wire& wire) {
    wire.LogIn();
    for (size_t i = 0; i < kOfOne * TunnelBroker::kOpenAPair; ++i) {
      EXPECT_EQ(wire.Get(), absl::StrCat("ASK u", i / TunnelBroker::kOpenAPair));
    }
    // The last ones: one for each user who has none.
    for (size_t i = 0; i < TunnelBroker::kKeptForOthers; ++i) {
      EXPECT_EQ(wire.Get(), absl::StrCat("ASK u", kOfOne + i));
    }
    wire.Put("REFUSED u0\n");
    EXPECT_EQ(wire.Get(), absl::StrCat("ASK u", kOfOne + TunnelBroker::kKeptForOthers));
  }});
  for (size_t i = 0; i < 20 * TunnelBroker::kOpenAPair; ++i) {
    Ask(absl::StrCat(i), absl::StrCat("u", i / TunnelBroker::kOpenAPair));
  }
  Serve(server);
  while (status_.ok()) io_.run_one();
  broker_.GiveUp(absl::UnavailableError("over"));
  io_.run();
  EXPECT_EQ(Code("0"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(answers_.at("0").status().message(), "u0 refused ann");
  EXPECT_EQ(Code("319"), absl::StatusCode::kUnavailable);
}

TEST_F(TunnelBrokerTest, WhatIsNotAnsweredInTimeMakesRoom) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    wire.Put("ASKED zed\n");
    for (size_t i = 0; i < TunnelBroker::kOpenAPair; ++i) EXPECT_EQ(wire.Get(), "ASK bob");
    EXPECT_EQ(wire.Get(), "YES zed");
    EXPECT_EQ(wire.Get(), "ASK bob");
    for (size_t i = 0; i < TunnelBroker::kOpenAPair; ++i) wire.Put("REFUSED bob\n");
    wire.Put("GRANT ann bob 7\n");
  }});
  // Once it is logged in: what has so little time must not run out of it before.
  when_asked_ = [this] {
    Ask("0", "bob", absl::Milliseconds(1));
    for (size_t i = 1; i < TunnelBroker::kOpenAPair; ++i) Ask(absl::StrCat(i), "bob");
    Ask("last", "bob");
  };
  Serve(server);
  io_.run();
  EXPECT_EQ(Code("0"), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Id("last"), 7);
}

TEST_F(TunnelBrokerTest, TheRefusalOfARequestThatWasGivenUpIsNotForALaterOne) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
    EXPECT_EQ(wire.Get(), "ASK bob");
    wire.Put("REFUSED bob\nGRANT ann bob 5\n");
  }});
  Ask("first", "bob", absl::Milliseconds(1));
  Serve(server);
  while (answers_.empty()) io_.run_one();
  Ask("second", "bob");
  io_.run();
  EXPECT_EQ(Code("first"), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Id("second"), 5);
}

TEST_F(TunnelBrokerTest, TheGrantOfAWithdrawnRequestGoesToALaterOne) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
    EXPECT_EQ(wire.Get(), "ASK bob");
    wire.Put("ASKED zed\n");
    EXPECT_EQ(wire.Get(), "YES zed");
    wire.Put("GRANT ann bob 5\nGRANT ann bob 6\n");
    EXPECT_EQ(wire.Get(), "CLOSE 6");
  }});
  TunnelBroker::Withdrawal withdrawal;
  asio::co_spawn(io_, broker_.Ask(User("bob"), absl::Seconds(60), &withdrawal),
                 [this](std::exception_ptr, absl::StatusOr<RelayGranted> answer) {
                   answers_.emplace("first", answer);
                 });
  Ask("second", "bob");
  when_asked_ = [&] { withdrawal.Withdraw(); };
  Serve(server);
  io_.run();
  EXPECT_EQ(Code("first"), absl::StatusCode::kCancelled);
  EXPECT_EQ(Id("second"), 5);
}

TEST_F(TunnelBrokerTest, TheTimeToAnswerRunsWhileThereIsAConnection) {
  Ask("it", "bob", absl::Milliseconds(1));
  io_.run_for(std::chrono::milliseconds(30));
  EXPECT_TRUE(answers_.empty());
  Server server({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
    EXPECT_EQ(wire.Get(), "");
  }});
  Serve(server);
  while (answers_.empty()) io_.run_one();
  EXPECT_EQ(Code("it"), absl::StatusCode::kDeadlineExceeded);
  clients_.back()->Close();
  io_.run();
}

TEST_F(TunnelBrokerTest, TellsAServerThatAnswersFromOneThatHasGone) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "SAY ann");
    wire.Put("HEARD bob\nHEARD ann\n");
    EXPECT_EQ(wire.Get(), "SAY ann");
  }});
  EXPECT_FALSE(broker_.announces_relay_end());
  std::vector<bool> lives;
  const auto ask = [&] {
    asio::co_spawn(io_, broker_.ServerLives(absl::Seconds(60)),
                   [&](std::exception_ptr, bool it_does) { lives.push_back(it_does); });
  };
  ask();
  io_.poll();
  EXPECT_THAT(lives, ElementsAre(false));  // there is none yet
  io_.restart();
  Serve(server);
  while (!broker_.announces_relay_end()) io_.run_one();
  ask();
  while (lives.size() < 2) io_.run_one();
  ask();
  io_.run();
  EXPECT_THAT(lives, ElementsAre(false, true, false));
}

TEST_F(TunnelBrokerTest, AGrantThatNobodyWaitsForIsClosed) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    wire.Put("GRANT ann bob 5\n");
    EXPECT_EQ(wire.Get(), "CLOSE 5");
  }});
  Serve(server);
  io_.run();
}

TEST_F(TunnelBrokerTest, ANameThatCannotBeSaidIsRefusedAtOnce) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
    wire.Put("REFUSED bob\n");
  }});
  Ask("first", "unsayable");
  Ask("second", "bob");
  Serve(server);
  io_.run();
  EXPECT_EQ(Code("first"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("second"), absl::StatusCode::kPermissionDenied);
}

TEST_F(TunnelBrokerTest, AsksAgainOverTheNextConnection) {
  Server first({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
  }});
  Ask("it", "bob");
  Serve(first);
  while (status_.ok()) io_.run_one();
  EXPECT_TRUE(answers_.empty());
  Server second({[](Wire& wire) {
    wire.LogIn();
    EXPECT_EQ(wire.Get(), "ASK bob");
    wire.Put("GRANT ann bob 3\n");
  }});
  Serve(second);
  io_.run();
  EXPECT_EQ(Id("it"), 3);
}

TEST_F(TunnelBrokerTest, AnswersThoseWhoAsk) {
  Server server({[](Wire& wire) {
    wire.LogIn();
    wire.Put("ASKED bob\nASKED mallory\n");
    EXPECT_EQ(wire.Get(), "YES bob");
    EXPECT_EQ(wire.Get(), "NO mallory");
    wire.Put("GRANT bob ann 12\nGRANT bob ann 13\n");
    EXPECT_EQ(wire.Get(), "CLOSE 13");
    wire.Put("ENDING bob\n");
  }});
  Serve(server);
  io_.run();
  EXPECT_THAT(log_, ElementsAre("asked by bob", "asked by mallory", "granted 12", "granted 13",
                                "ending by bob"));
}

// The first `size` bytes that came behind the lines.
std::string GetBytes(Wire& wire, size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const std::string some = wire.GetSome();
    if (some.empty()) break;
    bytes += some;
  }
  return bytes;
}

class TunnelHalfTest : public ::testing::Test {
 protected:
  absl::StatusOr<OpenHalf> Open(const Server& server, absl::Duration patience,
                                TunnelSide* local = nullptr) {
    TunnelHalf half(io_.get_executor(), server.url(), ClientOptions());
    return Open(half, patience, local);
  }
  absl::StatusOr<OpenHalf> Open(TunnelHalf& half, absl::Duration patience,
                                TunnelSide* local = nullptr) {
    std::optional<absl::StatusOr<OpenHalf>> result;
    asio::co_spawn(io_, half.Open(17, patience, local),
                   [&](std::exception_ptr, absl::StatusOr<OpenHalf> open) {
                     result.emplace(std::move(open));
                   });
    io_.restart();
    io_.run();
    return *std::move(result);
  }

  asio::io_context io_;
};

TEST_F(TunnelHalfTest, PresentsTheIdAndHandsOverWhatCameBehind) {
  Server server({[](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    wire.Put("OPEN\nearly");
  }});
  const absl::StatusOr<OpenHalf> half = Open(server, absl::Seconds(60));
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_EQ(half->start.from_peer, "early");
}

TEST_F(TunnelHalfTest, ConnectsBeforeThereIsAnId) {
  Server server({[](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    wire.Put("OPEN\n");
  }});
  TunnelHalf half(io_.get_executor(), server.url(), ClientOptions());
  EXPECT_FALSE(half.connects());
  half.Connect();
  EXPECT_TRUE(half.connects());
  io_.run();  // until it is connected, as nothing else is to be done
  EXPECT_TRUE(Open(half, absl::Seconds(60)).ok());
}

TEST_F(TunnelHalfTest, ConnectsAgainIfTheServerHasNotWaited) {
  Server server({[](Wire&) {},
                 [](Wire& wire) {
                   EXPECT_EQ(wire.Get(), "TICKET 17");
                   wire.Put("OPEN\n");
                 }});
  TunnelHalf half(io_.get_executor(), server.url(), ClientOptions());
  half.Connect();
  io_.run();
  server.AwaitServed(1);
  EXPECT_TRUE(Open(half, absl::Seconds(60)).ok());
}

TEST_F(TunnelHalfTest, OneThatIsNotUsedIsClosed) {
  Server server({[](Wire& wire) { EXPECT_EQ(wire.Get(), ""); }});
  auto half = std::make_unique<TunnelHalf>(io_.get_executor(), server.url(), ClientOptions());
  half->Connect();
  io_.run();
  half.reset();
}

TEST_F(TunnelHalfTest, SendsAheadWhatTheLocalSideSays) {
  chat::testing::SocketPair local = chat::testing::TcpPair();
  Server server({[&](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    EXPECT_EQ(GetBytes(wire, 8), "question");
    wire.Put("OPEN\n");
  }});
  ASSERT_EQ(write(local.first.get(), "question", 8), 8);
  // An end is no reason to give up, and is left to the tunnel.
  shutdown(local.first.get(), SHUT_WR);
  TunnelSide side(io_.get_executor(), local.second.release());
  const absl::StatusOr<OpenHalf> half = Open(server, absl::Seconds(60), &side);
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_EQ(half->start.sent_ahead, 8u);
  EXPECT_EQ(half->start.from_local, "");
}

TEST_F(TunnelHalfTest, SendsNoMoreAheadThanItsBound) {
  chat::testing::SocketPair local = chat::testing::TcpPair();
  const std::string much = chat::testing::RandomBytes(2 * TunnelHalf::kAheadBytes, 2);
  std::string ahead;
  Server server({[&](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    ahead = GetBytes(wire, TunnelHalf::kAheadBytes);
    wire.Put("OPEN\n");
  }});
  ASSERT_EQ(write(local.first.get(), much.data(), much.size()), static_cast<ssize_t>(much.size()));
  TunnelSide side(io_.get_executor(), local.second.release());
  const absl::StatusOr<OpenHalf> half = Open(server, absl::Seconds(60), &side);
  ASSERT_TRUE(half.ok()) << half.status();
  const TunnelStart& start = half->start;
  EXPECT_LE(start.sent_ahead, TunnelHalf::kAheadBytes);
  EXPECT_EQ(ahead, much.substr(0, start.sent_ahead));
  // What was read and not sent is not lost.
  EXPECT_EQ(start.from_local, much.substr(start.sent_ahead, start.from_local.size()));
}

TEST_F(TunnelHalfTest, GivesUpIfTheLocalSideIsGone) {
  chat::testing::SocketPair local = chat::testing::TcpPair();
  Server server({[&](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    ResetOnClose(local.first.get());
    local.first.reset();
    EXPECT_EQ(wire.Get(), "");
  }});
  TunnelSide side(io_.get_executor(), local.second.release());
  EXPECT_EQ(Open(server, absl::Seconds(60), &side).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(TunnelHalfTest, GivesUpWhenItIsTold) {
  std::unique_ptr<TunnelHalf> half;
  Server server({[&](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    asio::post(io_, [&] { half->GiveUp(absl::AbortedError("withdrawn")); });
    EXPECT_EQ(wire.Get(), "");
  }});
  half = std::make_unique<TunnelHalf>(io_.get_executor(), server.url(), ClientOptions());
  EXPECT_EQ(Open(*half, absl::Seconds(60)).status().code(), absl::StatusCode::kAborted);
}

TEST_F(TunnelHalfTest, DoesNotWaitForeverForTheOtherHalf) {
  Server server({[](Wire& wire) {
    EXPECT_EQ(wire.Get(), "TICKET 17");
    EXPECT_EQ(wire.Get(), "");
  }});
  EXPECT_EQ(Open(server, absl::Milliseconds(20)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(TunnelHalfTest, SaysThatTheServerRefuses) {
  Server server({[](Wire& wire) { EXPECT_EQ(wire.Get(), "TICKET 17"); }});
  EXPECT_EQ(Open(server, absl::Seconds(60)).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace chat::client
