#include "libchat/client/url.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace chat::client {
namespace {

constexpr absl::string_view kTlsSuffix = "+tls";

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(what); }

// "%41b" is "Ab". Nothing if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const absl::string_view digits = text.substr(i + 1, 2);
    uint32_t byte = 0;
    if (digits.size() != 2 || !absl::ascii_isxdigit(digits[0]) ||
        !absl::ascii_isxdigit(digits[1]) || !absl::SimpleHexAtoi(digits, &byte)) {
      return std::nullopt;
    }
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (char c : text) {
    if (IsUnreserved(c)) {
      encoded += c;
    } else {
      absl::StrAppend(&encoded, "%", absl::AsciiStrToUpper(absl::BytesToHexString({&c, 1})));
    }
  }
  return encoded;
}

std::string Names(Dialects dialects) {
  return absl::StrJoin(dialects, ", ", [](std::string* out, const Dialect* dialect) {
    absl::StrAppend(out, dialect->name());
  });
}

absl::Status ParseScheme(absl::string_view scheme, Dialects dialects, ServerUrl& url) {
  url.tls = absl::ConsumeSuffix(&scheme, kTlsSuffix);
  for (const Dialect* dialect : dialects) {
    if (dialect->name() == scheme) url.dialect = dialect;
  }
  if (url.dialect != nullptr) return absl::OkStatus();
  return Bad(absl::StrCat("no such protocol: \"", scheme, "\"; there are: ", Names(dialects)));
}

absl::Status ParseUser(absl::string_view user, ServerUrl& url) {
  if (absl::StrContains(user, ':')) {
    return Bad("a password does not belong in a URL: other users of this machine can read it");
  }
  std::optional<std::string> decoded = PercentDecode(user);
  if (!decoded) return Bad(absl::StrCat("not percent-encoded: \"", user, "\""));
  if (decoded->empty()) return Bad("the URL has an empty user before '@'");
  url.user = *std::move(decoded);
  return absl::OkStatus();
}

absl::Status ParsePort(absl::string_view port, uint16_t lowest, ServerUrl& url) {
  uint32_t number = 0;
  const bool digits = !port.empty() && port.find_first_not_of("0123456789") == port.npos;
  if (!digits || !absl::SimpleAtoi(port, &number) || number < lowest || number > 65535) {
    return Bad(absl::StrCat("a port is a number from ", lowest, " to 65535, not \"", port, "\""));
  }
  url.port = static_cast<uint16_t>(number);
  return absl::OkStatus();
}

absl::Status ParseHost(absl::string_view host_port, uint16_t lowest_port, ServerUrl& url) {
  absl::string_view rest;
  if (absl::ConsumePrefix(&host_port, "[")) {
    const size_t bracket = host_port.find(']');
    if (bracket == host_port.npos) return Bad("'[' without ']'");
    url.host = std::string(host_port.substr(0, bracket));
    rest = host_port.substr(bracket + 1);
    if (!rest.empty() && rest[0] != ':') return Bad("only a port may follow ']'");
  } else {
    const size_t colon = std::min(host_port.find(':'), host_port.size());
    url.host = std::string(host_port.substr(0, colon));
    rest = host_port.substr(colon);
    if (absl::StrContains(rest.substr(std::min<size_t>(1, rest.size())), ':')) {
      return Bad(absl::StrCat("an IPv6 address stands in brackets: \"[", host_port, "]\""));
    }
  }
  if (url.host.empty()) return Bad("the URL names no host");
  if (url.host.find_first_of("/ \t\r\n\\") != std::string::npos) {
    return Bad(absl::StrCat("not a host: \"", url.host, "\""));
  }
  if (absl::ConsumePrefix(&rest, ":")) return ParsePort(rest, lowest_port, url);
  const std::vector<DefaultListener> defaults = url.dialect->default_listeners();
  if (defaults.empty()) return Bad(absl::StrCat(url.dialect->name(), " has no default port"));
  url.port = defaults.front().port;
  return absl::OkStatus();
}

