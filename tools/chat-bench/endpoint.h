// One connection's end of the protocol under load: a chat dialect's client session, or Redis.

#ifndef TOOLS_CHAT_BENCH_ENDPOINT_H_
#define TOOLS_CHAT_BENCH_ENDPOINT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/dialect.h"

namespace chat::bench {

// What a connection is for.
enum class Role : uint8_t { kSender, kReceiver };

// Makes and understands the bytes of one connection; no I/O. The counters only grow.
// Thread safety: none.
class Endpoint {
 public:
  virtual ~Endpoint() = default;

  // Queues what is said first on a new connection; ready() follows.
  virtual absl::Status Open() = 0;

  // Queues a public message. `number` counts from 0.
  virtual absl::Status Publish(uint64_t number, absl::string_view body) = 0;

  // Takes in received bytes and returns how many it has used up; the rest of a packet may be
  // missing. An error says what the server refused or got wrong.
  virtual absl::StatusOr<size_t> OnBytes(absl::string_view in) = 0;

  // True if the server confirms every message to its sender.
  virtual bool confirms() const = 0;

  // Bytes for the server; whoever has written them erases them.
  std::string& output() { return output_; }

  bool ready() const { return ready_; }
  uint64_t confirmed() const { return confirmed_; }
  uint64_t received() const { return received_; }
  // Body of the last message received.
  const std::string& last_body() const { return last_body_; }

 protected:
  std::string output_;
  bool ready_ = false;
  uint64_t confirmed_ = 0;
  uint64_t received_ = 0;
  std::string last_body_;
};

// A user of a chat server, or one half of a user's relay.
class DialectEndpoint final : public Endpoint, private ClientHost {
 public:
  // `dialect` outlives the endpoint; `options` must have passed its CheckOptions. With a
  // `connect_id` that is not 0 it is presented in place of a login, and ready() says that the relay
  // is open.
  DialectEndpoint(const Dialect& dialect, const DialectOptions& options, std::string name,
                  int64_t connect_id = 0);

  absl::Status Open() override;
  absl::Status Publish(uint64_t number, absl::string_view body) override;
  absl::StatusOr<size_t> OnBytes(absl::string_view in) override;
  bool confirms() const override { return confirms_; }

  // For what is not about public messages.
  ClientSession& session() { return *session_; }
  const std::string& name() const { return name_; }
  // Events about relays, in order; whoever has handled them erases them.
  std::vector<ClientEvent>& relay_events() { return relay_events_; }

 private:
  void Send(absl::string_view bytes) override { output_.append(bytes.data(), bytes.size()); }
  void OnClientEvent(ClientEvent event) override;

  const std::string name_;
  const int64_t connect_id_;
  const bool confirms_;
  const std::unique_ptr<ClientSession> session_;
  absl::Status error_;
  std::vector<ClientEvent> relay_events_;
};

// A subscriber of, or a publisher to, one Redis channel. The reply to a PUBLISH is its
// confirmation.
class RedisEndpoint final : public Endpoint {
 public:
  RedisEndpoint(Role role, std::string channel);

  absl::Status Open() override;
  absl::Status Publish(uint64_t number, absl::string_view body) override;
  absl::StatusOr<size_t> OnBytes(absl::string_view in) override;
  bool confirms() const override { return true; }

 private:
  // The number of bytes of the first packet in `in`, taken in; 0 if it is not there in full.
  absl::StatusOr<size_t> OnPublisherBytes(absl::string_view in);
  absl::StatusOr<size_t> OnSubscriberBytes(absl::string_view in);

  const Role role_;
  const std::string channel_;
};

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_ENDPOINT_H_
