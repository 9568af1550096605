// Where a server is and how to speak to it:
//
//   SCHEME[+tls]://[USER@]HOST[:PORT][?OPTION=VALUE&...]    or, of a default scheme, [USER@]HOST

#ifndef LIBCHAT_CLIENT_URL_H_
#define LIBCHAT_CLIENT_URL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libchat/dialect/dialect.h"

namespace chat::client {

struct ServerUrl {
  const Dialect* dialect = nullptr;  // never null in a parsed URL
  bool tls = false;
  std::string user;  // empty if the URL names none
  std::string host;  // a name or an address; an IPv6 address stands here without its brackets
  uint16_t port = 0;
  DialectOptions options;  // as in the query; they have passed Dialect::CheckOptions
  // Another dialect whose default port this is, or null: who mistakes one for the other is told.
  const Dialect* port_of = nullptr;
};

// Those that a scheme can name: AllDialects of the registry, which this library does not link.
using Dialects = absl::Span<const Dialect* const>;

// Parses `url`. The scheme is the dialect's name; a port that is not named is the dialect's first
// default; USER and the query are percent-decoded. InvalidArgument names what is wrong, a password
// included: secrets do not belong on a command line, so the message does not repeat it.
// `default_scheme` is that of a URL without one, which has no port then: a port tells nobody which
// protocol it has. Empty: there has to be a scheme.
// `lowest_port` is 0 where port 0 means a free one of the system's choice: to listen on.
absl::StatusOr<ServerUrl> ParseServerUrl(absl::string_view url, Dialects dialects,
                                         absl::string_view default_scheme = "",
                                         uint16_t lowest_port = 1);

// The URL that names the same server, always with its port. For logs: the user is left out.
std::string ToString(const ServerUrl& url);

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_URL_H_
