#include "libchat/net/allow_list.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chat::net {
namespace {

// A prefix of IPv4 mapped into IPv6 is so much longer.
constexpr unsigned kMappedBits = 96;

asio::ip::address Plain(const asio::ip::address& address) {
  const std::optional<asio::ip::address_v4> v4 = AsV4(address);
  return v4 ? asio::ip::address(*v4) : address;
}

std::string Bytes(const asio::ip::address& address) {
  const auto string = [](const auto& bytes) { return std::string(bytes.begin(), bytes.end()); };
  return address.is_v4() ? string(address.to_v4().to_bytes()) : string(address.to_v6().to_bytes());
}

bool Bit(const std::string& bytes, unsigned i) { return (bytes[i / 8] >> (7 - i % 8) & 1) != 0; }

bool NobodysOwn(const asio::ip::address& plain) {
  if (plain.is_multicast() || plain.is_unspecified()) return true;
  if (!plain.is_v4()) return false;
  return plain.to_v4().to_bytes()[0] == 0 || plain.to_v4() == asio::ip::address_v4::broadcast();
}

}  // namespace

std::optional<asio::ip::address_v4> AsV4(const asio::ip::address& address) {
  if (address.is_v4()) return address.to_v4();
  if (!address.to_v6().is_v4_mapped()) return std::nullopt;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

absl::StatusOr<AllowList> AllowList::Parse(absl::Span<const std::string> ranges) {
  AllowList list;
  for (const std::string& text : ranges) {
    absl::StatusOr<Range> range = ParseRange(text);
    if (!range.ok()) return range.status();
    list.ranges_.push_back(*std::move(range));
  }
  return list;
}

absl::StatusOr<AllowList::Range> AllowList::ParseRange(const std::string& text) {
  const auto invalid = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no range of addresses: ", why));
  };
  const size_t slash = text.find('/');
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(text.substr(0, slash), error);
  if (error || (address.is_v6() && address.to_v6().scope_id() != 0)) {
    return invalid("before the slash stands an IPv4 or IPv6 address");
  }
  const bool mapped = address.is_v6() && AsV4(address);
  Range range = {Plain(address), address.is_v4() ? 32u : 128u};
  if (slash != std::string::npos) {
    const std::string bits = text.substr(slash + 1);
    uint32_t prefix = 0;
    const bool digits = std::all_of(bits.begin(), bits.end(), absl::ascii_isdigit);
    if (!digits || !absl::SimpleAtoi(bits, &prefix) || prefix > range.prefix) {
      return invalid(absl::StrCat("behind the slash stands a number up to ", range.prefix));
    }
    range.prefix = prefix;
  }
  if (mapped) {
    if (range.prefix < kMappedBits) return invalid("IPv4 mapped into IPv6 has 96 bits or more");
    range.prefix -= kMappedBits;
  }
  const std::string bytes = Bytes(range.first);
  for (unsigned i = range.prefix; i < bytes.size() * 8; ++i) {
    if (Bit(bytes, i)) return invalid("there are bits set behind its prefix");
  }
  return range;
}

bool AllowList::Allows(const asio::ip::address& address) const {
  const asio::ip::address plain = Plain(address);
  if (NobodysOwn(plain)) return false;
  const std::string bytes = Bytes(plain);
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    const std::string first = Bytes(range.first);
    if (first.size() != bytes.size()) return false;
    for (unsigned i = 0; i < range.prefix; ++i) {
      if (Bit(first, i) != Bit(bytes, i)) return false;
    }
    return true;
  });
}

}  // namespace chat::net
