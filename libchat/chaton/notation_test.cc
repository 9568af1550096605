#include "libchat/chaton/notation.h"

#include <string>

#include "gtest/gtest.h"
#include "libchat/testing/hex.h"

namespace chat::chaton {
namespace {

using chat::testing::Hex;

const DialectOptions kEight = {{"long_bytes", "8"}};

TEST(NotationTest, ReadsWhatItWrites) {
  for (const char* text : {R"(LOGIN login="alice")", "LOGIN_ACCEPTED", "LOGIN_REFUSED",
                           R"(MESSAGE login="alice" msg="say \"hi\" msg=\n")",
                           R"(MESSAGE_PRIVATE login_sender="a" login_target="b" msg="")",
                           R"(REQUEST_PRIVATE login_requester="a" login_target="b c")",
                           R"(OK_PRIVATE login_requester="a" login_target="b")",
                           R"(KO_PRIVATE login_requester="a" login_target="b")",
                           R"(ID_PRIVATE login_requester="a" login_target="b" connect_id=7)",
                           "LOGIN_PRIVATE connect_id=-7", "ESTABLISHED",
                           R"(CLOSE_CONNECTION connect_id=7 login_requester="a" login_target="b")",
                           R"(ACCEPT_CLOSE_CONNECTION login_target="a")"}) {
    for (const DialectOptions& options : {DialectOptions(), kEight}) {
      const absl::StatusOr<std::string> bytes = TranscriptNotation().Write(text, options);
      ASSERT_TRUE(bytes.ok()) << bytes.status();
      std::string read;
      const absl::StatusOr<size_t> size =
          TranscriptNotation().Read(*bytes + "behind", options, &read);
      ASSERT_TRUE(size.ok()) << size.status();
      EXPECT_EQ(*size, bytes->size());
      EXPECT_EQ(read, text);
    }
  }
}

TEST(NotationTest, PutsStringsTogether) {
  EXPECT_EQ(*TranscriptNotation().Write(R"(MESSAGE login="al" "ice" msg="x"*3 "y")", {}),
            Hex(R"(03 00000005 "alice" 00000004 "xxxy")"));
}

TEST(NotationTest, RefusesWhatIsNoPacket) {
  for (const char* text :
       {"", "HELLO", "LOGIN", "LOGIN ", R"(LOGIN name="alice")", R"(LOGIN login="alice" msg="x")",
        "LOGIN login=alice", R"(LOGIN login="alice)", "LOGIN_PRIVATE connect_id=x",
        R"(MESSAGE msg="x" login="alice")", "ESTABLISHED now"}) {
    EXPECT_EQ(TranscriptNotation().Write(text, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  std::string read;
  EXPECT_FALSE(TranscriptNotation().Read("\xff", {}, &read).ok());
  EXPECT_FALSE(TranscriptNotation().Read(Hex("00 ffffffff"), {}, &read).ok());
  EXPECT_EQ(*TranscriptNotation().Read(Hex("00 00000005 61"), {}, &read), 0u);
}

}  // namespace
}  // namespace chat::chaton
