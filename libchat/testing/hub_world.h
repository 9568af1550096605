// A World without sockets: real sessions on a real hub, in virtual time.

#ifndef LIBCHAT_TESTING_HUB_WORLD_H_
#define LIBCHAT_TESTING_HUB_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libchat/dialect/dialect.h"
#include "libchat/hub/hub.h"
#include "libchat/testing/transcript.h"

namespace chat::testing {

// Plays the part of net: one shard, whose connections take everything at once. It is server 1000,
// takes links at 127.0.0.1:7773 from everybody, and opens none.
class HubWorld final : public World {
 public:
  explicit HubWorld(std::vector<const Dialect*> dialects, Limits limits = {});
  ~HubWorld() override;

  absl::Status Connect(const std::string& client, const Dialect& dialect,
                       const DialectOptions& options) override;
  absl::Status Send(const std::string& client, absl::string_view bytes) override;
  absl::Status HalfClose(const std::string& client) override;
  absl::Status Reset(const std::string& client) override;
  absl::Status Pass(absl::Duration time) override;
  bool Receive(const std::string& client, std::string* bytes, End* end) override;
  bool settles() const override { return true; }
  bool tells_ends_apart() const override { return true; }

  Hub& hub() { return *hub_; }

 private:
  class Connection;
  struct Relay;
  using Accounts = std::map<std::string, std::string>;  // passwords by name

  // Delivers the hub's mail and what paused sessions wait for, until there is nothing.
  void Settle();
  bool AnswerPaused();
  bool FlushAll();
  void Join(Connection& connection, const JoinRelay& join);

  const std::vector<const Dialect*> dialects_;
  const SessionLimits session_limits_;
  absl::Time now_ = absl::UnixEpoch();
  uint64_t random_ = 0;
  Accounts accounts_;
  std::unique_ptr<Hub> hub_;
  std::map<std::string, std::unique_ptr<Connection>> connections_;
  std::map<uint64_t, Connection*> by_session_;
  std::map<uint64_t, Relay> relays_;  // by tunnel
};

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_HUB_WORLD_H_
