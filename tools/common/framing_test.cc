#include "tools/common/framing.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using Messages = std::vector<std::string>;

// What comes out if `input` arrives in pieces of `step` bytes.
Messages Split(absl::string_view delimiter, absl::string_view input, size_t step) {
  Splitter splitter{std::string(delimiter)};
  Messages messages;
  const auto take = [&] {
    while (std::optional<absl::string_view> message = splitter.Next()) {
      messages.emplace_back(*message);
    }
  };
  for (; !input.empty(); input.remove_prefix(std::min(step, input.size()))) {
    splitter.Append(input.substr(0, step));
    take();
  }
  splitter.End();
  take();
  return messages;
}

struct Case {
  absl::string_view delimiter;
  absl::string_view input;
  Messages messages;
};

TEST(Splitter, CutsAtDelimitersHoweverTheBytesCome) {
  const Case kCases[] = {
      {"\n", "", {}},
      {"\n", "one\ntwo\n", {"one", "two"}},
      {"\n", "one\ntwo", {"one", "two"}},
      {"\n", "\n", {""}},
      {"\n", "\n\na\n\n", {"", "", "a", ""}},
      {"\n", " one \r\n\ttwo", {" one \r", "\ttwo"}},
      {{"\0", 1}, {"one\ntwo\0three\0", 14}, {"one\ntwo", "three"}},
      {"--", "a--b---c--", {"a", "b", "-c"}},
      {"--", "a-", {"a-"}},
      {"\r\n\r\n", "a\r\n\r\r\n\r\nb\r\n", {"a\r\n\r", "b\r\n"}},
      {"", "one\ntwo\n", {"one\ntwo\n"}},
      {"", "", {""}},
  };
  for (const Case& c : kCases) {
    for (size_t step = 1; step <= c.input.size() + 1; ++step) {
      EXPECT_EQ(Split(c.delimiter, c.input, step), c.messages) << c.input << " by " << step;
    }
  }
}

TEST(Splitter, SaysWhenAMessageDoesNotEnd) {
  Splitter splitter("\n");
  const std::string megabyte(1024 * 1024, 'x');
  splitter.Append("short\n");
  EXPECT_EQ(splitter.Next(), "short");
  for (int i = 0; i < 16; ++i) splitter.Append(megabyte);
  EXPECT_EQ(splitter.Next(), std::nullopt);
  EXPECT_FALSE(splitter.overflowed());
  splitter.Append("x");
  EXPECT_TRUE(splitter.overflowed());
}

}  // namespace
}  // namespace chat::tools
