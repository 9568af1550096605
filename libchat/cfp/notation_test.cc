#include "libchat/cfp/notation.h"

#include <string>

#include "gtest/gtest.h"
#include "libchat/testing/hex.h"

namespace chat::cfp {
namespace {

using chat::testing::Hex;

TEST(NotationTest, ReadsWhatItWrites) {
  for (const char* text :
       {R"(AUTHGST nickname="alice")", "AUTHRSP code=3",
        R"(MSGPBL message="say \"hi\" message=\n")",
        R"(MSGPRV server_id=7 receiver="bob" message="")",
        R"(MSGPBLINC server_id=-7 sender="alice" message="hi")",
        R"(MSGPRVINC server_id=7 sender="a" receiver="b c" message="hi")",
        R"(FILECHNK server_id=7 receiver="b" transfer_id=3 filename="a" chunks=1 content="data")",
        R"(FILECHNKINC server_id=7 sender="a" receiver="b" transfer_id=3 filename="a" chunks=1 )"
        R"(content="")",
        "PCKFWD server_id=7 MRGDCL code=0",
        R"(PCKFWD server_id=7 PCKFWD server_id=8 MSGPBL message="a b")",
        "MRGREQ server_id=5 siblings=[]",
        "MRGRSP server_id=5 siblings=[7@127.0.0.1:7773,8@10.0.0.1:-1]", "MRGDCL code=255",
        R"(ERROR nickname="alice" code=1)"}) {
    const absl::StatusOr<std::string> bytes = TranscriptNotation().Write(text, {});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    std::string read;
    const absl::StatusOr<size_t> size = TranscriptNotation().Read(*bytes + "behind", {}, &read);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_EQ(*size, bytes->size());
    EXPECT_EQ(read, text);
    for (size_t cut = 0; cut < bytes->size(); ++cut) {
      const absl::StatusOr<size_t> less =
          TranscriptNotation().Read(absl::string_view(*bytes).substr(0, cut), {}, &read);
      ASSERT_TRUE(less.ok()) << less.status();
      ASSERT_EQ(*less, 0u) << text << " cut at " << cut;
    }
  }
}

TEST(NotationTest, PutsStringsTogether) {
  EXPECT_EQ(*TranscriptNotation().Write(R"(MSGPBL message="al" "ice" "x"*3 "y")", {}),
            Hex(R"(20 00000009 "alicexxxy")"));
  EXPECT_EQ(*TranscriptNotation().Write(R"(AUTHUSR nickname="alice" password="secret")", {}),
            Hex(R"(01 00000005 "alice" 00000006 "secret")"));
}

TEST(NotationTest, RefusesWhatIsNoPacket) {
  for (const char* text : {"",
                           "HELLO",
                           "AUTHGST",
                           "AUTHGST ",
                           R"(AUTHGST login="alice")",
                           R"(AUTHGST nickname="alice" message="x")",
                           "AUTHGST nickname=alice",
                           R"(AUTHGST nickname="alice)",
                           "AUTHRSP code=x",
                           "AUTHRSP code=256",
                           "AUTHRSP code=-1",
                           R"(MSGPRV receiver="bob" server_id=7 message="")",
                           R"(MSGPRV server_id=2147483648 receiver="bob" message="")",
                           "PCKFWD",
                           "PCKFWD server_id=7 ",
                           "PCKFWD server_id=7 HELLO",
                           "MRGREQ server_id=5",
                           "MRGREQ server_id=5 siblings=",
                           "MRGREQ server_id=5 siblings=[7]",
                           "MRGREQ server_id=5 siblings=[7@127.0.0:1]",
                           "MRGREQ server_id=5 siblings=[7@127.0.0.1:1,]"}) {
    EXPECT_EQ(TranscriptNotation().Write(text, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  std::string read;
  EXPECT_FALSE(TranscriptNotation().Read("\xff", {}, &read).ok());
  EXPECT_FALSE(TranscriptNotation().Read(Hex("00 ffffffff"), {}, &read).ok());
  EXPECT_FALSE(TranscriptNotation().Read(Hex("50 00000007 ff"), {}, &read).ok());
}

}  // namespace
}  // namespace chat::cfp
