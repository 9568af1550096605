#include "tools/chat-tunnel/flags.h"

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/toy_dialect.h"
#include "tools/common/exit_codes.h"
#include "tools/common/settings.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Outcome {
  std::optional<TunnelFlags> flags;
  ExitCode exit_code = kExitOk;
  std::string err;
};

Outcome Read(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "chat-tunnel");
  std::vector<const Dialect*> dialects = AllDialects();
  dialects.push_back(&testing::ToyDialect());
  std::ostringstream out;
  std::ostringstream err;
  const Surroundings surroundings{[](const char*) -> const char* { return nullptr; }, out, err};
  Outcome outcome;
  outcome.flags = ReadTunnelFlags(static_cast<int>(arguments.size()), arguments.data(), dialects,
                                  surroundings, &outcome.exit_code);
  outcome.err = err.str();
  return outcome;
}

TEST(TunnelFlags, Stdio) {
  const Outcome outcome = Read({"-u", "ann", "-W", "bob"});
  ASSERT_TRUE(outcome.flags) << outcome.err;
  EXPECT_EQ(outcome.flags->options.stdio_to, (Destination{User("bob"), ""}));
  EXPECT_EQ(outcome.flags->account.login.name, "ann");
  EXPECT_EQ(outcome.flags->options.request_timeout, absl::Seconds(10));
  EXPECT_FALSE(outcome.flags->options.json_log);
}

TEST(TunnelFlags, SeveralForwards) {
  const Outcome outcome = Read({"-L", "80:bob", "-L", "[::1]:0:carol", "--request-timeout=5s"});
  ASSERT_TRUE(outcome.flags) << outcome.err;
  EXPECT_THAT(outcome.flags->options.forwards,
              ElementsAre(Forward{"127.0.0.1", 80, {User("bob"), ""}, ""},
                          Forward{"::1", 0, {User("carol"), ""}, ""}));
  EXPECT_EQ(outcome.flags->options.request_timeout, absl::Seconds(5));
}

TEST(TunnelFlags, AcceptWithThoseWhoAreAllowed) {
  const Outcome outcome = Read({"--accept", "localhost:22", "--allow", "ann,bob", "--allow=carol"});
  ASSERT_TRUE(outcome.flags) << outcome.err;
  EXPECT_THAT(outcome.flags->options.services,
              ElementsAre(Service{"", {Target::Kind::kTcp, {"localhost", 22}, ""}}));
  EXPECT_TRUE(outcome.flags->options.allowed(User("carol")));
  EXPECT_FALSE(outcome.flags->options.allowed(User("dave")));
}

TEST(TunnelFlags, SeveralServices) {
  const Outcome outcome = Read({"-u", "bob", "--accept", "localhost:22", "--accept=web=[::1]:80",
                                "--accept=db=unix:/run/db", "--allow", "ann*", "--log=json"});
  ASSERT_TRUE(outcome.flags) << outcome.err;
  EXPECT_THAT(outcome.flags->options.services,
              ElementsAre(Service{"", {Target::Kind::kTcp, {"localhost", 22}, ""}},
                          Service{"web", {Target::Kind::kTcp, {"::1", 80}, ""}},
                          Service{"db", {Target::Kind::kUnix, {}, "/run/db"}}));
  EXPECT_TRUE(outcome.flags->options.allowed(User("ann2")));
  EXPECT_TRUE(outcome.flags->options.json_log);
}

TEST(TunnelFlags, MistakesAreUsageErrors) {
  const std::vector<std::vector<const char*>> mistakes = {
      {},
      {"-W", "bob", "-L", "80:bob"},
      {"-W", "bob", "--accept", "-"},
      {"-W", "two words"},
      {"-L", "bob"},
      {"--accept", "localhost:22"},
      {"--accept", "localhost:22", "--allow", ""},
      {"--accept", "localhost", "--allow", "ann"},
      {"--accept", "localhost:22", "--accept", "localhost:80", "--allow", "ann"},
      {"--accept", "a=localhost:22", "--accept", "a=localhost:80", "--allow", "ann"},
      {"--accept", "-", "--accept", "a=localhost:80", "--allow", "ann"},
      {"--accept", "a-long-name-for-a-service=localhost:22", "--allow", "ann", "-u", "bartholomew"},
      {"-L", "80:bob:8080"},
      {"-W", "bob/"},
      {"-W", "bob", "--log", "xml"},
      {"-W", "bob", "--max-streams", "0"},
      {"-W", "bob", "--request-timeout", "0"},
      {"-W", "bob", "-s", "nonsense://127.0.0.1"},
      {"-W", "bob", "-s", "chaton+tls://127.0.0.1"},
      {"-W", "bob", "extra"},
  };
  for (const std::vector<const char*>& arguments : mistakes) {
    const Outcome outcome = Read(arguments);
    EXPECT_FALSE(outcome.flags);
    EXPECT_EQ(outcome.exit_code, kExitUsage) << ::testing::PrintToString(arguments);
    EXPECT_NE(outcome.err, "");
  }
}

TEST(TunnelFlags, ADialectWithoutRelaysIsRefusedAtOnce) {
  const Outcome outcome = Read({"-s", "toy://127.0.0.1:1", "-W", "bob"});
  EXPECT_FALSE(outcome.flags);
  EXPECT_EQ(outcome.exit_code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("toy has no private connections"));
  for (const Dialect* dialect : AllDialects()) {
    if (dialect->client_traits().relays) {
      EXPECT_THAT(outcome.err, HasSubstr(std::string(dialect->name())));
    }
  }
}

}  // namespace
}  // namespace chat::tools
