#include "tools/chat-bench/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tools/chat-bench/endpoint.h"
#include "tools/chat-bench/process_cpu.h"

namespace chat::bench {
namespace {

// Fits a core's cache together with the kernel's copy of it.
constexpr size_t kWriteBytes = 256 * 1024;
// The stream repeats this many bytes: an odd number, so that bytes which are out of place by a
// power of two are wrong.
constexpr size_t kPatternBytes = (1 << 20) + 4099;

// ---- Opening a relay ----

struct Party {
  std::unique_ptr<Connection> connection;
  DialectEndpoint* endpoint = nullptr;  // the connection's
};

// Connects and logs in as `name`, or presents `connect_id` if that is not 0; does not wait for an
// answer.
absl::StatusOr<Party> ConnectParty(const HostPort& server, const Dialect& dialect,
                                   const DialectOptions& options, std::string name,
                                   int64_t connect_id) {
  auto endpoint = std::make_unique<DialectEndpoint>(dialect, options, std::move(name), connect_id);
  Party party;
  party.endpoint = endpoint.get();
  auto connection = Connection::Open(server, std::move(endpoint));
  if (!connection.ok()) return connection.status();
  party.connection = *std::move(connection);
  return party;
}

absl::Status AwaitReady(Party& party) {
  return party.connection->Await([&party] { return party.endpoint->ready(); });
}

// The party's next event about relays, which must be an `Expected`.
template <typename Expected>
absl::StatusOr<Expected> AwaitEvent(Party& party) {
  std::vector<ClientEvent>& events = party.endpoint->relay_events();
  absl::Status status = party.connection->Await([&events] { return !events.empty(); });
  if (!status.ok()) return status;
  const ClientEvent event = std::move(events.front());
  events.erase(events.begin());
  if (const auto* expected = std::get_if<Expected>(&event)) return *expected;
  return absl::DataLossError(absl::StrCat("not expected from the server: ", ToString(event)));
}

// The connect_id that both have got.
absl::StatusOr<int64_t> Negotiate(Party& asker, Party& target) {
  const User addressee(target.endpoint->name());
  if (absl::Status s = asker.endpoint->session().Ask(RequestKind::kRelay, addressee, Text());
      !s.ok())
    return s;
  if (absl::Status s = asker.connection->Flush(); !s.ok()) return s;
  const auto asked = AwaitEvent<Asked>(target);
  if (!asked.ok()) return asked.status();
  if (absl::Status s = target.endpoint->session().Answer(RequestKind::kRelay, asked->from, true);
      !s.ok())
    return s;
  const auto target_grant = AwaitEvent<RelayGranted>(target);
  if (!target_grant.ok()) return target_grant.status();
  const auto asker_grant = AwaitEvent<RelayGranted>(asker);
  if (!asker_grant.ok()) return asker_grant.status();
  if (*asker_grant != *target_grant) {
    return absl::DataLossError("the two parties were told of different relays");
  }
  return asker_grant->connect_id;
}

// ---- The load ----

std::string Pattern(size_t size) {
  std::mt19937_64 random(1);
  std::string pattern(size, '\0');
  for (char& c : pattern) c = static_cast<char>(random());
  return pattern;
}

// From here on the socket's calls block, for kStallSeconds at most.
absl::Status MakeBlocking(const Socket& socket) {
  const timeval stall = {.tv_sec = kStallSeconds, .tv_usec = 0};
  if (fcntl(socket.fd(), F_SETFL, 0) != 0 ||
      setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall) != 0 ||
      setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall) != 0) {
    return SystemError("cannot set up a socket");
  }
  return absl::OkStatus();
}

absl::Status TransferError(absl::string_view what, uint64_t done) {
  if (errno == EAGAIN) {
    return absl::DeadlineExceededError(
        absl::StrCat(what, " behind byte ", done, ": nothing for ", kStallSeconds, " s"));
  }
  return absl::UnavailableError(absl::StrCat(what, " behind byte ", done, ": ", strerror(errno)));
}

// Writes until `limit` bytes or `stop`, then ends the stream. `sent` is the number of bytes.
absl::Status Send(int fd, absl::string_view pattern, uint64_t limit, const std::atomic<bool>& stop,
                  uint64_t& sent) {
  while (sent < limit && !stop.load(std::memory_order_relaxed)) {
    const absl::string_view rest = pattern.substr(sent % pattern.size(), limit - sent);
    const ssize_t n = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return TransferError("sending", sent);
    sent += static_cast<uint64_t>(n);
  }
  return shutdown(fd, SHUT_WR) == 0 ? absl::OkStatus() : TransferError("ending the stream", sent);
}

