#include "tools/chat-tunnel/endpoints.h"

#include <sys/un.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace chat::tools {
namespace {

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": ", what));
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (!IsNumber(text) || !absl::SimpleAtoi(text, &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("a port is a number up to 65535, not \"", text, "\""));
  }
  return static_cast<uint16_t>(port);
}

// Takes "HOST:" or "[HOST]:" from the front of *text. False if it is not there, or HOST is empty.
bool ConsumeHost(absl::string_view* text, std::string* host) {
  const bool bracketed = absl::ConsumePrefix(text, "[");
  const absl::string_view end = bracketed ? "]:" : ":";
  const size_t at = text->find(end);
  if (at == text->npos || at == 0) return false;
  *host = std::string(text->substr(0, at));
  text->remove_prefix(at + end.size());
  return true;
}

absl::Status CheckPath(absl::string_view text, absl::string_view path) {
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.empty() && path.size() <= kLongest) return absl::OkStatus();
  return Wrong(text, absl::StrCat("a socket's path has 1 to ", kLongest, " bytes"));
}

// As ssh writes a forward, with a port of the other side: that user could not be meant.
absl::Status CheckNoPort(absl::string_view text, absl::string_view user) {
  const size_t colon = user.rfind(':');
  if (colon == user.npos || !IsNumber(user.substr(colon + 1))) return absl::OkStatus();
  const absl::string_view before = text.substr(0, text.size() - (user.size() - colon));
  return Wrong(text, absl::StrCat("no port is said for the other side, whose --accept decides: "
                                  "write ",
                                  before, ", or ", before,
                                  "/NAME for the service that it calls NAME=HOST:PORT"));
}

}  // namespace

std::string ServiceLogin(absl::string_view user, absl::string_view name) {
  return name.empty() ? std::string(user) : absl::StrCat(user, "-", name);
}

User Destination::Login() const { return User(ServiceLogin(user.name, service), user.server); }

absl::StatusOr<Destination> ParseDestination(absl::string_view text) {
  const size_t slash = text.find('/');
  absl::StatusOr<User> user = ParseUserName(text.substr(0, slash));
  if (!user.ok()) return user.status();
  Destination destination{*std::move(user), ""};
  if (slash == text.npos) return destination;
  destination.service = std::string(text.substr(slash + 1));
  const User login = destination.Login();
  if (destination.service.empty() || !IsName(login.name)) {
    return Wrong(text, absl::StrCat("want USER or USER/SERVICE; USER-SERVICE is a name of at most ",
                                    kMaxNameBytes, " bytes"));
  }
  return destination;
}

absl::StatusOr<Service> ParseService(absl::string_view text) {
  Service service;
  absl::string_view rest = text;
  // No target has '=' before its first colon.
  const size_t equals = text.find('=');
  if (equals != text.npos && equals < text.find(':')) {
    service.name = std::string(text.substr(0, equals));
    if (!IsName(service.name) || absl::StrContains(service.name, '/')) {
      return Wrong(text, "want NAME=TARGET, where NAME is one of a user and has no slash");
    }
    rest.remove_prefix(equals + 1);
  }
  absl::StatusOr<Target> target = ParseTarget(rest);
  if (!target.ok()) return target.status();
  service.target = *std::move(target);
  return service;
}

absl::StatusOr<Forward> ParseForward(absl::string_view text) {
  constexpr absl::string_view kForm =
      "want [BIND:]PORT:USER, an IPv6 address in brackets, or unix:PATH:USER";
  Forward forward;
  absl::string_view rest = text;
  absl::string_view user;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    // A path may hold colons, so the user stands behind the last one.
    const size_t colon = rest.rfind(':');
    if (colon == rest.npos) return Wrong(text, kForm);
    forward.bind.clear();
    forward.path = std::string(rest.substr(0, colon));
    user = rest.substr(colon + 1);
    if (absl::Status status = CheckPath(text, forward.path); !status.ok()) return status;
  } else {
    // A name may hold colons, a port comes before it: so this is read from the left.
    if (!IsNumber(rest.substr(0, rest.find(':'))) && !ConsumeHost(&rest, &forward.bind)) {
      return Wrong(text, kForm);
    }
    const size_t colon = rest.find(':');
    if (colon == rest.npos) return Wrong(text, kForm);
    const absl::StatusOr<uint16_t> port = ParsePort(rest.substr(0, colon));
    if (!port.ok()) return Wrong(text, port.status().message());
    forward.port = *port;
    user = rest.substr(colon + 1);
    if (absl::Status status = CheckNoPort(text, user); !status.ok()) return status;
  }
  absl::StatusOr<Destination> to = ParseDestination(user);
  if (!to.ok()) return to.status();
  forward.to = *std::move(to);
  return forward;
}

absl::StatusOr<Target> ParseTarget(absl::string_view text) {
  Target target;
  if (text == "-") return target;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    if (absl::Status status = CheckPath(text, rest); !status.ok()) return status;
    target.kind = Target::Kind::kUnix;
    target.path = std::string(rest);
    return target;
  }
  absl::StatusOr<HostPort> tcp = ParseHostPort(text);
  if (!tcp.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(tcp.status().message(), ", or unix:PATH, or -"));
  }
  target.kind = Target::Kind::kTcp;
  target.tcp = *std::move(tcp);
  return target;
}

std::string ToString(const Target& target) {
  switch (target.kind) {
    case Target::Kind::kTcp:
      return ToString(target.tcp);
    case Target::Kind::kUnix:
      return absl::StrCat("unix:", target.path);
    case Target::Kind::kStdio:
      break;
  }
  return "standard input and output";
}

std::string ToString(const Destination& destination) {
  const std::string user = Display(destination.user);
  return destination.service.empty() ? user : absl::StrCat(user, "/", destination.service);
}

}  // namespace chat::tools
