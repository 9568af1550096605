#include "tools/chat-tunnel/endpoints.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

TEST(ParseForward, ReadsAllForms) {
  const auto parse = [](absl::string_view text) { return ParseForward(text).value(); };
  EXPECT_EQ(parse("8080:bob"), (Forward{"127.0.0.1", 8080, User("bob")}));
  EXPECT_EQ(parse("0:bob"), (Forward{"127.0.0.1", 0, User("bob")}));
  EXPECT_EQ(parse("0.0.0.0:80:bob"), (Forward{"0.0.0.0", 80, User("bob")}));
  EXPECT_EQ(parse("localhost:80:bob"), (Forward{"localhost", 80, User("bob")}));
  EXPECT_EQ(parse("[::1]:80:bob"), (Forward{"::1", 80, User("bob")}));
  EXPECT_EQ(parse("80:a:b"), (Forward{"127.0.0.1", 80, User("a:b")}));
  EXPECT_EQ(parse("80:[bob]"), (Forward{"127.0.0.1", 80, User("[bob]")}));
  EXPECT_EQ(parse("80:bob@7"), (Forward{"127.0.0.1", 80, User("bob", 7)}));
  EXPECT_EQ(parse("65535:bob").port, 65535);
}

TEST(ParseForward, RefusesEverythingElse) {
  for (const char* text : {"", "bob", "8080", "8080:", ":8080:bob", "65536:bob", "-1:bob",
                           "99999999999:bob", "::1:80:bob", "[::1]80:bob", "[]:80:bob",
                           "[::1:80:bob", "host:http:bob", "80:two words", "80:a@b"}) {
    EXPECT_EQ(ParseForward(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseTarget, ReadsAllForms) {
  const auto parse = [](absl::string_view text) { return ParseTarget(text).value(); };
  EXPECT_EQ(parse("-"), (Target{Target::Kind::kStdio, {}, ""}));
  EXPECT_EQ(parse("localhost:22"), (Target{Target::Kind::kTcp, {"localhost", 22}, ""}));
  EXPECT_EQ(parse("127.0.0.1:22"), (Target{Target::Kind::kTcp, {"127.0.0.1", 22}, ""}));
  EXPECT_EQ(parse("[::1]:22"), (Target{Target::Kind::kTcp, {"::1", 22}, ""}));
  EXPECT_EQ(parse("unix:/run/a:b"), (Target{Target::Kind::kUnix, {}, "/run/a:b"}));
}

TEST(ParseTarget, RefusesEverythingElse) {
  const std::string long_path = "unix:/" + std::string(107, 'x');
  for (const char* text : {"", "22", ":22", "host", "host:", "host:0", "host:70000", "host:ssh",
                           "::1:22", "[::1]", "[::1]22", "unix:", long_path.c_str()}) {
    EXPECT_EQ(ParseTarget(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseTarget, IsShownAsItIsWritten) {
  for (const char* text : {"localhost:22", "[::1]:22", "unix:/run/x"}) {
    EXPECT_EQ(ToString(ParseTarget(text).value()), text);
  }
  EXPECT_EQ(ToString(ParseTarget("-").value()), "standard input and output");
}

}  // namespace
}  // namespace chat::tools
