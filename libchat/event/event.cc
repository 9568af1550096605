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

absl::string_view Shown(RequestKind kind) {
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
    return absl::StrCat("PrivateMessage ", Shown(e.from), " -> ", Shown(e.to), ": ", Shown(e.body));
  }
  std::string operator()(const Request& e) const {
    std::string line =
        absl::StrCat("Request ", Shown(e.kind), " ", Shown(e.from), " -> ", Shown(e.to));
    if (!e.reason.bytes().empty()) absl::StrAppend(&line, ": ", Shown(e.reason));
    return line;
  }
  std::string operator()(const Answer& e) const {
    return absl::StrCat("Answer ", Shown(e.kind), " ", Shown(e.asker), " -> ", Shown(e.target),
                        ": ", Shown(e.verdict), e.grant == 0 ? "" : " grant ",
                        e.grant == 0 ? "" : absl::StrCat(e.grant));
  }
  std::string operator()(const RelayClosing& e) const {
    return absl::StrCat("RelayClosing ", e.grant, " by ", Shown(e.by));
  }
  std::string operator()(const RelayEstablished&) const { return "RelayEstablished"; }
};

}  // namespace

std::string ToString(const Event& event) { return std::visit(Printer{}, event); }

}  // namespace chat