// Reads until the end of the stream and lets the kernel throw the bytes away.
absl::Status Discard(int fd, std::atomic<uint64_t>& received) {
  while (true) {
    const ssize_t n = recv(fd, nullptr, size_t{1} << 30, MSG_TRUNC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return TransferError("receiving", received);
    if (n == 0) return absl::OkStatus();
    received.fetch_add(static_cast<uint64_t>(n), std::memory_order_relaxed);
  }
}

// Reads until the end of the stream and compares.
absl::Status Compare(int fd, absl::string_view pattern, std::atomic<uint64_t>& received) {
  std::string bytes(kWriteBytes, '\0');
  while (true) {
    const absl::string_view expected = pattern.substr(received % pattern.size(), bytes.size());
    const ssize_t n = recv(fd, bytes.data(), expected.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return TransferError("receiving", received);
    if (n == 0) return absl::OkStatus();
    const size_t got = static_cast<size_t>(n);
    if (memcmp(bytes.data(), expected.data(), got) != 0) {
      return absl::DataLossError(
          absl::StrCat("a byte differs in the ", got, " behind byte ", received.load()));
    }
    received.fetch_add(got, std::memory_order_relaxed);
  }
}

struct Sample {
  uint64_t bytes = 0;
  std::chrono::steady_clock::time_point time;
  int64_t cpu_nanos = 0;
};

absl::StatusOr<Sample> Take(const std::atomic<uint64_t>& received, int server_pid) {
  Sample sample = {.bytes = received.load(std::memory_order_relaxed),
                   .time = std::chrono::steady_clock::now()};
  if (server_pid == 0) return sample;
  const absl::StatusOr<int64_t> cpu = ProcessCpuNanos(server_pid);
  if (!cpu.ok()) return cpu.status();
  sample.cpu_nanos = *cpu;
  return sample;
}

}  // namespace

absl::StatusOr<Stream> OpenRelay(const HostPort& server, const Dialect& dialect,
                                 const DialectOptions& options) {
  if (!dialect.client_traits().relays) {
    return absl::UnimplementedError(absl::StrCat(dialect.name(), " has no relays"));
  }
  const std::string unique = absl::StrCat("b", absl::Hex(getpid()));
  std::vector<Party> users;
  for (const char* suffix : {"in", "out"}) {
    auto party = ConnectParty(server, dialect, options, unique + suffix, 0);
    if (!party.ok()) return party.status();
    users.push_back(*std::move(party));
    if (absl::Status status = AwaitReady(users.back()); !status.ok()) return status;
  }
  const absl::StatusOr<int64_t> connect_id = Negotiate(users[0], users[1]);
  if (!connect_id.ok()) return connect_id.status();

  std::vector<Party> halves;
  for (const Party& user : users) {
    auto half = ConnectParty(server, dialect, options, user.endpoint->name(), *connect_id);
    if (!half.ok()) return half.status();
    halves.push_back(*std::move(half));
  }
  for (Party& half : halves) {
    if (absl::Status status = AwaitReady(half); !status.ok()) return status;
  }
  return Stream{halves[0].connection->TakeSocket(), halves[1].connection->TakeSocket()};
}

absl::StatusOr<Stream> OpenThroughProxy(const HostPort& proxy, uint16_t sink_port) {
  absl::StatusOr<Socket> listener = ListenLocally(sink_port);
  if (!listener.ok()) return listener.status();
  absl::StatusOr<Socket> in = Connect(proxy);
  if (!in.ok()) return in.status();
  absl::StatusOr<Socket> out = Accept(*listener);
  if (!out.ok()) return out.status();
  return Stream{*std::move(in), *std::move(out)};
}

absl::StatusOr<TunnelResult> RunTunnel(const Stream& stream, const TunnelOptions& options) {
  for (const Socket* socket : {&stream.in, &stream.out}) {
    if (absl::Status status = MakeBlocking(*socket); !status.ok()) return status;
  }
  const std::string pattern = Pattern(options.verify ? kPatternBytes : kWriteBytes);
  const uint64_t limit = options.bytes != 0 ? options.bytes : UINT64_MAX;
  uint64_t sent = 0;
  std::atomic<uint64_t> received = 0;
  std::atomic<bool> stop = false;
  absl::Notification received_all;
  absl::Status send_status;
  absl::Status receive_status;

  absl::StatusOr<Sample> before = Take(received, options.server_pid);
  if (!before.ok()) return before.status();
  std::thread receiver([&] {
    receive_status = options.verify ? Compare(stream.out.fd(), pattern, received)
                                    : Discard(stream.out.fd(), received);
    // Whoever still sends is not left waiting.
    if (!receive_status.ok()) shutdown(stream.in.fd(), SHUT_RDWR);
    received_all.Notify();
  });
  std::thread sender([&] { send_status = Send(stream.in.fd(), pattern, limit, stop, sent); });
  absl::StatusOr<Sample> after = before;
  if (options.bytes != 0) {
    received_all.WaitForNotification();
    after = Take(received, options.server_pid);
  } else {
    received_all.WaitForNotificationWithTimeout(options.warm_up);
    before = Take(received, options.server_pid);
    received_all.WaitForNotificationWithTimeout(options.duration);
    after = Take(received, options.server_pid);
    stop = true;
  }
  sender.join();
  receiver.join();

  for (const absl::Status& status :
       {receive_status, send_status, before.status(), after.status()}) {
    if (!status.ok()) return status;
  }
  if (received != sent) {
    return absl::DataLossError(
        absl::StrCat(sent, " bytes went in, ", received.load(), " came out"));
  }
  TunnelResult result;
  result.bytes = after->bytes - before->bytes;
  result.elapsed = absl::FromChrono(after->time - before->time);
  if (options.server_pid != 0) {
    result.server_cpu = absl::Nanoseconds(after->cpu_nanos - before->cpu_nanos);
  }
  return result;
}

}  // namespace chat::bench
