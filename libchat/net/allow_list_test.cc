#include "libchat/net/allow_list.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace chat::net {
namespace {

AllowList List(const std::vector<std::string>& ranges) {
  const absl::StatusOr<AllowList> list = AllowList::Parse(ranges);
  EXPECT_TRUE(list.ok()) << list.status();
  return list.ok() ? *list : AllowList();
}

bool Allows(const AllowList& list, const char* address) {
  return list.Allows(asio::ip::make_address(address));
}

TEST(AllowListTest, AnEmptyOneAllowsNobody) {
  for (const AllowList& list : {AllowList(), List({})}) {
    EXPECT_FALSE(Allows(list, "127.0.0.1"));
    EXPECT_FALSE(Allows(list, "::1"));
  }
}

TEST(AllowListTest, AllowsWhatIsInOneOfItsRanges) {
  const AllowList list = List({"192.0.2.0/24", "198.51.100.7", "2001:db8::/33", "::1"});
  for (const char* in : {"192.0.2.0", "192.0.2.1", "192.0.2.255", "198.51.100.7", "2001:db8::1",
                         "2001:db8:7fff:ffff::", "::1"}) {
    EXPECT_TRUE(Allows(list, in)) << in;
  }
  for (const char* out : {"192.0.1.255", "192.0.3.0", "198.51.100.6", "198.51.100.8",
                          "2001:db8:8000::", "2001:db7::1", "::2", "c000:200::"}) {
    EXPECT_FALSE(Allows(list, out)) << out;
  }
}

TEST(AllowListTest, APrefixMayEndAnywhere) {
  EXPECT_TRUE(Allows(List({"10.128.0.0/9"}), "10.255.1.2"));
  EXPECT_FALSE(Allows(List({"10.128.0.0/9"}), "10.127.1.2"));
  EXPECT_TRUE(Allows(List({"10.1.2.4/30"}), "10.1.2.7"));
  EXPECT_FALSE(Allows(List({"10.1.2.4/30"}), "10.1.2.8"));
  EXPECT_TRUE(Allows(List({"10.1.2.4/32"}), "10.1.2.4"));
  EXPECT_FALSE(Allows(List({"10.1.2.4/32"}), "10.1.2.5"));
}

TEST(AllowListTest, Ipv4MappedIntoIpv6IsIpv4) {
  EXPECT_TRUE(Allows(List({"192.0.2.0/24"}), "::ffff:192.0.2.1"));
  EXPECT_TRUE(Allows(List({"::ffff:192.0.2.0/120"}), "192.0.2.1"));
  EXPECT_TRUE(Allows(List({"::ffff:192.0.2.1"}), "192.0.2.1"));
  EXPECT_FALSE(Allows(List({"::ffff:192.0.2.0/120"}), "192.0.3.1"));
  EXPECT_FALSE(Allows(List({"::/0"}), "::ffff:192.0.2.1"));
  EXPECT_FALSE(Allows(List({"0.0.0.0/0"}), "2001:db8::1"));
}

TEST(AllowListTest, AddressesThatAreNobodysOwnAreNeverAllowed) {
  const AllowList all = List({"0.0.0.0/0", "::/0"});
  EXPECT_TRUE(Allows(all, "1.0.0.0"));
  EXPECT_TRUE(Allows(all, "223.255.255.255"));
  EXPECT_TRUE(Allows(all, "2001:db8::1"));
  for (const char* refused :
       {"0.0.0.0", "0.1.2.3", "0.255.255.255", "224.0.0.1", "239.255.255.255", "255.255.255.255",
        "::", "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:255.255.255.255"}) {
    EXPECT_FALSE(Allows(all, refused)) << refused;
  }
}

TEST(AllowListTest, SaysWhatItCannotRead) {
  for (const char* bad :
       {"", "/8", "localhost", "10.0.0", "10.0.0.256", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.0/ 8", "10.0.0.0/8/8", "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/32",
        "fe80::1%1", "::ffff:10.0.0.0/95", "10.0.0.0 ", "[::1]"}) {
    const absl::StatusOr<AllowList> list = AllowList::Parse({bad});
    ASSERT_EQ(list.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_TRUE(absl::StrContains(list.status().message(), std::string("\"") + bad + "\""))
        << list.status();
  }
}

}  // namespace
}  // namespace chat::net
