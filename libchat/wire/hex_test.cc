#include "libchat/wire/hex.h"

#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace chat::wire {
namespace {

TEST(HexTest, ReadsEveryByteInEitherCase) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string digits = absl::BytesToHexString(std::string(1, static_cast<char>(byte)));
    EXPECT_EQ(HexByte(digits), static_cast<char>(byte)) << digits;
    EXPECT_EQ(HexByte(absl::AsciiStrToUpper(digits)), static_cast<char>(byte)) << digits;
  }
}

TEST(HexTest, LeavesWhatFollowsAlone) { EXPECT_EQ(HexByte("41zz"), 'A'); }

TEST(HexTest, WantsTwoDigits) {
  EXPECT_EQ(HexByte(""), std::nullopt);
  EXPECT_EQ(HexByte("4"), std::nullopt);
  EXPECT_EQ(HexByte(absl::string_view("4\0", 2)), std::nullopt);
  // The neighbours of the digits in ASCII, and a byte that is negative as a char.
  for (char wrong : {'/', ':', '@', 'G', '`', 'g', '-', ' ', '\xe9'}) {
    EXPECT_EQ(HexByte(std::string{wrong, '0'}), std::nullopt) << wrong;
    EXPECT_EQ(HexByte(std::string{'0', wrong}), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace chat::wire
