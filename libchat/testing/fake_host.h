// Hosts that record what a session asks of them, and answer as a test tells them to.

#ifndef LIBCHAT_TESTING_FAKE_HOST_H_
#define LIBCHAT_TESTING_FAKE_HOST_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::testing {

// Records each call as a line: "Login alice", "Publish \"hi\"", "SendPrivate bob \"psst\"",
// "Ask relay bob", "AnswerRequest relay alice yes", "PresentTicket 42", "CloseRelay 42 bob",
// "Count spoofed_sender".
class FakeHost final : public SessionHost {
 public:
  // ---- What it answers ----
  LoginResult login = LoginResult::kAccepted;
  Delivery private_delivery = Delivery::kSent;
  Delivery ask_delivery = Delivery::kSent;
  Delivery answer_delivery = Delivery::kSent;
  Delivery close_delivery = Delivery::kSent;
  TicketResult ticket = TicketResult::kAccepted;
  // Throttled once so many calls are recorded.
  size_t throttled_after = std::numeric_limits<size_t>::max();

  // ---- What happened ----
  std::vector<std::string> calls;
  std::string sent;

  // Takes `calls` or `sent` away.
  std::vector<std::string> TakeCalls();
  std::string TakeSent();

  void Send(absl::string_view bytes) override;
  LoginResult Login(absl::string_view name) override;
  void Publish(Text body) override;
  Delivery SendPrivate(UserRef to, Text body) override;
  Delivery Ask(RequestKind kind, UserRef to, Text reason) override;
  Delivery AnswerRequest(RequestKind kind, UserRef asker, bool accept) override;
  TicketResult PresentTicket(int64_t connect_id) override;
  Delivery CloseRelay(int64_t connect_id, UserRef other) override;
  bool Throttled() const override { return calls.size() >= throttled_after; }
  void Count(Fault fault) override;
};

// Records the bytes sent and, as lines (ToString), the events.
class FakeClientHost final : public ClientHost {
 public:
  std::string sent;
  std::vector<std::string> events;

  std::string TakeSent();
  std::vector<std::string> TakeEvents();

  void Send(absl::string_view bytes) override;
  void OnClientEvent(ClientEvent event) override;
};

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_FAKE_HOST_H_
