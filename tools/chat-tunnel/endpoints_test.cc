#include "tools/chat-tunnel/endpoints.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

TEST(ParseForward, ReadsAllForms) {
  const auto parse = [](absl::string_view text) { return ParseForward(text).value(); };
  const auto tcp = [](std::string bind, uint16_t port, User user, std::string service = "") {
    return Forward{std::move(bind), port, {std::move(user), std::move(service)}, ""};
  };
  EXPECT_EQ(parse("8080:bob"), tcp("127.0.0.1", 8080, User("bob")));
  EXPECT_EQ(parse("0:bob"), tcp("127.0.0.1", 0, User("bob")));
  EXPECT_EQ(parse("0.0.0.0:80:bob"), tcp("0.0.0.0", 80, User("bob")));
  EXPECT_EQ(parse("localhost:80:bob"), tcp("localhost", 80, User("bob")));
  EXPECT_EQ(parse("[::1]:80:bob"), tcp("::1", 80, User("bob")));
  EXPECT_EQ(parse("80:a:b"), tcp("127.0.0.1", 80, User("a:b")));
  EXPECT_EQ(parse("80:[bob]"), tcp("127.0.0.1", 80, User("[bob]")));
  EXPECT_EQ(parse("80:bob@7"), tcp("127.0.0.1", 80, User("bob", 7)));
  EXPECT_EQ(parse("65535:bob").port, 65535);
  EXPECT_EQ(parse("80:bob/web"), tcp("127.0.0.1", 80, User("bob"), "web"));
  EXPECT_EQ(parse("80:bob@7/web"), tcp("127.0.0.1", 80, User("bob", 7), "web"));
  EXPECT_EQ(parse("unix:/run/x:bob"), (Forward{"", 0, {User("bob"), ""}, "/run/x"}));
  EXPECT_EQ(parse("unix:a:b:bob/web"), (Forward{"", 0, {User("bob"), "web"}, "a:b"}));
}

TEST(ParseForward, RefusesEverythingElse) {
  const std::string long_path = "unix:/" + std::string(107, 'x') + ":bob";
  for (const char* text : {"",
                           "bob",
                           "8080",
                           "8080:",
                           ":8080:bob",
                           "65536:bob",
                           "-1:bob",
                           "99999999999:bob",
                           "::1:80:bob",
                           "[::1]80:bob",
                           "[]:80:bob",
                           "[::1:80:bob",
                           "host:http:bob",
                           "80:two words",
                           "80:a@b",
                           "80:bob/",
                           "80:/web",
                           "80:bob/a/two words",
                           "unix:",
                           "unix:/run/x",
                           "unix::bob",
                           "unix:/run/x:",
                           "80:bob/a-service-with-too-long-a-name",
                           long_path.c_str()}) {
    EXPECT_EQ(ParseForward(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

// As ssh has it: nobody means a user whose name ends with a port.
TEST(ParseForward, SaysHowAForwardIsWrittenHere) {
  for (const char* text : {"80:bob:8080", "8080:localhost:80", "127.0.0.1:80:bob:8080"}) {
    const absl::Status status = ParseForward(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find("--accept decides: write "), absl::string_view::npos) << status;
  }
  EXPECT_NE(ParseForward("80:bob:8080").status().message().find("write 80:bob, or 80:bob/NAME"),
            absl::string_view::npos);
}

TEST(ParseDestination, AServiceIsALoginOfItsOwn) {
  EXPECT_EQ(ParseDestination("bob").value().Login(), User("bob"));
  EXPECT_EQ(ParseDestination("bob/web").value().Login(), User("bob-web"));
  EXPECT_EQ(ParseDestination("bob@7/web").value().Login(), User("bob-web", 7));
  EXPECT_EQ(ToString(ParseDestination("bob@7/web").value()), "bob@7/web");
  EXPECT_EQ(ToString(ParseDestination("bob").value()), "bob");
}

TEST(ParseService, ReadsAllForms) {
  const auto parse = [](absl::string_view text) { return ParseService(text).value(); };
  const Target tcp{Target::Kind::kTcp, {"localhost", 22}, ""};
  EXPECT_EQ(parse("localhost:22"), (Service{"", tcp}));
  EXPECT_EQ(parse("ssh=localhost:22"), (Service{"ssh", tcp}));
  EXPECT_EQ(parse("ssh=[::1]:22"), (Service{"ssh", {Target::Kind::kTcp, {"::1", 22}, ""}}));
  EXPECT_EQ(parse("db=unix:/run/a=b"), (Service{"db", {Target::Kind::kUnix, {}, "/run/a=b"}}));
  EXPECT_EQ(parse("unix:/run/a=b"), (Service{"", {Target::Kind::kUnix, {}, "/run/a=b"}}));
  EXPECT_EQ(parse("-"), (Service{"", {Target::Kind::kStdio, {}, ""}}));
  EXPECT_EQ(parse("x=-"), (Service{"x", {Target::Kind::kStdio, {}, ""}}));
}

TEST(ParseService, RefusesEverythingElse) {
  for (const char* text : {"", "=localhost:22", "a b=localhost:22", "a/b=localhost:22",
                           "ssh=", "ssh=localhost", "ssh=unix:"}) {
    EXPECT_EQ(ParseService(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
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
