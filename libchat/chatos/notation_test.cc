#include "libchat/chatos/notation.h"

#include <string>

#include "gtest/gtest.h"
#include "libchat/testing/hex.h"

namespace chat::chatos {
namespace {

using chat::testing::Hex;

TEST(NotationTest, ReadsWhatItWrites) {
  for (const char* text :
       {R"(LOGIN nickname="alice")", R"(CHAT id=-7 nickname="" message="say \"hi\" message=\n")",
        R"(CHAT id=9223372036854775807 nickname="b" message="")", "ACK id=0",
        R"(ERROR code=-1 message="no")", R"(PRIVATE_ASK nickname="b c")",
        R"(PRIVATE_ACCEPTATION yes=1 nickname="a")",
        R"(PRIVATE_ACCEPTATION yes=255 nickname="\xe9")"}) {
    const absl::StatusOr<std::string> bytes = TranscriptNotation().Write(text, {});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    std::string read;
    const absl::StatusOr<size_t> size = TranscriptNotation().Read(*bytes + "behind", {}, &read);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_EQ(*size, bytes->size());
    EXPECT_EQ(read, text);
  }
}

TEST(NotationTest, PutsStringsTogether) {
  EXPECT_EQ(*TranscriptNotation().Write(R"(CHAT id=1 nickname="al" "ice" message="x"*3 "y")", {}),
            Hex(R"(0001 0000000000000001 "alice" 00 "xxxy" 00)"));
}

TEST(NotationTest, RefusesWhatIsNoPacket) {
  for (const char* text :
       {"", "HELLO", "LOGIN", "LOGIN ", R"(LOGIN name="alice")",
        R"(LOGIN nickname="alice" message="x")", "LOGIN nickname=alice", R"(LOGIN nickname="alice)",
        R"(LOGIN nickname="a\000b")", "ACK id=x", "ACK id=", "ACK id=9223372036854775808",
        R"(ERROR code=32768 message="")", R"(PRIVATE_ACCEPTATION yes=256 nickname="a")",
        R"(PRIVATE_ACCEPTATION yes=-1 nickname="a")", R"(CHAT nickname="a" id=1 message="x")",
        "ACK id=1 now"}) {
    EXPECT_EQ(TranscriptNotation().Write(text, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  std::string read;
  EXPECT_FALSE(TranscriptNotation().Read(Hex("0006"), {}, &read).ok());
  EXPECT_EQ(*TranscriptNotation().Read(Hex("0000 \"alice\""), {}, &read), 0u);
}

}  // namespace
}  // namespace chat::chatos
