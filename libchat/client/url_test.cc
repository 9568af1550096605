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
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(good.url, Toys());
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
      {"other://h", "no such protocol: \"other\"; there are: toy"},
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
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(refused.url, Toys());
    ASSERT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << refused.url;
    EXPECT_THAT(std::string(url.status().message()), HasSubstr(refused.reason)) << refused.url;
  }
}

TEST(ParseServerUrl, ADefaultSchemeStandsForAMissingOne) {
  const Good kCases[] = {
      {"localhost", false, "", "localhost", 7000, {}, "toy://localhost:7000"},
      {"chat.example/", false, "", "chat.example", 7000, {}, "toy://chat.example:7000"},
      {"127.0.0.1", false, "", "127.0.0.1", 7000, {}, "toy://127.0.0.1:7000"},
      {"ann@h", false, "ann", "h", 7000, {}, "toy://h:7000"},
      {"a@b@h", false, "a@b", "h", 7000, {}, "toy://h:7000"},
      {"ann@[::1]", false, "ann", "::1", 7000, {}, "toy://[::1]:7000"},
      {"[::1]", false, "", "::1", 7000, {}, "toy://[::1]:7000"},
      {"h?color=a:b", false, "", "h", 7000, {{"color", "a:b"}}, "toy://h:7000?color=a%3Ab"},
      {"toy+tls://h:1", true, "", "h", 1, {}, "toy+tls://h:1"},
  };
  for (const Good& good : kCases) {
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(good.url, Toys(), "toy");
    ASSERT_TRUE(url.ok()) << good.url << ": " << url.status();
    EXPECT_EQ(url->dialect, &Toy()) << good.url;
    EXPECT_EQ(url->tls, good.tls) << good.url;
    EXPECT_EQ(url->user, good.user) << good.url;
    EXPECT_EQ(url->host, good.host) << good.url;
    EXPECT_EQ(url->options, good.options) << good.url;
    EXPECT_EQ(ToString(*url), good.shown) << good.url;
  }
}

TEST(ParseServerUrl, WithoutASchemeThereIsNoPort) {
  const Refused kCases[] = {
      {"127.0.0.1:27771", "\"127.0.0.1:27771\": a port needs its protocol: toy://127.0.0.1:27771"},
      {"ann@h:7", "\"ann@h:7\": a port needs its protocol: toy://ann@h:7"},
      {"[::1]:7", "\"[::1]:7\": a port needs its protocol: toy://[::1]:7"},
      {"h:", "\"h:\": a port needs its protocol"},
      {"::1", "an IPv6 address stands in brackets: \"[::1]\""},
      {"", "SCHEME://"},
      {"ann@", "no host"},
      {"@h", "empty user"},
      {"a b", "not a host"},
      {"http://h", "no such protocol: \"http\"; there are: toy"},
  };
  for (const Refused& refused : kCases) {
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(refused.url, Toys(), "toy");
    ASSERT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << refused.url;
    EXPECT_THAT(std::string(url.status().message()), HasSubstr(refused.reason)) << refused.url;
  }
  const absl::Status password = ParseServerUrl("bob:hunter2@h", Toys(), "toy").status();
  EXPECT_THAT(std::string(password.message()), HasSubstr("password"));
  EXPECT_THAT(std::string(password.message()), Not(HasSubstr("hunter2")));
}

// The toy under another name and with other ports.
class OtherDialect final : public ToyDialect {
 public:
  absl::string_view name() const override { return "other"; }
  std::vector<DefaultListener> default_listeners() const override {
    return {{7001, {}}, {7002, {}}, {7000, {}}};
  }
};

TEST(ParseServerUrl, KnowsWhosePortItIs) {
  static const OtherDialect other;
  const std::vector<const Dialect*> both = {&Toy(), &other};
  const auto port_of = [&](absl::string_view url) { return ParseServerUrl(url, both)->port_of; };
  EXPECT_EQ(port_of("toy://h:7001"), &other);
  EXPECT_EQ(port_of("toy://h:7002"), &other);
  EXPECT_EQ(port_of("toy://h"), nullptr);  // its own as well
  EXPECT_EQ(port_of("other://h:7000"), nullptr);
  EXPECT_EQ(port_of("toy://h:7003"), nullptr);
}

TEST(ParseServerUrl, TakesPort0ToListenOn) {
  const absl::StatusOr<ServerUrl> url = ParseServerUrl("toy://127.0.0.1:0", Toys(), "", 0);
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->port, 0);
}

TEST(ParseServerUrl, RefusesAPasswordWithoutRepeatingIt) {
  const absl::StatusOr<ServerUrl> url = ParseServerUrl("toy://bob:hunter2@h", Toys());
  ASSERT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(url.status().message()), HasSubstr("password"));
  EXPECT_THAT(std::string(url.status().message()), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace chat::client
