#include "libchat/dialect/client_session.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chat {
namespace {

std::string Shown(const User& user) { return absl::CHexEscape(Display(user)); }

absl::string_view Shown(LoginRefused::Reason reason) {
  switch (reason) {
    case LoginRefused::Reason::kName:
      return "name";
    case LoginRefused::Reason::kTaken:
      return "taken";
    case LoginRefused::Reason::kPassword:
      return "password";
    case LoginRefused::Reason::kNoAccount:
      return "no account";
    case LoginRefused::Reason::kOther:
      return "other";
  }
  return "unknown";
}

absl::string_view Shown(Rejected::Reason reason) {
  switch (reason) {
    case Rejected::Reason::kNoSuchUser:
      return "no such user";
    case Rejected::Reason::kNotAllowed:
      return "not allowed";
    case Rejected::Reason::kTooLong:
      return "too long";
    case Rejected::Reason::kOther:
      return "other";
  }
  return "unknown";
}

struct Printer {
  std::string operator()(const LoggedIn&) const { return "LoggedIn"; }
  std::string operator()(const LoginRefused& e) const {
    return absl::StrCat("LoginRefused ", Shown(e.reason),
                        e.try_another_name ? ", try another name" : "");
  }
  std::string operator()(const Received& e) const {
    return absl::StrCat("Received ", Shown(e.from), " -> ",
                        e.is_private ? Shown(e.to) : std::string("everyone"), ": \"",
                        absl::CHexEscape(e.body), "\"");
  }
  std::string operator()(const Confirmed& e) const { return absl::StrCat("Confirmed ", e.token); }
  std::string operator()(const Rejected& e) const {
    return absl::StrCat("Rejected ", e.token, ": ", Shown(e.reason));
  }
  std::string operator()(const AccountMade&) const { return "AccountMade"; }
  std::string operator()(const AccountRefused&) const { return "AccountRefused"; }
  std::string operator()(const Replaced&) const { return "Replaced"; }
  std::string operator()(const Notice& e) const {
    return absl::StrCat("Notice: ", absl::CHexEscape(e.text));
  }
  std::string operator()(const FileChunkReceived& e) const {
    return absl::StrCat("FileChunkReceived ", Shown(e.from), ": transfer ", e.transfer, " \"",
                        absl::CHexEscape(e.name), "\" ", e.content.size(), " bytes of ", e.size);
  }
  std::string operator()(const Undeliverable& e) const {
    return absl::StrCat("Undeliverable: no such ", e.no_server ? "server" : "user");
  }
  std::string operator()(const Asked& e) const {
    return absl::StrCat("Asked for ", ToString(e.kind), " by ", Shown(e.from),
                        e.reason.empty() ? "" : ": ", absl::CHexEscape(e.reason));
  }
  std::string operator()(const Refused& e) const {
    return absl::StrCat("Refused ", ToString(e.kind), e.absent ? ", absent " : " by ",
                        Shown(e.target));
  }
  std::string operator()(const TalkOpened& e) const {
    return absl::StrCat("TalkOpened with ", Shown(e.peer));
  }
  std::string operator()(const TalkEnded& e) const {
    return absl::StrCat("TalkEnded with ", Shown(e.peer));
  }
  std::string operator()(const DirectGranted& e) const {
    return absl::StrCat("DirectGranted by ", Shown(e.peer), " port ", e.at.port, " id ", e.at.id);
  }
  std::string operator()(const RelayGranted& e) const {
    return absl::StrCat("RelayGranted ", Shown(e.asker), " -> ", Shown(e.target), " connect_id ",
                        e.connect_id);
  }
  std::string operator()(const RelayEnding& e) const {
    return absl::StrCat("RelayEnding by ", Shown(e.by));
  }
  std::string operator()(const RelayOpen&) const { return "RelayOpen"; }
};

absl::Status None(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("this dialect has no ", what));
}

absl::Status NoRequests(RequestKind kind) {
  switch (kind) {
    case RequestKind::kTalk:
      return None("talks");
    case RequestKind::kRelay:
      return None("relays");
    case RequestKind::kDirect:
      return None("direct connections");
  }
  return None("such requests");
}

}  // namespace

absl::Status ClientSession::LoginWithPassword(absl::string_view, absl::string_view) {
  return None("passwords");
}
absl::Status ClientSession::Register(absl::string_view, absl::string_view) {
  return None("registration");
}
absl::Status ClientSession::PresentTicket(int64_t) { return None("relays"); }
absl::Status ClientSession::SendPublic(SendToken, Text) { return None("messages to everyone"); }
absl::Status ClientSession::SendPrivate(SendToken, UserRef, Text) {
  return None("private messages through the server");
}
absl::Status ClientSession::SendFileChunk(UserRef, int32_t, absl::string_view, int64_t,
                                          absl::string_view) {
  return None("files through the server");
}
absl::Status ClientSession::Ask(RequestKind kind, UserRef, Text) { return NoRequests(kind); }
absl::Status ClientSession::Answer(RequestKind kind, UserRef, bool) { return NoRequests(kind); }
absl::Status ClientSession::AcceptDirect(UserRef, const DirectAddress&) {
  return NoRequests(RequestKind::kDirect);
}
absl::Status ClientSession::RefuseFile(UserRef) { return None("refusals of files"); }
absl::Status ClientSession::CloseTalk(UserRef) { return NoRequests(RequestKind::kTalk); }
absl::Status ClientSession::CloseRelay(const RelayGranted&) {
  return NoRequests(RequestKind::kRelay);
}

std::string ToString(const ClientEvent& event) { return std::visit(Printer{}, event); }

}  // namespace chat
