// RunFanout against a server that can be made to lie. (chat_bench_test.cc has the honest ones.)

#include "tools/chat-bench/fanout.h"

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace chat::bench {
namespace {

constexpr size_t kReceivers = 3;
constexpr size_t kMessageBytes = 10;
constexpr uint64_t kMessages = 500;

// Messages follow each other with nothing between them; everybody gets them, the sender too.
class PlainEndpoint final : public Endpoint {
 public:
  absl::Status Open() override {
    ready_ = true;
    return absl::OkStatus();
  }
  absl::Status Publish(uint64_t, absl::string_view body) override {
    output_.append(body.data(), body.size());
    return absl::OkStatus();
  }
  absl::StatusOr<size_t> OnBytes(absl::string_view in) override {
    for (size_t i = 0; i + kMessageBytes <= in.size(); i += kMessageBytes) {
      last_body_ = std::string(in.substr(i, kMessageBytes));
      ++received_;
      ++confirmed_;
    }
    return in.size() - in.size() % kMessageBytes;
  }
  bool confirms() const override { return true; }
};

// Changes what is about to be sent to `receiver`, whose stream has reached `offset`.
using Lie = std::function<void(size_t receiver, uint64_t offset, std::string& bytes)>;

// Sends what the sender, who comes last, says to everybody, until the sender closes.
class LyingServer {
 public:
  explicit LyingServer(Lie lie)
      : lie_(std::move(lie)), listener_(*ListenLocally(0)), thread_([this] { Serve(); }) {}
  ~LyingServer() { thread_.join(); }

  HostPort address() const { return {"127.0.0.1", LocalPort(listener_)}; }

 private:
  void Serve() {
    std::vector<Socket> clients;
    for (size_t i = 0; i <= kReceivers; ++i) clients.push_back(*Accept(listener_));
    uint64_t offset = 0;
    char bytes[4096];
    while (true) {
      const ssize_t n = recv(clients[kReceivers].fd(), bytes, sizeof bytes, 0);
      if (n <= 0) return;
      for (size_t i = 0; i <= kReceivers; ++i) {
        std::string copy(bytes, static_cast<size_t>(n));
        lie_(i, offset, copy);
        send(clients[i].fd(), copy.data(), copy.size(), MSG_NOSIGNAL);
      }
      offset += static_cast<uint64_t>(n);
    }
  }

  const Lie lie_;
  const Socket listener_;
  std::thread thread_;
};

absl::StatusOr<FanoutResult> Measure(Lie lie, FanoutOptions options = {}) {
  options.receivers = kReceivers;
  options.window = 16;
  options.message_bytes = kMessageBytes;
  options.warm_up = absl::ZeroDuration();
  options.messages = kMessages;
  LyingServer server(std::move(lie));
  return RunFanout(
      server.address(), [](Role, size_t) { return std::make_unique<PlainEndpoint>(); }, options);
}

// Flips a bit of the byte at `where` in the stream of receiver 1.
Lie FlipAt(uint64_t where) {
  return [where](size_t receiver, uint64_t offset, std::string& bytes) {
    if (receiver == 1 && where >= offset && where < offset + bytes.size()) {
      bytes[where - offset] ^= 1;
    }
  };
}

TEST(FanoutTest, CountsEveryDelivery) {
  const auto result = Measure([](size_t, uint64_t, std::string&) {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->messages, kMessages);
  EXPECT_TRUE(result->sender_echo);
  EXPECT_EQ(result->deliveries, kMessages * (kReceivers + 1));
  EXPECT_EQ(result->frame_bytes, kMessageBytes);
  EXPECT_EQ(result->confirmation_nanos.count(), static_cast<int64_t>(kMessages));
  EXPECT_EQ(result->delivery_nanos.count(), static_cast<int64_t>(kMessages));
  EXPECT_GT(result->elapsed, absl::ZeroDuration());
  EXPECT_FALSE(result->server_cpu.has_value());
}

TEST(FanoutTest, SeesAChangedFirstMessage) {
  EXPECT_EQ(Measure(FlipAt(3)).status().message(),
            "receiver 1 did not get the first message, alone and unchanged");
}

TEST(FanoutTest, SeesAChangedLastMessage) {
  EXPECT_EQ(Measure(FlipAt((1 + kMessages) * kMessageBytes + 3)).status().message(),
            "receiver 1 did not get the last message, alone and unchanged");
}

TEST(FanoutTest, SeesAByteTooMuch) {
  bool lied = false;
  const auto result = Measure([&lied](size_t receiver, uint64_t offset, std::string& bytes) {
    if (receiver != 2 || offset == 0 || std::exchange(lied, true)) return;
    bytes += '!';
  });
  EXPECT_TRUE(absl::IsDataLoss(result.status())) << result.status();
}

TEST(FanoutTest, SeesAByteTooFew) {
  FanoutOptions options;
  options.stall = absl::Milliseconds(200);
  const auto result = Measure(
      [](size_t receiver, uint64_t offset, std::string& bytes) {
        const uint64_t last_measured = (1 + kMessages) * kMessageBytes - 1;
        if (receiver == 2 && last_measured >= offset && last_measured < offset + bytes.size()) {
          bytes.erase(last_measured - offset, 1);
        }
      },
      options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
}

TEST(FanoutTest, RefusesNothingToMeasure) {
  FanoutOptions options;
  options.window = 0;
  const EndpointFactory none = [](Role, size_t) { return std::make_unique<PlainEndpoint>(); };
  EXPECT_TRUE(absl::IsInvalidArgument(RunFanout({"127.0.0.1", 1}, none, options).status()));
}

}  // namespace
}  // namespace chat::bench
