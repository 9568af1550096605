#include "libchat/client/url.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/toy_dialect.h"

namespace chat::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Good {
  const char* url;
  bool tls;
  const char* user;
  const char* host;
  int port;
  DialectOptions options;
  const char* shown;
};

TEST(ParseServerUrl, TakesWhatIsWellFormed) {
  const Good kCases[] = {
      {"toy://localhost", false, "", "localhost", 7000, {}, "toy://localhost:7000"},
      {"toy://localhost/", false, "", "localhost", 7000, {}, "toy://localhost:7000"},
      {"toy+tls://a.example:1", true, "", "a.example", 1, {}, "toy+tls://a.example:1"},
      {"toy://bob@127.0.0.1:65535", false, "bob", "127.0.0.1", 65535, {}, "toy://127.0.0.1:65535"},
      {"toy://b%C3%A9b%40@h:1",
       false,
       "b\xC3\xA9"
       "b@",
       "h",
       1,
       {},
       "toy://h:1"},
      {"toy://[::1]", false, "", "::1", 7000, {}, "toy://[::1]:7000"},
      {"toy://x@[fe80::1]:22", false, "x", "fe80::1", 22, {}, "toy://[fe80::1]:22"},
      {"toy://h?color=red", false, "", "h", 7000, {{"color", "red"}}, "toy://h:7000?color=red"},
      {"toy://h:1?col%6fr=a%26b", false, "", "h", 1, {{"color", "a&b"}}, "toy://h:1?color=a%26b"},
      {"toy://h?color", false, "", "h", 7000, {{"color", ""}}, "toy://h:7000?color="},
      {"toy://h?", false, "", "h", 7000, {}, "toy://h:7000"},
      {"toy://h?color=a@b:c",
       false,
       "",
       "h",
       7000,
       {{"color", "a@b:c"}},
       "toy://h:7000?color=a%40b%3Ac"},
  };
  for (const Good& good : kCases) {
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(good.url, FindToy);
    ASSERT_TRUE(url.ok()) << good.url << ": " << url.status();
    EXPECT_EQ(url->dialect, &Toy()) << good.url;
    EXPECT_EQ(url->tls, good.tls) << good.url;
    EXPECT_EQ(url->user, good.user) << good.url;
    EXPECT_EQ(url->host, good.host) << good.url;
    EXPECT_EQ(url->port, good.port) << good.url;
    EXPECT_EQ(url->options, good.options) << good.url;
    EXPECT_EQ(ToString(*url), good.shown) << good.url;
  }
}

struct Refused {
  const char* url;
  const char* reason;
};

TEST(ParseServerUrl, NamesWhatIsWrong) {
  const Refused kCases[] = {
      {"", "SCHEME://"},
      {"localhost:7000", "SCHEME://"},
      {"other://h", "no such protocol: \"other\""},
      {"toy+ssl://h", "no such protocol: \"toy+ssl\""},
      {"TOY://h", "no such protocol"},
      {"toy://", "no host"},
      {"toy://:7000", "no host"},
      {"toy://[]:7000", "no host"},
      {"toy://@h", "empty user"},
      {"toy://a%4@h", "percent-encoded"},
      {"toy://a%zz@h", "percent-encoded"},
      {"toy://h:", "a port is a number from 1 to 65535"},
      {"toy://h:0", "a port is"},
      {"toy://h:65536", "a port is"},
      {"toy://h:+1", "a port is"},
      {"toy://h: 1", "a port is"},
      {"toy://h:7x", "a port is"},
      {"toy://::1", "an IPv6 address stands in brackets"},
      {"toy://[::1", "'[' without ']'"},
      {"toy://[::1]7", "only a port"},
      {"toy://h/path", "not a host"},
      {"toy://a b", "not a host"},
      {"toy://h?size=1", "no option size"},
      {"toy://h?color=1&color=2", "given twice"},
      {"toy://h?color=%1", "percent-encoded"},
  };
  for (const Refused& refused : kCases) {
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(refused.url, FindToy);
    ASSERT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << refused.url;
    EXPECT_THAT(std::string(url.status().message()), HasSubstr(refused.reason)) << refused.url;
  }
}

TEST(ParseServerUrl, TakesPort0ToListenOn) {
  const absl::StatusOr<ServerUrl> url = ParseServerUrl("toy://127.0.0.1:0", FindToy, 0);
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->port, 0);
}

TEST(ParseServerUrl, RefusesAPasswordWithoutRepeatingIt) {
  const absl::StatusOr<ServerUrl> url = ParseServerUrl("toy://bob:hunter2@h", FindToy);
  ASSERT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(url.status().message()), HasSubstr("password"));
  EXPECT_THAT(std::string(url.status().message()), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace chat::client
