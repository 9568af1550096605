#include "libchat/chathack/notation.h"

#include <string>

#include "gtest/gtest.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/hex.h"

namespace chat::chathack {
namespace {

using chat::testing::Hex;

TEST(NotationTest, ReadsWhatItWrites) {
  for (const char* text :
       {"ACK_PACKET_ERROR", "ACK_LOGIN_ERROR", "ACK_CONNECTED", "ACK_LOGIN_EXISTS",
        R"(ACK_GLOBAL_MESSAGE login="alice" message="say \"hi\" message=\n")",
        R"(ACK_PRIVATE_ASKING login="a b")",
        R"(ACK_PRIVATE_VALIDATION login="bob" port=7000 address=127.0.0.1 id=-7)",
        R"(ACK_PRIVATE_VALIDATION login="bob" port=-1 address=2001:db8::1 id=7)",
        R"(ACK_PRIVATE_DENIED login="")"}) {
    const absl::StatusOr<std::string> bytes = TranscriptNotation().Write(text, {});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    std::string read;
    const absl::StatusOr<size_t> size = TranscriptNotation().Read(*bytes + "behind", {}, &read);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_EQ(*size, bytes->size());
    EXPECT_EQ(read, text);
  }
}

TEST(NotationTest, WritesWhatClientsSend) {
  constexpr DecodeLimits kLimits = {
      .proposal = 100, .name = 100, .file_name = 100, .content = 100, .frame = 1000};
  for (const char* text :
       {R"(NEW_LOGIN login="alice")", R"(GLOBAL_MESSAGE login="alice" message="hi")",
        R"(PRIVATE_ASKING sender="alice" receiver="bob")",
        R"(PRIVATE_VALIDATION sender="bob" receiver="alice" port=7000 address=::1 id=7)",
        R"(PRIVATE_DENIED sender="bob" receiver="alice")",
        R"(PRIVATE_STRING login="alice" message="psst")",
        R"(PRIVATE_FILE login="alice" name="a.txt" content="")",
        R"(PRIVATE_CONNECTION login="alice" id=7)"}) {
    const absl::StatusOr<std::string> bytes = TranscriptNotation().Write(text, {});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(ToString(DecodePacket(*bytes, kLimits).packet), text);
  }
  EXPECT_EQ(*TranscriptNotation().Write(R"(EXISTING_LOGIN login="alice" password="secret")", {}),
            Hex(R"(01 00000005 "alice" 00000006 "secret")"));
}

TEST(NotationTest, PutsStringsTogether) {
  EXPECT_EQ(*TranscriptNotation().Write(R"(GLOBAL_MESSAGE login="al" "ice" message="x"*3 "y")", {}),
            Hex(R"(03 00000005 "alice" 00000004 "xxxy")"));
}

TEST(NotationTest, RefusesWhatIsNoPacket) {
  for (const char* text :
       {"", "HELLO", "NEW_LOGIN", "NEW_LOGIN ", R"(NEW_LOGIN name="alice")",
        R"(NEW_LOGIN login="alice" message="x")", "NEW_LOGIN login=alice",
        R"(NEW_LOGIN login="alice)", R"(PRIVATE_CONNECTION login="alice" id=x)",
        R"(GLOBAL_MESSAGE message="x" login="alice")", "ACK_CONNECTED now",
        R"(ACK_PRIVATE_VALIDATION login="bob" port=1 address=localhost id=1)",
        R"(ACK_PRIVATE_VALIDATION login="bob" port=4294967296 address=::1 id=1)"}) {
    EXPECT_EQ(TranscriptNotation().Write(text, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  std::string read;
  EXPECT_FALSE(TranscriptNotation().Read("\xff", {}, &read).ok());
  EXPECT_FALSE(TranscriptNotation().Read(Hex("05 ffffffff"), {}, &read).ok());
  EXPECT_EQ(*TranscriptNotation().Read(Hex("05 00000005 61"), {}, &read), 0u);
}

}  // namespace
}  // namespace chat::chathack
