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
  std::string operator()(const RelayAsked& e) const {
    return absl::StrCat("RelayAsked by ", Shown(e.from));
  }
  std::string operator()(const RelayGranted& e) const {
    return absl::StrCat("RelayGranted ", Shown(e.asker), " -> ", Shown(e.target), " connect_id ",
                        e.connect_id);
  }
  std::string operator()(const RelayRefused& e) const {
    return absl::StrCat("RelayRefused by ", Shown(e.target));
  }
  std::string operator()(const RelayEnding& e) const {
    return absl::StrCat("RelayEnding by ", Shown(e.by));
  }
  std::string operator()(const RelayOpen&) const { return "RelayOpen"; }
};

}  // namespace

std::string ToString(const ClientEvent& event) { return std::visit(Printer{}, event); }

}  // namespace chat
