// Addresses on a command line.

#ifndef TOOLS_COMMON_HOST_PORT_H_
#define TOOLS_COMMON_HOST_PORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

struct HostPort {
  std::string host;  // a name or an address; an IPv6 address stands here without its brackets
  uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "HOST:PORT" or "[IPV6]:PORT", with a port from 1. InvalidArgument says what is wrong.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

// "127.0.0.1:80", "[::1]:80".
std::string ToString(const HostPort& address);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_HOST_PORT_H_
