#include "libchat/wire/scanner.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::wire {
namespace {

using ::testing::ElementsAre;

constexpr size_t npos = DelimiterScanner::npos;

TEST(ScannerTest, FindsAByte) {
  DelimiterScanner scanner("\n");
  EXPECT_EQ(scanner.Find(""), npos);
  EXPECT_EQ(scanner.Find("ab"), npos);
  EXPECT_EQ(scanner.Find("abc\nd\n"), 3u);
}

TEST(ScannerTest, FindsNul) {
  DelimiterScanner scanner(absl::string_view("\0", 1));
  EXPECT_EQ(scanner.Find(absl::string_view("ab\0c", 4)), 2u);
}

TEST(ScannerTest, AskingAgainGivesTheSameAnswer) {
  DelimiterScanner scanner("\n");
  EXPECT_EQ(scanner.Find("ab\ncd"), 2u);
  EXPECT_EQ(scanner.Find("ab\ncd"), 2u);
  EXPECT_EQ(scanner.Find("ab\ncd\n"), 2u);
}

// The bytes that were looked at are not read again: changing them changes nothing.
TEST(ScannerTest, DoesNotLookTwice) {
  DelimiterScanner scanner("\n");
  EXPECT_EQ(scanner.Find("abc"), npos);
  EXPECT_EQ(scanner.scanned(), 3u);
  EXPECT_EQ(scanner.Find("\n\n\nd"), npos);
  EXPECT_EQ(scanner.scanned(), 4u);
  EXPECT_EQ(scanner.Find("\n\n\n\n\n"), 4u);
}

TEST(ScannerTest, LooksAgainOnlyWhereADelimiterMayHaveBegun) {
  DelimiterScanner scanner("\r\n.\r\n");
  EXPECT_EQ(scanner.Find("abcdefgh"), npos);
  EXPECT_EQ(scanner.scanned(), 4u);
  EXPECT_EQ(scanner.Find("abcdefgh\r\n."), npos);
  EXPECT_EQ(scanner.scanned(), 7u);
  EXPECT_EQ(scanner.Find("abcdefgh\r\n.\r\n"), 8u);
}

TEST(ScannerTest, ABufferShorterThanTheDelimiter) {
  DelimiterScanner scanner("\r\n");
  EXPECT_EQ(scanner.Find(""), npos);
  EXPECT_EQ(scanner.Find("\r"), npos);
  EXPECT_EQ(scanner.scanned(), 0u);
  EXPECT_EQ(scanner.Find("\r\n"), 0u);
}

TEST(ScannerTest, ADelimiterThatRepeatsItself) {
  DelimiterScanner scanner("aab");
  EXPECT_EQ(scanner.Find("aa"), npos);
  EXPECT_EQ(scanner.Find("aaa"), npos);
  EXPECT_EQ(scanner.Find("aaab"), 1u);
}

TEST(ScannerTest, AdvancePastTheDelimiter) {
  DelimiterScanner scanner("\n");
  EXPECT_EQ(scanner.Find("ab\ncd"), 2u);
  scanner.Advance(3);
  EXPECT_EQ(scanner.scanned(), 0u);
  EXPECT_EQ(scanner.Find("cd"), npos);
  EXPECT_EQ(scanner.Find("cd\n"), 2u);
}

TEST(ScannerTest, AdvanceOverAPartOfWhatWasScanned) {
  DelimiterScanner scanner("\n");
  EXPECT_EQ(scanner.Find("abcdef"), npos);
  scanner.Advance(4);
  EXPECT_EQ(scanner.scanned(), 2u);
  EXPECT_EQ(scanner.Find("ef\n"), 2u);
}

TEST(ScannerTest, ResetForgets) {
  DelimiterScanner scanner("\n");
  EXPECT_EQ(scanner.Find("abc"), npos);
  scanner.Reset();
  EXPECT_EQ(scanner.Find("\n"), 0u);
}

std::vector<std::string> Lines(absl::string_view input, absl::string_view delimiter,
                               std::minstd_rand& random) {
  std::vector<std::string> lines;
  std::string buffer;
  DelimiterScanner scanner(delimiter);
  while (!input.empty()) {
    const size_t size = 1 + random() % 4;
    absl::StrAppend(&buffer, input.substr(0, size));
    input.remove_prefix(std::min(size, input.size()));
    size_t end;
    while ((end = scanner.Find(buffer)) != npos) {
      lines.push_back(buffer.substr(0, end));
      buffer.erase(0, end + delimiter.size());
      scanner.Advance(end + delimiter.size());
    }
  }
  lines.push_back(buffer);
  return lines;
}

TEST(ScannerTest, SplitsAStreamHoweverItIsCut) {
  std::minstd_rand random(1);
  EXPECT_THAT(Lines("one\r\n\r\ntwo\r\r\nthree", "\r\n", random),
              ElementsAre("one", "", "two\r", "three"));
  for (absl::string_view delimiter : {"a", "ab", "aa", "aba"}) {
    for (int round = 0; round < 500; ++round) {
      std::string input;
      for (size_t size = random() % 40; size > 0; --size) input += "ab"[random() % 2];
      const std::vector<std::string> expected = absl::StrSplit(input, absl::ByString(delimiter));
      EXPECT_EQ(Lines(input, delimiter, random), expected) << input << " by " << delimiter;
    }
  }
}

}  // namespace
}  // namespace chat::wire
