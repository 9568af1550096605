// Users of any dialect in a HubWorld: what their clients do, without a socket.

#ifndef LIBCHAT_TESTING_WORLD_USER_H_
#define LIBCHAT_TESTING_WORLD_USER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/dialect.h"
#include "libchat/testing/hub_world.h"

namespace chat::testing {

class WorldUser final : private ClientHost {
 public:
  // Connects as `name`, and logs in; where that takes an account, it makes one first. `world`
  // outlives this.
  WorldUser(HubWorld& world, const Dialect& dialect, std::string name);

  const std::string& name() const { return name_; }
  const Dialect& dialect() const { return dialect_; }
  ClientTraits traits() const { return dialect_.client_traits(); }
  // Valid as long as this.
  ClientSession& session() { return *session_; }
  // True until the session has said that it is over.
  bool well() const { return next_ == Next::kMore; }

  // Carries bytes both ways; true if there were any.
  bool Exchange();
  std::vector<ClientEvent> TakeEvents() { return std::exchange(events_, {}); }

 private:
  void Send(absl::string_view bytes) override;
  void OnClientEvent(ClientEvent event) override { events_.push_back(std::move(event)); }

  HubWorld& world_;
  const Dialect& dialect_;
  const std::string name_;
  const std::unique_ptr<ClientSession> session_;
  std::string to_server_;
  std::string from_server_;  // not consumed yet
  Next next_ = Next::kMore;
  std::vector<ClientEvent> events_;
};

// Carries bytes between the world and all of them until there are none.
void ExchangeAll(const std::vector<WorldUser*>& users);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_WORLD_USER_H_
