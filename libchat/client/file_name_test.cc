#include "libchat/client/file_name.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::client {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  const char* why;  // nullptr: it is fine
};

TEST(CheckFileName, TakesPlainNamesAlone) {
  const Case cases[] = {
      {"a", nullptr},
      {"photo.png", nullptr},
      {"archive.tar.gz", nullptr},
      {"a..b", nullptr},
      {"with a space", nullptr},
      {"photo.png;size=51187", nullptr},
      {"été ✓ 𝄞", nullptr},
      {std::string(255, 'x'), nullptr},
      {"", "empty"},
      {std::string(256, 'x'), "255 bytes"},
      {".", "begins with"},
      {"..", "begins with"},
      {".bashrc", "begins with"},
      {".chat-0.part", "begins with"},
      {"-rf", "begins with"},
      {"/etc/passwd", "'/'"},
      {"a/b", "'/'"},
      {"../x", "begins with"},
      {"a/../../x", "'/'"},
      {"a\\b", "'/'"},
      {"dir/", "'/'"},
      {std::string("a\0b", 3), "control"},
      {"a\nb", "control"},
      {"\x1b[31m", "control"},
      {"a\x7f", "control"},
      {"a\xC2\x80", "control"},  // C1, from U+0080
      {"a\xC2\x9F", "control"},  // to U+009F
      {"a\xC2\xA0", nullptr},
      {"a\u061C", "control"},
      {"a\u200E", "control"},
      {"a\u200F", "control"},
      {"a\u202A", "control"},
      {"exe\u202Egpj.png", "control"},
      {"a\u2066", "control"},
      {"a\u2069", "control"},
      {"a\u206A", nullptr},
      {"a\xFF", "UTF-8"},
      {"a\xC3", "UTF-8"},                          // cut
      {"a\xC0\xAF", "UTF-8"},                      // '/' in a longer form than it needs
      {"a\xED\xA0\x80", "UTF-8"},                  // a surrogate
      {std::string(254, 'x') + "é", "255 bytes"},  // in bytes, not in characters
  };
  for (const Case& c : cases) {
    const absl::Status status = CheckFileName(c.name);
    if (c.why == nullptr) {
      EXPECT_EQ(status, absl::OkStatus()) << c.name;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.why)) << c.name;
  }
}

}  // namespace
}  // namespace chat::client
