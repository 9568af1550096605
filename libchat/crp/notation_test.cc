#include "libchat/crp/notation.h"

#include <string>

#include "gtest/gtest.h"
#include "libchat/testing/hex.h"

namespace chat::crp {
namespace {

using chat::testing::Hex;

TEST(NotationTest, ReadsWhatItWrites) {
  for (const char* text :
       {R"(REG UserID="alice" Password="secret1")", R"(SIGN Status="NotExist" UserID="")",
        R"(INVT SourceUser="alice" TargetUser="bobby@7" body="why\nnot")",
        R"(RSP SessionID=S00042 SourceUser="alice" TargetUser="bobby" Status="Accepted")",
        R"(TXT SessionID="none" SourceUser="a = b" TargetUser="\"x\"" body="")",
        R"(CLOSE SessionID=S12345 SourceUser="alice" TargetUser="bobby")", "QUIT"}) {
    const absl::StatusOr<std::string> bytes = TranscriptNotation().Write(text, {});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    std::string read;
    const absl::StatusOr<size_t> size = TranscriptNotation().Read(*bytes + "behind", {}, &read);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_EQ(*size, bytes->size());
    EXPECT_EQ(read, text);
    for (size_t less = 0; less < bytes->size(); ++less) {
      EXPECT_EQ(*TranscriptNotation().Read(bytes->substr(0, less), {}, &read), 0u) << less;
    }
  }
}

TEST(NotationTest, PutsStringsTogetherAndHeadersInOrder) {
  EXPECT_EQ(
      *TranscriptNotation().Write(R"(TXT TargetUser="bob" "by" SessionID=S00001 body="x"*3)", {}),
      Hex(R"("TXT" 0d0a "SessionID=S00001" 0d0a "TargetUser=bobby" 0d0a 0d0a
                   "xxx" 0d0a 00 0d0a)"));
}

TEST(NotationTest, RefusesWhatIsNoMessage) {
  for (const char* text :
       {"", "HELLO", "REGISTER", "REG ", "REG UserID", "REG UserID=alice", R"(REG UserID="alice)",
        R"(REG userid="alice")", R"(REG UserID="a" UserID="b")", R"(REG "alice")",
        R"(TXT SessionID=S1234)", R"(TXT SessionID=$id)", R"(TXT body="x" SessionID=S12345)",
        R"(TXT body=x)", "QUIT now"}) {
    EXPECT_EQ(TranscriptNotation().Write(text, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  std::string read;
  EXPECT_FALSE(TranscriptNotation().Read("HELP\n\n" + Hex("00 0d0a"), {}, &read).ok());
  EXPECT_FALSE(TranscriptNotation().Read("QUIT\nx\n", {}, &read).ok());
  EXPECT_FALSE(TranscriptNotation().Read(Hex(R"("QUIT" 0a 0a 00 0a)"), {}, &read).ok());
}

}  // namespace
}  // namespace chat::crp
