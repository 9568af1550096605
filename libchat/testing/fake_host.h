// Hosts that record what a session asks of them, and answer as a test tells them to.

#ifndef LIBCHAT_TESTING_FAKE_HOST_H_
#define LIBCHAT_TESTING_FAKE_HOST_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/direct_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::testing {

// Records each call as a line: "Login alice", "Publish \"hi\"", "SendPrivate bob \"psst\"",
// "SendInTalk 42 bob \"psst\"", "CloseTalk 42 bob", "Acknowledge 7", "Ask relay bob",
// "RefuseFile alice",
// "SendFileChunk bob transfer 3 \"a.txt\" 1024 bytes of 7", "AskToMerge 5 (6 at 127.0.0.1:7773)",
// "OnMergeAnswer accepted by 5 (none)", "OnMergeAnswer refused 1", "Forward " and the event,
// "AnswerRequest relay alice yes", "AcceptDirect alice 127.0.0.1:7000 id 5", "PresentTicket 42",
// "CloseRelay 42 bob", "Authenticate alice \"secret\" takeover", "Register alice \"secret\"",
// "Count spoofed_sender". But a private message of the user to itself is in `to_itself`.
class FakeHost final : public SessionHost {
 public:
  // ---- What it answers ----
  LoginResult login = LoginResult::kAccepted;
  Delivery private_delivery = Delivery::kSent;
  Delivery ask_delivery = Delivery::kSent;
  Delivery answer_delivery = Delivery::kSent;
  Delivery close_delivery = Delivery::kSent;
  Delivery file_delivery = Delivery::kSent;
  Delivery file_refusal = Delivery::kSent;
  int32_t server_id = 1000;
  bool merge_answer_taken = true;
  bool forwarded = true;
  Delivery talk_delivery = Delivery::kSent;  // SendInTalk and CloseTalk
  std::string peer_address = std::string("\x7f\0\0\x01", 4);
  TicketResult ticket = TicketResult::kAccepted;
  // Throttled once so many calls are recorded.
  size_t throttled_after = std::numeric_limits<size_t>::max();

  // ---- What happened ----
  std::vector<std::string> calls;
  std::vector<std::string> to_itself;
  std::string sent;

  // Takes `calls` or `sent` away.
  std::vector<std::string> TakeCalls();
  std::string TakeSent();

  void Send(absl::string_view bytes) override;
  LoginResult Login(absl::string_view name) override;
  void Authenticate(absl::string_view name, absl::string_view password, Takeover takeover) override;
  void Register(absl::string_view name, absl::string_view password) override;
  void Publish(Text body) override;
  Delivery SendPrivate(UserRef to, Text body) override;
  Delivery SendInTalk(TalkNumber talk, UserRef to, Text body) override;
  Delivery CloseTalk(TalkNumber talk, UserRef other) override;
  Delivery SendFileChunk(const FileChunk& chunk) override;
  Delivery RefuseFile(UserRef sender) override;
  void Acknowledge(int64_t number) override;
  int32_t ServerId() const override { return server_id; }
  void AskToMerge(const MergeOffer& offer) override;
  bool OnMergeAnswer(const MergeAnswer& answer) override;
  bool Forward(const Event& event) override;
  Delivery Ask(RequestKind kind, UserRef to, Text reason) override;
  Delivery AnswerRequest(RequestKind kind, UserRef asker, bool accept) override;
  Delivery AcceptDirect(UserRef asker, const DirectAddress& at) override;
  std::string PeerAddress() const override { return peer_address; }
  TicketResult PresentTicket(int64_t connect_id) override;
  Delivery CloseRelay(int64_t connect_id, UserRef other) override;
  bool Throttled() const override { return calls.size() >= throttled_after; }
  void Count(Fault fault) override;

  // The user who has tried to log in last.
  const std::string& user() const { return user_; }

 private:
  std::string user_;
};

// Records the bytes sent and, as lines (ToString), the events.
class FakeDirectHost final : public DirectHost {
 public:
  std::string sent;
  std::vector<std::string> events;

  void Send(absl::string_view bytes) override;
  void OnDirectEvent(DirectEvent event) override;
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
