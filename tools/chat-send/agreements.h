// Asks other users for what a dialect wants agreed before they can be written to.

#ifndef TOOLS_CHAT_SEND_AGREEMENTS_H_
#define TOOLS_CHAT_SEND_AGREEMENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "libchat/client/signal.h"
#include "libchat/dialect/client_session.h"

namespace chat::tools {

// What was agreed on with whom, on one connection to the server.
//
// Thread safety: none; it lives on its executor's one thread, and outlives Ask.
class Agreements {
 public:
  explicit Agreements(asio::any_io_executor executor) : executor_(executor), changed_(executor) {}

  // From now on `session`, which is logged in, speaks to the server; null: none does. Nothing is
  // agreed on with anybody.
  void Use(ClientSession* session);

  // What the server says. What is about something else is ignored.
  void OnEvent(const ClientEvent& event);

  // True if `user` and this user can exchange private messages (kTalk); for kDirect, if it listens
  // for a connection that has not been taken.
  bool Has(RequestKind kind, const std::string& user) const;

  // Where `user` listens, once.
  std::optional<DirectAddress> TakeAddress(const std::string& user);

  // Asks `user`, unless it has agreed already, and waits for the answer. `reason` is shown to it
  // where the dialect has a place for that; what is not text is left out.
  //   kPermissionDenied  refused
  //   kNotFound          there is no such user
  //   kDeadlineExceeded  no answer within `timeout`
  //   kUnavailable       the session has ended
  //   as ClientSession::Ask, except kResourceExhausted: then it waits for its turn
  asio::awaitable<absl::Status> Ask(RequestKind kind, std::string user, std::string reason,
                                    absl::Duration timeout);

 private:
  enum class State { kAsked, kAgreed, kRefused, kAbsent };
  struct Agreement {
    State state = State::kAsked;
    DirectAddress at;
  };
  using Key = std::pair<RequestKind, std::string>;  // the user as it is shown

  void Settle(RequestKind kind, const User& user, Agreement answer);
  // The question is not open: asks it, if it may be asked now.
  absl::Status AskNow(const Key& key, absl::string_view reason);

  const asio::any_io_executor executor_;
  client::Signal changed_;
  ClientSession* session_ = nullptr;
  int64_t sessions_ = 0;
  std::map<Key, Agreement> agreements_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_AGREEMENTS_H_
