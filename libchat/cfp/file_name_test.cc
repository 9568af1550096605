#include "libchat/cfp/file_name.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::cfp {
namespace {

TEST(ChunksOfTest, RoundsUp) {
  EXPECT_EQ(ChunksOf(0), 1);
  EXPECT_EQ(ChunksOf(1), 1);
  EXPECT_EQ(ChunksOf(1024), 1);
  EXPECT_EQ(ChunksOf(1025), 2);
  EXPECT_EQ(ChunksOf(51187), 50);
  EXPECT_EQ(ChunksOf(kMaxFileBytes - 1024), INT32_MAX - 1);
  EXPECT_EQ(ChunksOf(kMaxFileBytes), INT32_MAX);
}

TEST(WireFileNameTest, HasTheSizeWhereTheChunksDoNotSayIt) {
  EXPECT_EQ(WireFileName("photo.png", 51187), "photo.png;size=51187");
  EXPECT_EQ(WireFileName("photo.png", 51200), "photo.png");
  EXPECT_EQ(WireFileName("photo.png", 1023), "photo.png;size=1023");
  EXPECT_EQ(WireFileName("photo.png", 1024), "photo.png");
  EXPECT_EQ(WireFileName("photo.png", 0), "photo.png;size=0");
}

TEST(WireFileNameTest, KeepsANameThatEndsLikeAMark) {
  // One chunk, which "odd;size=5" would be cut to 5 bytes of.
  EXPECT_EQ(WireFileName("odd;size=5", 1024), "odd;size=5;size=1024");
  // Two chunks: nobody would take it for a mark.
  EXPECT_EQ(WireFileName("odd;size=5", 2048), "odd;size=5");
  EXPECT_EQ(WireFileName("odd;size=5", 5), "odd;size=5;size=5");
}

TEST(ParseWireFileNameTest, TakesTheMarkOff) {
  const struct {
    const char* wire_name;
    int32_t chunks;
    const char* name;
    int64_t size;
  } kCases[] = {
      {"photo.png;size=51187", 50, "photo.png", 51187},
      {"photo.png", 50, "photo.png", 51200},
      {"photo.png;size=0", 1, "photo.png", 0},
      {"photo.png;size=1024", 1, "photo.png", 1024},
      {"a;size=7;size=5", 1, "a;size=7", 5},
      {";size=5", 1, "", 5},
      // Marks that do not fit the chunks, or are none.
      {"photo.png;size=51187", 49, "photo.png;size=51187", 50176},
      {"photo.png;size=51187", 51, "photo.png;size=51187", 52224},
      {"photo.png;size=", 1, "photo.png;size=", 1024},
      {"photo.png;size=-5", 1, "photo.png;size=-5", 1024},
      {"photo.png;size=+5", 1, "photo.png;size=+5", 1024},
      {"photo.png;size=05", 1, "photo.png;size=05", 1024},
      {"photo.png;size=5 ", 1, "photo.png;size=5 ", 1024},
      {"photo.png;size=99999999999999999999", 1, "photo.png;size=99999999999999999999", 1024},
      {"photo.png;size=9223372036854775807", 1, "photo.png;size=9223372036854775807", 1024},
      {"photo.png;Size=5", 1, "photo.png;Size=5", 1024},
      {"", 1, "", 1024},
      {"x", INT32_MAX, "x", kMaxFileBytes},
  };
  for (const auto& c : kCases) {
    const NamedFile file = ParseWireFileName(c.wire_name, c.chunks);
    EXPECT_EQ(file.name, c.name) << c.wire_name;
    EXPECT_EQ(file.size, c.size) << c.wire_name;
  }
}

TEST(ParseWireFileNameTest, IsTheInverse) {
  for (const char* name : {"a", "a;size=0", "a;size=5", "a;size=1024", "a;size=1025;size=1026"}) {
    for (int64_t size : {int64_t{0}, int64_t{1}, int64_t{5}, int64_t{1023}, int64_t{1024},
                         int64_t{1025}, int64_t{2048}, kMaxFileBytes - 1, kMaxFileBytes}) {
      const std::string wire_name = WireFileName(name, size);
      const NamedFile file = ParseWireFileName(wire_name, ChunksOf(size));
      EXPECT_EQ(file.name, name) << size;
      EXPECT_EQ(file.size, size) << name;
    }
  }
}

TEST(IsFileTest, HoldsForTextsOfALimitedSizeWithChunks) {
  const std::string longest(kMaxPlainNameBytes, 'n');
  EXPECT_TRUE(IsFile("a.txt", 1));
  EXPECT_TRUE(IsFile("../not/safe", INT32_MAX));
  EXPECT_TRUE(IsFile(longest, 1));
  EXPECT_TRUE(IsFile(absl::StrCat(longest, ";size=5"), 1));
  EXPECT_TRUE(IsFile(absl::StrCat(longest, ";size=", kMaxFileBytes), INT32_MAX));
  EXPECT_EQ(absl::StrCat(longest, ";size=", kMaxFileBytes).size(), kMaxFileNameBytes);
  EXPECT_FALSE(IsFile("a.txt", 0));
  EXPECT_FALSE(IsFile("a.txt", -1));
  EXPECT_FALSE(IsFile("\xff", 1));
  EXPECT_FALSE(IsFile(absl::string_view("a\0", 2), 1));
  EXPECT_FALSE(IsFile(longest + "n", 1));
  EXPECT_FALSE(IsFile(absl::StrCat(longest, "n;size=5"), 1));
  EXPECT_FALSE(IsFile(absl::StrCat(longest, ";size=5"), 2));  // that is no mark
}

}  // namespace
}  // namespace chat::cfp
