#include "tools/common/host_port.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace chat::tools {
namespace {

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": ", what));
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(absl::string_view text) {
  constexpr absl::string_view kForm = "want HOST:PORT, or [IPV6]:PORT";
  const bool bracketed = absl::StartsWith(text, "[");
  const absl::string_view end = bracketed ? "]:" : ":";
  const size_t at = text.find(end);
  if (at == text.npos) return Wrong(text, kForm);
  const absl::string_view host = text.substr(bracketed, at - bracketed);
  if (host.empty()) return Wrong(text, kForm);
  const absl::string_view port = text.substr(at + end.size());
  uint32_t number = 0;
  const bool digits = !port.empty() && port.find_first_not_of("0123456789") == port.npos;
  if (!digits || !absl::SimpleAtoi(port, &number) || number < 1 || number > UINT16_MAX) {
    return Wrong(text, absl::StrCat("a port is a number from 1 to ", UINT16_MAX));
  }
  return HostPort{std::string(host), static_cast<uint16_t>(number)};
}

std::string ToString(const HostPort& address) {
  if (absl::StrContains(address.host, ':')) {
    return absl::StrCat("[", address.host, "]:", address.port);
  }
  return absl::StrCat(address.host, ":", address.port);
}

}  // namespace chat::tools
