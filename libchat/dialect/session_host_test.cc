#include "libchat/dialect/session_host.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace chat {
namespace {

TEST(CounterNameTest, IsOneForEachFault) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Fault::kLast); ++i) {
    const std::string name(CounterName(static_cast<Fault>(i)));
    EXPECT_NE(name, "unknown") << i;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Fault::kLast) + 1);
}

}  // namespace
}  // namespace chat
