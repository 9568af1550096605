#include "tools/common/config_keys.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using ::testing::Contains;
using ::testing::IsSubsetOf;

// The long flags that a tool describes: where a line of its --help begins with flags, as in
// "  -s,--server URL".
std::set<std::string> FlagsOf(absl::string_view tool) {
  const testing::Result help =
      testing::RunProcess({testing::Runfile(absl::StrCat("tools/", tool, "/", tool)), "--help"});
  EXPECT_EQ(help.exit_code, 0) << help.err;
  std::set<std::string> flags;
  for (absl::string_view line : absl::StrSplit(help.out, '\n')) {
    line = absl::StripLeadingAsciiWhitespace(line);
    const absl::string_view names = line.substr(0, line.find(' '));
    if (names.empty() || names[0] != '-') continue;
    for (absl::string_view name : absl::StrSplit(names, ',')) {
      if (name.size() > 2 && name.substr(0, 2) == "--") flags.emplace(name.substr(2));
    }
  }
  // These three are not looked for in the file.
  for (const char* name : {"help", "version", "config"}) EXPECT_EQ(flags.erase(name), 1) << name;
  return flags;
}

TEST(ConfigKeys, AreTheSettingsOfTheToolsThatShareTheFile) {
  const std::set<std::string> keys(ConfigKeys().begin(), ConfigKeys().end());
  EXPECT_EQ(keys.size(), ConfigKeys().size()) << "a key stands there twice";
  std::set<std::string> flags;
  for (const char* tool : {"chat-send", "chat-listen", "chat-tunnel", "chat-admin"}) {
    const std::set<std::string> of_tool = FlagsOf(tool);
    EXPECT_THAT(of_tool, Contains("verbose")) << tool;
    EXPECT_THAT(of_tool, IsSubsetOf(keys)) << tool << " has a flag that config_keys.cc lacks";
    flags.insert(of_tool.begin(), of_tool.end());
  }
  EXPECT_THAT(keys, IsSubsetOf(flags)) << "no tool has this flag any more";
}

}  // namespace
}  // namespace chat::tools