absl::Status ParseQuery(absl::string_view query, ServerUrl& url) {
  for (absl::string_view pair : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> halves =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    std::optional<std::string> name = PercentDecode(halves.first);
    std::optional<std::string> value = PercentDecode(halves.second);
    if (!name || !value) return Bad(absl::StrCat("not percent-encoded: \"", pair, "\""));
    if (!url.options.emplace(*name, *std::move(value)).second) {
      return Bad(absl::StrCat("the option \"", *name, "\" is given twice"));
    }
  }
  return url.dialect->CheckOptions(url.options);
}

// A port says nothing of its protocol, so it cannot stand where the scheme is a default.
// `host_port` is the end of `text`, and is parsed later.
absl::Status CheckPortNeedsScheme(absl::string_view host_port, Dialects dialects,
                                  absl::string_view text) {
  const size_t bracket = host_port.rfind(']');
  const absl::string_view behind =
      bracket == host_port.npos ? host_port : host_port.substr(bracket + 1);
  // More than one colon is an IPv6 address without brackets, which has its own words.
  if (std::count(behind.begin(), behind.end(), ':') != 1) return absl::OkStatus();
  const auto with_scheme = [text](std::string* out, const Dialect* dialect) {
    absl::StrAppend(out, dialect->name(), "://", text);
  };
  return Bad(absl::StrCat(
      "\"", text, "\": a port needs its protocol: ", absl::StrJoin(dialects, ", ", with_scheme)));
}

// The dialect, other than `mine`, that listens on `port` by default; null if none does.
const Dialect* OwnerOf(uint16_t port, const Dialect& mine, Dialects dialects) {
  const Dialect* owner = nullptr;
  for (const Dialect* dialect : dialects) {
    for (const DefaultListener& listener : dialect->default_listeners()) {
      if (listener.port != port) continue;
      if (dialect == &mine) return nullptr;
      owner = dialect;
    }
  }
  return owner;
}

}  // namespace

absl::StatusOr<ServerUrl> ParseServerUrl(absl::string_view text, Dialects dialects,
                                         absl::string_view default_scheme, uint16_t lowest_port) {
  const size_t scheme_end = text.find("://");
  const bool has_scheme = scheme_end != text.npos;
  if (text.empty() || (!has_scheme && default_scheme.empty())) {
    return Bad("a server is named SCHEME://[USER@]HOST[:PORT]");
  }
  const absl::string_view scheme = has_scheme ? text.substr(0, scheme_end) : default_scheme;
  absl::string_view authority = has_scheme ? text.substr(scheme_end + 3) : text;
  absl::string_view query;
  if (const size_t mark = authority.find('?'); mark != authority.npos) {
    query = authority.substr(mark + 1);
    authority = authority.substr(0, mark);
  }
  absl::ConsumeSuffix(&authority, "/");

  ServerUrl url;
  if (absl::Status status = ParseScheme(scheme, dialects, url); !status.ok()) return status;
  if (const size_t at = authority.rfind('@'); at != authority.npos) {
    if (absl::Status status = ParseUser(authority.substr(0, at), url); !status.ok()) return status;
    authority.remove_prefix(at + 1);
  }
  if (!has_scheme) {
    absl::Status status = CheckPortNeedsScheme(authority, dialects, text);
    if (!status.ok()) return status;
  }
  if (absl::Status status = ParseHost(authority, lowest_port, url); !status.ok()) return status;
  if (absl::Status status = ParseQuery(query, url); !status.ok()) return status;
  url.port_of = OwnerOf(url.port, *url.dialect, dialects);
  return url;
}

std::string ToString(const ServerUrl& url) {
  const bool ipv6 = absl::StrContains(url.host, ':');
  std::string text = absl::StrCat(url.dialect->name(), url.tls ? kTlsSuffix : "", "://",
                                  ipv6 ? "[" : "", url.host, ipv6 ? "]" : "", ":", url.port);
  char separator = '?';
  for (const auto& [name, value] : url.options) {
    absl::StrAppend(&text, absl::string_view(&separator, 1), PercentEncode(name), "=",
                    PercentEncode(value));
    separator = '&';
  }
  return text;
}

}  // namespace chat::client
