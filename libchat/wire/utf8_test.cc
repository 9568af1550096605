#include "libchat/wire/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "libchat/wire/utf8_reference.h"

namespace chat::wire {
namespace {

struct Case {
  absl::string_view name;
  absl::string_view bytes;
  bool valid;
};

constexpr Case kCases[] = {
    {"empty", "", true},
    {"ASCII", "hello", true},
    {"eight bytes", "12345678", true},
    {"DEL", "\x7F", true},
    {"first of two bytes, U+0080", "\xC2\x80", true},
    {"last of two bytes, U+07FF", "\xDF\xBF", true},
    {"first of three bytes, U+0800", "\xE0\xA0\x80", true},
    {"last before the surrogates, U+D7FF", "\xED\x9F\xBF", true},
    {"first behind the surrogates, U+E000", "\xEE\x80\x80", true},
    {"last of three bytes, U+FFFF", "\xEF\xBF\xBF", true},
    {"first of four bytes, U+10000", "\xF0\x90\x80\x80", true},
    {"last of all, U+10FFFF", "\xF4\x8F\xBF\xBF", true},
    {"mixed",
     "Gr\xC3\xBC\xC3\x9F"
     "e, \xE4\xBD\xA0\xE5\xA5\xBD, \xF0\x9F\x91\x8B.",
     true},

    {"bare continuation", "\x80", false},
    {"bare continuation in a long text", "12345678\xBF", false},
    {"long form of NUL", "\xC0\x80", false},
    {"long form of U+007F", "\xC1\xBF", false},
    {"three bytes for U+07FF", "\xE0\x9F\xBF", false},
    {"four bytes for U+FFFF", "\xF0\x8F\xBF\xBF", false},
    {"first surrogate, U+D800", "\xED\xA0\x80", false},
    {"last surrogate, U+DFFF", "\xED\xBF\xBF", false},
    {"a pair of surrogates", "\xED\xA0\x80\xED\xB0\x80", false},
    {"U+110000", "\xF4\x90\x80\x80", false},
    {"lead F5", "\xF5\x80\x80\x80", false},
    {"five bytes", "\xF8\x88\x80\x80\x80", false},
    {"lead FE", "\xFE", false},
    {"lead FF", "\xFF", false},
    {"cut after 1 of 2", "\xC3", false},
    {"cut after 2 of 3", "\xE4\xBD", false},
    {"cut after 3 of 4", "\xF0\x9F\x91", false},
    {"ASCII where a continuation belongs",
     "\xC3"
     "a",
     false},
    {"lead where a continuation belongs", "\xE4\xBD\xC3", false},
};

TEST(Utf8Test, Table) {
  for (const Case& c : kCases) {
    EXPECT_EQ(IsValidUtf8(c.bytes), c.valid) << c.name;
    EXPECT_EQ(IsText(c.bytes), c.valid) << c.name;
    EXPECT_EQ(ReferenceIsValid(c.bytes), c.valid) << c.name;
    // The same behind and before ASCII of each length, so that it falls on each place of a word.
    for (size_t n = 0; n < 18; ++n) {
      const std::string ascii(n, 'x');
      EXPECT_EQ(IsValidUtf8(absl::StrCat(ascii, c.bytes)), c.valid) << c.name << " behind " << n;
      EXPECT_EQ(IsValidUtf8(absl::StrCat(ascii, c.bytes, ascii)), c.valid) << c.name << " in " << n;
    }
  }
}

TEST(Utf8Test, NulIsValidButNoText) {
  for (size_t before = 0; before < 18; ++before) {
    for (size_t behind = 0; behind < 18; ++behind) {
      // 0x01 is what the search for zero bytes could take for one.
      const std::string text = std::string(before, '\x01') + '\0' + std::string(behind, '\x01');
      EXPECT_TRUE(IsValidUtf8(text)) << before << " " << behind;
      EXPECT_FALSE(IsText(text)) << before << " " << behind;
    }
  }
  EXPECT_FALSE(IsText(absl::string_view("\xC3\xBC\0\xC3\xBC", 5)));
}

TEST(Utf8Test, EveryCodePoint) {
  size_t wrong = 0;
  for (char32_t c = 0; c <= 0x110000; ++c) {
    const std::string bytes = ReferenceEncode(c);
    if (bytes.empty()) continue;
    char32_t decoded = ~c;
    wrong += DecodeOne(bytes, &decoded) != bytes.size() || decoded != c;
    wrong += !IsValidUtf8(bytes);
    wrong += IsText(bytes) != (c != 0);
  }
  EXPECT_EQ(wrong, 0u);
}

// All sequences of up to three bytes.
TEST(Utf8Test, EveryShortSequence) {
  size_t wrong = 0;
  std::string bytes;
  for (size_t size = 1; size <= 3; ++size) {
    bytes.assign(size, '\0');
    for (uint32_t n = 0; n < uint32_t{1} << 8 * size; ++n) {
      for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(n >> 8 * i);
      char32_t actual = 0;
      char32_t expected = 0;
      wrong += DecodeOne(bytes, &actual) != ReferenceDecode(bytes, &expected);
      wrong += actual != expected;
    }
  }
  EXPECT_EQ(wrong, 0u);
}

// Four bytes and more, made of bytes beside which something changes.
TEST(Utf8Test, SequencesOfEdgeBytes) {
  const std::string edges(
      "\x00\x01\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4"
      "\xF5\xFF",
      25);
  size_t wrong = 0;
  std::string bytes(4, '\0');
  for (size_t n = 0; n < edges.size() * edges.size() * edges.size() * edges.size(); ++n) {
    for (size_t i = 0, rest = n; i < 4; ++i, rest /= edges.size()) {
      bytes[i] = edges[rest % edges.size()];
    }
    wrong += IsValidUtf8(bytes) != ReferenceIsValid(bytes);
    wrong += IsText(bytes) != ReferenceIsText(bytes);
  }
  EXPECT_EQ(wrong, 0u);
}

std::string RandomText(std::minstd_rand& random) {
  std::string text;
  for (size_t n = random() % 24; n > 0; --n) {
    switch (random() % 6) {
      case 0:
        text += ReferenceEncode(0x80 + random() % 0x780);
        break;
      case 1:
        text += ReferenceEncode(0x800 + random() % 0xF800);
        break;
      case 2:
        text += ReferenceEncode(0x10000 + random() % 0x100000);
        break;
      default:
        text.append(random() % 12, static_cast<char>('a' + random() % 26));
    }
  }
  return text;
}

TEST(Utf8Test, RandomTextsWithAndWithoutDamage) {
  std::minstd_rand random(2);
  size_t valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = RandomText(random);
    ASSERT_TRUE(IsText(text)) << absl::CHexEscape(text);
    if (text.empty()) continue;
    text[random() % text.size()] = static_cast<char>(random());
    if (random() % 2 == 0) text.resize(random() % text.size());
    ASSERT_EQ(IsValidUtf8(text), ReferenceIsValid(text)) << absl::CHexEscape(text);
    ASSERT_EQ(IsText(text), ReferenceIsText(text)) << absl::CHexEscape(text);
    valid += IsText(text);
  }
  // The generator is of use only if it makes both.
  EXPECT_GT(valid, 2000u);
  EXPECT_LT(valid, 18000u);
}

TEST(Utf8Test, DecodeOneLeavesTheResultAloneOnFailure) {
  for (const Case& c : kCases) {
    if (c.valid) continue;
    const size_t bad = c.bytes.find_first_not_of("12345678");
    char32_t code_point = 0x1234;
    EXPECT_EQ(DecodeOne(c.bytes.substr(bad), &code_point), 0u) << c.name;
    EXPECT_EQ(code_point, char32_t{0x1234}) << c.name;
  }
}

TEST(Utf8Test, DecodeOneTakesNoMoreThanOne) {
  char32_t code_point;
  EXPECT_EQ(DecodeOne("\xC3\xBC\xFF", &code_point), 2u);
  EXPECT_EQ(code_point, U'\u00FC');
}

TEST(Utf8Test, PrefixEndsBetweenCodePoints) {
  const absl::string_view text = "a\xC3\xBC\xE4\xBD\xA0\xF0\x9F\x91\x8Bz";  // sizes 1 2 3 4 1
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
  for (size_t max = 0; max < 14; ++max) EXPECT_EQ(Utf8Prefix(text, max), expected[max]) << max;
  EXPECT_EQ(Utf8Prefix("", 0), 0u);
  EXPECT_EQ(Utf8Prefix("", 5), 0u);
}

TEST(Utf8Test, PrefixIsTheLongest) {
  std::minstd_rand random(3);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = RandomText(random);
    const size_t max = random() % (text.size() + 4);
    size_t longest = 0;
    for (size_t size = 0; size <= std::min(max, text.size()); ++size) {
      if (ReferenceIsValid(absl::string_view(text).substr(0, size))) longest = size;
    }
    ASSERT_EQ(Utf8Prefix(text, max), longest) << absl::CHexEscape(text) << " " << max;
  }
}

TEST(Utf8Test, PrefixOfWhatIsNoUtf8StaysInBounds) {
  const std::string continuations(20, '\x80');
  for (size_t max = 0; max < 30; ++max) {
    EXPECT_LE(Utf8Prefix(continuations, max), std::min(max, continuations.size()));
  }
}

}  // namespace
}  // namespace chat::wire
