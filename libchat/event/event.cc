#include "libchat/event/event.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chat {
namespace {

constexpr size_t kShownBodyBytes = 64;

std::string Shown(UserRef user) { return absl::CHexEscape(Display(user)); }

std::string Shown(const OwnedText& body) {
  const absl::string_view bytes = body.bytes();
  if (bytes.size() <= kShownBodyBytes) return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
  return absl::StrCat("\"", absl::CHexEscape(bytes.substr(0, kShownBodyBytes)), "\"... (",
                      bytes.size(), " bytes)");
}

std::string Shown(TalkNumber talk) {
  return talk == kNoTalk ? "" : absl::StrCat(" (talk ", talk, ")");
}

absl::string_view Shown(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAccepted:
      return "accepted";
    case Verdict::kRefused:
      return "refused";
    case Verdict::kAbsent:
      return "absent";
    case Verdict::kFailed:
      return "failed";
  }
  return "unknown";
}

struct Printer {
  std::string operator()(const PrivateMessage& e) const {
    return absl::StrCat("PrivateMessage ", Shown(e.from), " -> ", Shown(e.to), ": ", Shown(e.body),
                        Shown(e.talk));
  }
  std::string operator()(const Request& e) const {
    std::string line =
        absl::StrCat("Request ", ToString(e.kind), " ", Shown(e.from), " -> ", Shown(e.to));
    if (!e.reason.bytes().empty()) absl::StrAppend(&line, ": ", Shown(e.reason));
    return line;
  }
  std::string operator()(const Answer& e) const {
    return absl::StrCat("Answer ", ToString(e.kind), " ", Shown(e.asker), " -> ", Shown(e.target),
                        ": ", Shown(e.verdict), e.grant == 0 ? "" : " grant ",
                        e.grant == 0 ? "" : absl::StrCat(e.grant),
                        e.direct ? absl::StrCat(" port ", e.direct->port) : "");
  }
  std::string operator()(const TalkClosed& e) const {
    return absl::StrCat("TalkClosed", Shown(e.talk), " by ", Shown(e.by));
  }
  std::string operator()(const Undelivered& e) const {
    return absl::StrCat("Undelivered to ", Shown(e.to),
                        e.from.name.empty() ? "" : absl::StrCat(" from ", Shown(e.from)),
                        e.no_server ? ": no such server" : "");
  }
  std::string operator()(const FileChunk& e) const {
    return absl::StrCat("FileChunk ", Shown(e.from), " -> ", Shown(e.to), ": transfer ", e.transfer,
                        " \"", absl::CHexEscape(e.name), "\" ", e.content.size(), " bytes of ",
                        e.chunks, " chunks");
  }
  std::string operator()(const Announcement& e) const {
    return absl::StrCat("Announcement by ", Shown(e.from), ": ", Shown(e.body));
  }
  std::string operator()(const MergeAnswer& e) const {
    if (e.accepted) return absl::StrCat("MergeAnswer: accepted by ", e.accepted->id);
    return absl::StrCat("MergeAnswer: refused, ", static_cast<int>(e.refusal));
  }
  std::string operator()(const Authenticated& e) const {
    return absl::StrCat("Authenticated: ", ToString(e.result));
  }
  std::string operator()(const Registered& e) const {
    return absl::StrCat("Registered: ", e.successful ? "successful" : "failed");
  }
  std::string operator()(const RelayClosing& e) const {
    return absl::StrCat("RelayClosing ", e.grant, " by ", Shown(e.by));
  }
  std::string operator()(const RelayEstablished&) const { return "RelayEstablished"; }
};

}  // namespace

absl::string_view ToString(RequestKind kind) {
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

absl::string_view ToString(LoginResult result) {
  switch (result) {
    case LoginResult::kAccepted:
      return "accepted";
    case LoginResult::kTaken:
      return "taken";
    case LoginResult::kNotAName:
      return "not a name";
    case LoginResult::kAlreadyIn:
      return "already in";
    case LoginResult::kReserved:
      return "reserved";
    case LoginResult::kNoAccount:
      return "no account";
    case LoginResult::kWrongPassword:
      return "wrong password";
    case LoginResult::kOverloaded:
      return "overloaded";
  }
  return "unknown";
}

std::string ToString(const Event& event) { return std::visit(Printer{}, event); }

}  // namespace chat
