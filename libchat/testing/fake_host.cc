#include "libchat/testing/fake_host.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chat::testing {
namespace {

std::string Quoted(absl::string_view bytes) {
  return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
}

// "127.0.0.1:7000 id 5", IPv6 in hex.
std::string Shown(const DirectAddress& at) {
  std::string address;
  if (at.address.size() == 4) {
    for (char byte : at.address) {
      absl::StrAppend(&address, address.empty() ? "" : ".", static_cast<unsigned char>(byte));
    }
  } else {
    address = absl::BytesToHexString(at.address);
  }
  return absl::StrCat(address, ":", at.port, " id ", at.id);
}

// "5 (6 at 127.0.0.1:7773)"
std::string Shown(const MergeOffer& offer) {
  std::string siblings;
  for (const Sibling& sibling : offer.siblings) {
    absl::StrAppend(&siblings, siblings.empty() ? "" : ", ", sibling.id, " at ", sibling.ipv4 >> 24,
                    ".", (sibling.ipv4 >> 16) & 255, ".", (sibling.ipv4 >> 8) & 255, ".",
                    sibling.ipv4 & 255, ":", sibling.port);
  }
  return absl::StrCat(offer.id, " (", siblings.empty() ? "none" : siblings, ")");
}

}  // namespace

std::vector<std::string> FakeHost::TakeCalls() { return std::exchange(calls, {}); }
std::string FakeHost::TakeSent() { return std::exchange(sent, {}); }

void FakeHost::Send(absl::string_view bytes) { absl::StrAppend(&sent, bytes); }

LoginResult FakeHost::Login(absl::string_view name) {
  user_ = std::string(name);
  calls.push_back(absl::StrCat("Login ", absl::CHexEscape(name)));
  return login;
}

void FakeHost::Authenticate(absl::string_view name, absl::string_view password, Takeover takeover) {
  user_ = std::string(name);
  calls.push_back(absl::StrCat("Authenticate ", absl::CHexEscape(name), " ", Quoted(password),
                               takeover == Takeover::kTakeover ? " takeover" : ""));
}

void FakeHost::Register(absl::string_view name, absl::string_view password) {
  calls.push_back(absl::StrCat("Register ", absl::CHexEscape(name), " ", Quoted(password)));
}

void FakeHost::Publish(Text body) {
  calls.push_back(absl::StrCat("Publish ", Quoted(body.bytes())));
}

Delivery FakeHost::SendPrivate(UserRef to, Text body) {
  if (to.name == user_ && (to.server == 0 || to.server == server_id)) {
    to_itself.push_back(std::string(body.bytes()));
    return private_delivery;
  }
  calls.push_back(absl::StrCat("SendPrivate ", Display(to), " ", Quoted(body.bytes())));
  return private_delivery;
}

Delivery FakeHost::SendInTalk(TalkNumber talk, UserRef to, Text body) {
  calls.push_back(absl::StrCat("SendInTalk ", talk, " ", Display(to), " ", Quoted(body.bytes())));
  return talk_delivery;
}

Delivery FakeHost::CloseTalk(TalkNumber talk, UserRef other) {
  calls.push_back(absl::StrCat("CloseTalk ", talk, " ", Display(other)));
  return talk_delivery;
}

Delivery FakeHost::SendFileChunk(const FileChunk& chunk) {
  calls.push_back(absl::StrCat("SendFileChunk ", Display(chunk.to), " transfer ", chunk.transfer,
                               " ", Quoted(chunk.name), " ", chunk.content.size(), " bytes of ",
                               chunk.chunks));
  return file_delivery;
}

Delivery FakeHost::RefuseFile(UserRef sender) {
  calls.push_back(absl::StrCat("RefuseFile ", Display(sender)));
  return file_refusal;
}

void FakeHost::AskToMerge(const MergeOffer& offer) {
  calls.push_back(absl::StrCat("AskToMerge ", Shown(offer)));
}

bool FakeHost::OnMergeAnswer(const MergeAnswer& answer) {
  calls.push_back(answer.accepted
                      ? absl::StrCat("OnMergeAnswer accepted by ", Shown(*answer.accepted))
                      : absl::StrCat("OnMergeAnswer refused ", static_cast<int>(answer.refusal)));
  return merge_answer_taken;
}

bool FakeHost::Forward(const Event& event) {
  calls.push_back(absl::StrCat("Forward ", ToString(event)));
  return forwarded;
}

void FakeHost::Acknowledge(int64_t number) {
  calls.push_back(absl::StrCat("Acknowledge ", number));
}

Delivery FakeHost::AcceptDirect(UserRef asker, const DirectAddress& at) {
  calls.push_back(absl::StrCat("AcceptDirect ", Display(asker), " ", Shown(at)));
  return answer_delivery;
}

Delivery FakeHost::Ask(RequestKind kind, UserRef to, Text reason) {
  calls.push_back(absl::StrCat("Ask ", ToString(kind), " ", Display(to)));
  if (!reason.bytes().empty()) absl::StrAppend(&calls.back(), " ", Quoted(reason.bytes()));
  return ask_delivery;
}

Delivery FakeHost::AnswerRequest(RequestKind kind, UserRef asker, bool accept) {
  calls.push_back(
      absl::StrCat("AnswerRequest ", ToString(kind), " ", Display(asker), accept ? " yes" : " no"));
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

void FakeDirectHost::Send(absl::string_view bytes) { absl::StrAppend(&sent, bytes); }

void FakeDirectHost::OnDirectEvent(DirectEvent event) { events.push_back(ToString(event)); }

}  // namespace chat::testing
