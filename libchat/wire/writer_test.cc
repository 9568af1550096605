#include "libchat/wire/writer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/wire/reader.h"

namespace chat::wire {
namespace {

// A packet with a field of each kind, and the encoder that serves both writers.
struct Sample {
  uint8_t u8 = 0xFE;
  uint16_t u16 = 0xFEDC;
  uint32_t u32 = 0xFEDCBA98;
  int16_t i16 = -2;
  int32_t i32 = std::numeric_limits<int32_t>::min();
  int64_t i64 = 0x0123456789ABCDEF;
  std::string text = "abc";
};

template <class W>
void Encode(const Sample& sample, W& out) {
  out.U8(sample.u8);
  out.U16(sample.u16);
  out.U32(sample.u32);
  out.I16(sample.i16);
  out.I32(sample.i32);
  out.I64(sample.i64);
  out.Bytes(sample.text);
}

constexpr absl::string_view kSampleHex =
    "fe"                // u8
    "fedc"              // u16
    "fedcba98"          // u32
    "fffe"              // i16
    "80000000"          // i32
    "0123456789abcdef"  // i64
    "616263";           // text
constexpr size_t kSampleSize = 24;

TEST(WriterTest, WritesEachTypeBigEndian) {
  std::array<char, kSampleSize> buffer;
  Writer writer(absl::MakeSpan(buffer));
  Encode(Sample(), writer);
  EXPECT_FALSE(writer.overflowed());
  EXPECT_EQ(writer.size(), kSampleSize);
  EXPECT_EQ(absl::BytesToHexString(writer.written()), kSampleHex);
  EXPECT_EQ(writer.written().data(), buffer.data());
}

TEST(WriterTest, StringWriterWritesTheSame) {
  std::string out = "before";
  StringWriter writer(&out);
  EXPECT_EQ(writer.size(), 0u);
  Encode(Sample(), writer);
  EXPECT_FALSE(writer.overflowed());
  EXPECT_EQ(writer.size(), kSampleSize);
  EXPECT_EQ(absl::BytesToHexString(writer.written()), kSampleHex);
  EXPECT_EQ(absl::string_view(out).substr(0, 6), "before");
  EXPECT_EQ(out.size(), 6 + kSampleSize);
}

TEST(WriterTest, ABufferThatIsTooSmallHoldsWholeFieldsOnly) {
  std::string whole;
  StringWriter whole_writer(&whole);
  Encode(Sample(), whole_writer);
  const size_t field_ends[] = {0, 1, 3, 7, 9, 13, 21, 24};
  for (size_t size = 0; size < kSampleSize; ++size) {
    SCOPED_TRACE(size);
    std::array<char, kSampleSize + 1> buffer;
    buffer.fill('#');
    Writer writer(absl::MakeSpan(buffer.data(), size));
    Encode(Sample(), writer);

    size_t expected = 0;
    for (size_t end : field_ends) {
      if (end <= size) expected = end;
    }
    EXPECT_TRUE(writer.overflowed());
    EXPECT_EQ(writer.size(), expected);
    EXPECT_EQ(writer.written(), absl::string_view(whole).substr(0, expected));
    for (size_t i = expected; i < buffer.size(); ++i) EXPECT_EQ(buffer[i], '#') << i;
  }
}

TEST(WriterTest, NothingFollowsAnOverflow) {
  std::array<char, 4> buffer;
  Writer writer(absl::MakeSpan(buffer));
  writer.U16(0x6162);
  writer.U32(0);
  EXPECT_TRUE(writer.overflowed());
  writer.U8('c');  // would fit, but not at the place it belongs to
  EXPECT_EQ(writer.written(), "ab");
  writer.Bytes("");
  EXPECT_TRUE(writer.overflowed());
}

TEST(WriterTest, EmptyBytesAlwaysFit) {
  Writer writer((absl::Span<char>()));
  writer.Bytes(absl::string_view());
  writer.Bytes("");
  EXPECT_FALSE(writer.overflowed());
  EXPECT_EQ(writer.size(), 0u);
  EXPECT_EQ(writer.written(), "");
  writer.U8(0);
  EXPECT_TRUE(writer.overflowed());
}

TEST(WriterTest, BytesMayHoldAnyByte) {
  const std::string bytes("\0\xFF\n\0", 4);
  std::string out;
  StringWriter(&out).Bytes(bytes);
  EXPECT_EQ(out, bytes);
}

// Whatever is written as an integer is read as the same integer.
TEST(WriterTest, ReaderReadsItBack) {
  for (int shift = 0; shift < 64; ++shift) {
    for (int64_t delta : {-1, 0, 1}) {
      const auto value = static_cast<int64_t>((uint64_t{1} << shift) + delta);
      SCOPED_TRACE(value);
      std::string out;
      StringWriter writer(&out);
      writer.U8(static_cast<uint8_t>(value));
      writer.U16(static_cast<uint16_t>(value));
      writer.U32(static_cast<uint32_t>(value));
      writer.I16(static_cast<int16_t>(value));
      writer.I32(static_cast<int32_t>(value));
      writer.I64(value);

      Reader reader(out);
      uint8_t u8;
      uint16_t u16;
      uint32_t u32;
      int16_t i16;
      int32_t i32;
      int64_t i64;
      ASSERT_TRUE(reader.U8(&u8) && reader.U16(&u16) && reader.U32(&u32) && reader.I16(&i16) &&
                  reader.I32(&i32) && reader.I64(&i64));
      EXPECT_EQ(u8, static_cast<uint8_t>(value));
      EXPECT_EQ(u16, static_cast<uint16_t>(value));
      EXPECT_EQ(u32, static_cast<uint32_t>(value));
      EXPECT_EQ(i16, static_cast<int16_t>(value));
      EXPECT_EQ(i32, static_cast<int32_t>(value));
      EXPECT_EQ(i64, value);
      EXPECT_EQ(reader.remaining(), 0u);
    }
  }
}

}  // namespace
}  // namespace chat::wire
