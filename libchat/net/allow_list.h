// Which addresses may be merged with: mesh.allow_merge_from.

#ifndef LIBCHAT_NET_ALLOW_LIST_H_
#define LIBCHAT_NET_ALLOW_LIST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "asio/ip/address.hpp"

namespace chat::net {

// `address` as IPv4, also if it is mapped into IPv6.
std::optional<asio::ip::address_v4> AsV4(const asio::ip::address& address);

// Ranges of addresses. Those that can be nobody's own are in none: 0.0.0.0/8, multicast,
// 255.255.255.255 and ::.
//
// Thread safety: immutable.
class AllowList {
 public:
  // Allows nobody.
  AllowList() = default;

  // Of "192.0.2.0/24", "2001:db8::/32", or single addresses. IPv4 mapped into IPv6 means IPv4.
  // InvalidArgument names the range that is none, or that has bits set behind its prefix.
  static absl::StatusOr<AllowList> Parse(absl::Span<const std::string> ranges);

  bool Allows(const asio::ip::address& address) const;

 private:
  struct Range {
    asio::ip::address first;  // IPv4 unless it is beyond that
    unsigned prefix = 0;      // in bits of its family
  };

  static absl::StatusOr<Range> ParseRange(const std::string& text);

  std::vector<Range> ranges_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_ALLOW_LIST_H_
