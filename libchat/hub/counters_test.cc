#include "libchat/hub/counters.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat {
namespace {

constexpr size_t kCounters = static_cast<size_t>(Counter::kLast) + 1;
constexpr size_t kFaults = static_cast<size_t>(Fault::kLast) + 1;

TEST(CountersTest, EachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const auto& [name, value] : Counters().Values()) {
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
    EXPECT_FALSE(absl::StrContains(name, "unknown") && name != "fault_unknown_opcode") << name;
    for (char c : name) {
      EXPECT_TRUE(absl::ascii_islower(c) || c == '_') << name;
    }
    EXPECT_EQ(value, 0u) << name;
  }
  EXPECT_EQ(names.size(), kCounters + kFaults);
}

TEST(CountersTest, CountsEachByItself) {
  Counters counters;
  for (size_t i = 0; i < kCounters; ++i) counters.Add(static_cast<Counter>(i), i + 1);
  for (size_t i = 0; i < kFaults; ++i) {
    for (size_t n = 0; n <= i; ++n) counters.Add(static_cast<Fault>(i));
  }
  const CounterValues values = counters.Values();
  for (size_t i = 0; i < kCounters; ++i) {
    const Counter counter = static_cast<Counter>(i);
    EXPECT_EQ(counters.value(counter), i + 1);
    EXPECT_EQ(values[i], std::make_pair(std::string(CounterName(counter)), uint64_t{i + 1}));
  }
  for (size_t i = 0; i < kFaults; ++i) {
    const Fault fault = static_cast<Fault>(i);
    EXPECT_EQ(counters.value(fault), i + 1);
    EXPECT_EQ(values[kCounters + i],
              std::make_pair(absl::StrCat("fault_", CounterName(fault)), uint64_t{i + 1}));
  }
}

TEST(CountersTest, AddsOneUnlessToldOtherwise) {
  Counters counters;
  counters.Add(Counter::kLogins);
  counters.Add(Counter::kLogins);
  EXPECT_EQ(counters.value(Counter::kLogins), 2u);
}

}  // namespace
}  // namespace chat
