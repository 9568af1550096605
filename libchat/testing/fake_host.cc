#include "libchat/testing/fake_host.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chat::testing {
namespace {

std::string Quoted(absl::string_view bytes) {
  return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
}

absl::string_view NameOf(RequestKind kind) {
  switch (kind) {
    case RequestKind::kTalk:
      return "talk";
    case RequestKind::kRelay:
      return "relay";
    case RequestKind::kDirect:
      return "direct";
  }
  return "unknown";
}

}  // namespace

std::vector<std::string> FakeHost::TakeCalls() { return std::exchange(calls, {}); }
std::string FakeHost::TakeSent() { return std::exchange(sent, {}); }

void FakeHost::Send(absl::string_view bytes) { absl::StrAppend(&sent, bytes); }

LoginResult FakeHost::Login(absl::string_view name) {
  calls.push_back(absl::StrCat("Login ", absl::CHexEscape(name)));
  return login;
}

void FakeHost::Publish(Text body) {
  calls.push_back(absl::StrCat("Publish ", Quoted(body.bytes())));
}

Delivery FakeHost::SendPrivate(UserRef to, Text body) {
  calls.push_back(absl::StrCat("SendPrivate ", Display(to), " ", Quoted(body.bytes())));
  return private_delivery;
}

Delivery FakeHost::Ask(RequestKind kind, UserRef to, Text reason) {
  calls.push_back(absl::StrCat("Ask ", NameOf(kind), " ", Display(to)));
  if (!reason.bytes().empty()) absl::StrAppend(&calls.back(), " ", Quoted(reason.bytes()));
  return ask_delivery;
}

Delivery FakeHost::AnswerRequest(RequestKind kind, UserRef asker, bool accept) {
  calls.push_back(
      absl::StrCat("AnswerRequest ", NameOf(kind), " ", Display(asker), accept ? " yes" : " no"));
  return answer_delivery;
}

TicketResult FakeHost::PresentTicket(int64_t connect_id) {
  calls.push_back(absl::StrCat("PresentTicket ", connect_id));
  return ticket;
}

Delivery FakeHost::CloseRelay(int64_t connect_id, UserRef other) {
  calls.push_back(absl::StrCat("CloseRelay ", connect_id, " ", Display(other)));
  return close_delivery;
}

void FakeHost::Count(Fault fault) { calls.push_back(absl::StrCat("Count ", CounterName(fault))); }

std::string FakeClientHost::TakeSent() { return std::exchange(sent, {}); }
std::vector<std::string> FakeClientHost::TakeEvents() { return std::exchange(events, {}); }

void FakeClientHost::Send(absl::string_view bytes) { absl::StrAppend(&sent, bytes); }

void FakeClientHost::OnClientEvent(ClientEvent event) { events.push_back(ToString(event)); }

}  // namespace chat::testing
