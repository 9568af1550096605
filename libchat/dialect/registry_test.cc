#include "libchat/dialect/registry.h"

#include <set>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace chat {
namespace {

TEST(RegistryTest, FindsEachDialectByItsName) {
  ASSERT_FALSE(AllDialects().empty());
  for (const Dialect* dialect : AllDialects()) EXPECT_EQ(FindDialect(dialect->name()), dialect);
  EXPECT_EQ(FindDialect("morse"), nullptr);
  EXPECT_EQ(FindDialect(""), nullptr);
}

TEST(RegistryTest, NoTwoDialectsShareADefaultPort) {
  std::set<uint16_t> ports;
  for (const Dialect* dialect : AllDialects()) {
    ASSERT_FALSE(dialect->default_listeners().empty()) << dialect->name();
    for (const DefaultListener& listener : dialect->default_listeners()) {
      EXPECT_TRUE(ports.insert(listener.port).second) << listener.port;
      EXPECT_TRUE(dialect->CheckOptions(listener.options).ok());
    }
  }
}

TEST(RegistryTest, EveryDialectRefusesAnOptionItDoesNotHave) {
  for (const Dialect* dialect : AllDialects()) {
    const absl::Status status = dialect->CheckOptions({{"no_such_option", "1"}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << dialect->name();
    EXPECT_NE(status.message().find("no_such_option"), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace chat
