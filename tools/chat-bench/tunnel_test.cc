// RunTunnel through a proxy that can be made to lie. (chat_bench_test.cc has the honest ones.)

#include "tools/chat-bench/tunnel.h"

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace chat::bench {
namespace {

constexpr uint64_t kBytes = 5'000'001;
constexpr uint64_t kMiddle = kBytes / 2;

// Changes the bytes that are about to be passed on, the first of which is number `offset`.
using Lie = std::function<void(uint64_t offset, std::string& bytes)>;

// Passes one connection on to 127.0.0.1:`to`, in one direction.
void Relay(const Socket& listener, uint16_t to, const Lie& lie) {
  const Socket from = *Accept(listener);
  const Socket sink = *Connect({"127.0.0.1", to});
  char bytes[65536];
  uint64_t offset = 0;
  ssize_t n;
  while ((n = recv(from.fd(), bytes, sizeof bytes, 0)) > 0) {
    std::string copy(bytes, static_cast<size_t>(n));
    lie(offset, copy);
    send(sink.fd(), copy.data(), copy.size(), MSG_NOSIGNAL);
    offset += static_cast<uint64_t>(n);
  }
}

uint16_t FreePort() { return LocalPort(*ListenLocally(0)); }

absl::StatusOr<TunnelResult> Measure(bool verify, const Lie& lie) {
  const Socket listener = *ListenLocally(0);
  const uint16_t sink_port = FreePort();
  std::thread proxy(Relay, std::cref(listener), sink_port, std::cref(lie));
  absl::StatusOr<TunnelResult> result;
  {
    const auto stream = OpenThroughProxy({"127.0.0.1", LocalPort(listener)}, sink_port);
    TunnelOptions options;
    options.bytes = kBytes;
    options.verify = verify;
    result = stream.ok() ? RunTunnel(*stream, options) : stream.status();
  }
  proxy.join();
  return result;
}

void SayTheTruth(uint64_t, std::string&) {}

void FlipABit(uint64_t offset, std::string& bytes) {
  if (kMiddle >= offset && kMiddle < offset + bytes.size()) bytes[kMiddle - offset] ^= 1;
}

void SwallowAByte(uint64_t offset, std::string& bytes) {
  if (kMiddle >= offset && kMiddle < offset + bytes.size()) bytes.erase(kMiddle - offset, 1);
}

TEST(TunnelTest, CountsEveryByte) {
  for (bool verify : {false, true}) {
    const auto result = Measure(verify, SayTheTruth);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->bytes, kBytes);
    EXPECT_GT(result->elapsed, absl::ZeroDuration());
    EXPECT_FALSE(result->server_cpu.has_value());
  }
}

TEST(TunnelTest, SeesAMissingByte) {
  EXPECT_EQ(Measure(false, SwallowAByte).status().message(),
            "5000001 bytes went in, 5000000 came out");
}

TEST(TunnelTest, SeesAChangedByteWhenItVerifies) {
  EXPECT_TRUE(Measure(false, FlipABit).ok());
  EXPECT_TRUE(absl::IsDataLoss(Measure(true, FlipABit).status()));
}

TEST(TunnelTest, MeasuresForAWhile) {
  const Socket listener = *ListenLocally(0);
  absl::StatusOr<Socket> in = Connect({"127.0.0.1", LocalPort(listener)});
  ASSERT_TRUE(in.ok()) << in.status();
  absl::StatusOr<Socket> out = Accept(listener);
  ASSERT_TRUE(out.ok()) << out.status();
  TunnelOptions options;
  options.warm_up = absl::Milliseconds(10);
  options.duration = absl::Milliseconds(50);
  const auto result = RunTunnel({*std::move(in), *std::move(out)}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GE(result->elapsed, options.duration);
  EXPECT_GT(result->bytes, 0u);
}

}  // namespace
}  // namespace chat::bench
