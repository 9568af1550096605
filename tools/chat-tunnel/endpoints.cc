#include "tools/chat-tunnel/endpoints.h"

#include <sys/un.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
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

}  // namespace

absl::StatusOr<Forward> ParseForward(absl::string_view text) {
  constexpr absl::string_view kForm = "want [BIND:]PORT:USER, an IPv6 address in brackets";
  Forward forward;
  absl::string_view rest = text;
  // A name may hold colons, a port comes before it: so this is read from the left.
  if (!IsNumber(rest.substr(0, rest.find(':'))) && !ConsumeHost(&rest, &forward.bind)) {
    return Wrong(text, kForm);
  }
  const size_t colon = rest.find(':');
  if (colon == rest.npos) return Wrong(text, kForm);
  const absl::StatusOr<uint16_t> port = ParsePort(rest.substr(0, colon));
  if (!port.ok()) return Wrong(text, port.status().message());
  absl::StatusOr<User> user = ParseUserName(rest.substr(colon + 1));
  if (!user.ok()) return user.status();
  forward.port = *port;
  forward.user = *std::move(user);
  return forward;
}

absl::StatusOr<Target> ParseTarget(absl::string_view text) {
  Target target;
  if (text == "-") return target;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    if (rest.empty() || rest.size() >= sizeof(sockaddr_un::sun_path)) {
      return Wrong(text, absl::StrCat("a socket's path has 1 to ",
                                      sizeof(sockaddr_un::sun_path) - 1, " bytes"));
    }
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

}  // namespace chat::tools
