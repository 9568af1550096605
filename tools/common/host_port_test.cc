#include "tools/common/host_port.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

TEST(HostPortTest, ReadsWhatItWrites) {
  const std::pair<const char*, HostPort> kCases[] = {
      {"127.0.0.1:80", {"127.0.0.1", 80}},
      {"[::1]:7773", {"::1", 7773}},
      {"example.com:65535", {"example.com", 65535}},
      {"a:1", {"a", 1}},
  };
  for (const auto& [text, address] : kCases) {
    const absl::StatusOr<HostPort> parsed = ParseHostPort(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, address);
    EXPECT_EQ(ToString(address), text);
  }
}

TEST(HostPortTest, SaysWhatIsWrong) {
  for (const char* text : {"", "80", ":80", "[]:80", "[::1]80", "[::1]"}) {
    const absl::Status status = ParseHostPort(text).status();
    EXPECT_TRUE(absl::StrContains(status.message(), "want HOST:PORT")) << status;
  }
  for (const char* text : {"a:", "a:0", "a:65536", "a:x", "a:+1", "a: 1", "a:1 ", "::1:80"}) {
    const absl::Status status = ParseHostPort(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace chat::tools
