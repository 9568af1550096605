// Where a server is and how to speak to it: SCHEME[+tls]://[USER@]HOST[:PORT][?OPTION=VALUE&...]

#ifndef LIBCHAT_CLIENT_URL_H_
#define LIBCHAT_CLIENT_URL_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/dialect.h"

namespace chat::client {

struct ServerUrl {
  const Dialect* dialect = nullptr;  // never null in a parsed URL
  bool tls = false;
  std::string user;  // empty if the URL names none
  std::string host;  // a name or an address; an IPv6 address stands here without its brackets
  uint16_t port = 0;
  DialectOptions options;  // as in the query; they have passed Dialect::CheckOptions
};

// Says which dialect a scheme (without "+tls") is, or null: FindDialect of the registry, which
// this library does not link.
using DialectLookup = absl::FunctionRef<const Dialect*(absl::string_view scheme)>;

// Parses `url`. The scheme is the dialect's name; a port that is not named is the dialect's first
// default; USER and the query are percent-decoded. InvalidArgument names what is wrong, a password
// included: secrets do not belong on a command line, so the message does not repeat it.
// `lowest_port` is 0 where port 0 means a free one of the system's choice: to listen on.
absl::StatusOr<ServerUrl> ParseServerUrl(absl::string_view url, DialectLookup dialects,
                                         uint16_t lowest_port = 1);

// The URL that names the same server, always with its port. For logs: the user is left out.
std::string ToString(const ServerUrl& url);

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_URL_H_
