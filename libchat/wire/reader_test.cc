#include "libchat/wire/reader.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "libchat/testing/hex.h"

namespace chat::wire {
namespace {

using chat::testing::Hex;

TEST(ReaderTest, ReadsEachTypeBigEndian) {
  const std::string bytes =
      Hex("fe"                // U8
          "fedc"              // U16
          "fedcba98"          // U32
          "fffe"              // I16
          "80000000"          // I32
          "0123456789abcdef"  // I64
          "616263");          // Bytes
  Reader reader(bytes);

  uint8_t u8;
  ASSERT_TRUE(reader.U8(&u8));
  EXPECT_EQ(u8, 0xFE);
  uint16_t u16;
  ASSERT_TRUE(reader.U16(&u16));
  EXPECT_EQ(u16, 0xFEDC);
  uint32_t u32;
  ASSERT_TRUE(reader.U32(&u32));
  EXPECT_EQ(u32, 0xFEDCBA98);
  int16_t i16;
  ASSERT_TRUE(reader.I16(&i16));
  EXPECT_EQ(i16, -2);
  int32_t i32;
  ASSERT_TRUE(reader.I32(&i32));
  EXPECT_EQ(i32, std::numeric_limits<int32_t>::min());
  int64_t i64;
  ASSERT_TRUE(reader.I64(&i64));
  EXPECT_EQ(i64, 0x0123456789ABCDEF);
  EXPECT_EQ(reader.remaining(), 3u);
  absl::string_view text;
  ASSERT_TRUE(reader.Bytes(3, &text));
  EXPECT_EQ(text, "abc");

  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(reader.consumed(), bytes.size());
}

// Cuts a field at each length: short input fails and changes nothing.
template <class T>
void ExpectAllOrNothing(bool (Reader::*read)(T*)) {
  const std::string bytes(sizeof(T), '\xFF');
  for (size_t size = 0; size < sizeof(T); ++size) {
    Reader reader(absl::string_view(bytes).substr(0, size));
    T value = 42;
    EXPECT_FALSE((reader.*read)(&value)) << size;
    EXPECT_EQ(value, 42) << size;
    EXPECT_EQ(reader.consumed(), 0u) << size;
    EXPECT_EQ(reader.remaining(), size) << size;
  }
  Reader reader(bytes);
  T value = 42;
  EXPECT_TRUE((reader.*read)(&value));
  EXPECT_EQ(value, static_cast<T>(-1));
  EXPECT_EQ(reader.consumed(), sizeof(T));
}

TEST(ReaderTest, ShortIntegersLeaveTheCursor) {
  ExpectAllOrNothing<uint8_t>(&Reader::U8);
  ExpectAllOrNothing<uint16_t>(&Reader::U16);
  ExpectAllOrNothing<uint32_t>(&Reader::U32);
  ExpectAllOrNothing<int16_t>(&Reader::I16);
  ExpectAllOrNothing<int32_t>(&Reader::I32);
  ExpectAllOrNothing<int64_t>(&Reader::I64);
}

TEST(ReaderTest, ASmallerReadStillWorksAfterAFailedOne) {
  Reader reader("abc");
  uint32_t u32;
  EXPECT_FALSE(reader.U32(&u32));
  uint16_t u16;
  EXPECT_TRUE(reader.U16(&u16));
  EXPECT_EQ(u16, 0x6162);
  EXPECT_FALSE(reader.U16(&u16));
  uint8_t u8;
  EXPECT_TRUE(reader.U8(&u8));
  EXPECT_EQ(u8, 'c');
}

TEST(ReaderTest, BytesAreAViewIntoTheInput) {
  const std::string bytes = "abcdef";
  Reader reader(bytes);
  absl::string_view view;
  ASSERT_TRUE(reader.Bytes(2, &view));
  ASSERT_TRUE(reader.Bytes(3, &view));
  EXPECT_EQ(view.data(), bytes.data() + 2);
  EXPECT_EQ(view, "cde");
}

TEST(ReaderTest, BytesOfAHugeLengthFail) {
  Reader reader("abcdef");
  absl::string_view view = "untouched";
  EXPECT_FALSE(reader.Bytes(7, &view));
  uint8_t u8;
  ASSERT_TRUE(reader.U8(&u8));
  // A sum with the cursor would wrap around.
  EXPECT_FALSE(reader.Bytes(std::numeric_limits<size_t>::max(), &view));
  EXPECT_EQ(view, "untouched");
  EXPECT_EQ(reader.consumed(), 1u);
}

TEST(ReaderTest, NothingCanBeReadFromNothingButNoBytes) {
  Reader reader((absl::string_view()));
  uint8_t u8;
  EXPECT_FALSE(reader.U8(&u8));
  absl::string_view view = "x";
  EXPECT_TRUE(reader.Bytes(0, &view));
  EXPECT_EQ(view, "");
  EXPECT_FALSE(reader.Bytes(1, &view));
}

}  // namespace
}  // namespace chat::wire
