#include "libchat/chatos/dialect.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

using chat::testing::FakeClientHost;
using chat::testing::FakeHost;
using chat::testing::Hex;
using ::testing::HasSubstr;

TEST(ChatOsTest, ListensOnItsPortWithoutOptions) {
  const std::vector<DefaultListener> listeners = Instance().default_listeners();
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].port, 7770);
  EXPECT_EQ(listeners[0].options, DialectOptions{});
  EXPECT_TRUE(Instance().CheckOptions({}).ok());
  const absl::Status status = Instance().CheckOptions({{"long_bytes", "8"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("long_bytes"));
}

TEST(ChatOsTest, ItsSessionsUnderstandEachOther) {
  FakeClientHost client_host;
  const auto client = Instance().NewClientSession({}, client_host);
  ASSERT_TRUE(client->Login("alice").ok());
  EXPECT_EQ(client_host.sent, Hex("0000 \"alice\" 00"));

  FakeHost host;
  const auto server = Instance().NewServerSession({}, SessionLimits(), host);
  EXPECT_EQ(server->OnBytes(client_host.sent).next, Next::kMore);
  EXPECT_EQ(host.calls, std::vector<std::string>{"Login alice"});
  EXPECT_EQ(client->OnBytes(host.sent).next, Next::kMore);
  EXPECT_EQ(client_host.events, std::vector<std::string>{"LoggedIn"});
}

TEST(ChatOsTest, KnowsWhatItsClientsCanDo) {
  const ClientTraits traits = Instance().client_traits();
  EXPECT_EQ(traits.max_message_bytes, 1024u);
  EXPECT_TRUE(traits.public_room);
  EXPECT_EQ(traits.public_confirmation, Confirmation::kAck);
  EXPECT_EQ(traits.private_confirmation, Confirmation::kAck);
  EXPECT_FALSE(traits.tells_private);
  EXPECT_FALSE(traits.relays);
  EXPECT_TRUE(traits.ascii_only);
  EXPECT_EQ(traits.private_way, PrivateWay::kTalk);
  EXPECT_EQ(traits.file_way, FileWay::kNone);
  EXPECT_EQ(traits.passwords, Passwords::kNever);
  EXPECT_FALSE(traits.registers);
  EXPECT_EQ(Instance().own_public(), OwnPublic::kLeftOut);
  EXPECT_EQ(Instance().private_messages(), PrivateMessages::kTalks);
  EXPECT_EQ(Instance().max_private_bytes(), 1024u);
  EXPECT_TRUE(Instance().has_public_room());
  EXPECT_TRUE(Instance().ascii_names());
  EXPECT_FALSE(Instance().shows_reason());
  EXPECT_TRUE(Instance().answers(RequestKind::kTalk));
  EXPECT_FALSE(Instance().answers(RequestKind::kRelay));
  EXPECT_FALSE(Instance().answers(RequestKind::kDirect));
}

TEST(EncodePublicTest, IsOneMessageFromWhomItIs) {
  const struct {
    UserRef from;
    const char* body;
    const char* bytes;
  } kCases[] = {
      {{"bob", 0}, "hi", "0001 0000000000000009 \"bob\" 00 \"hi\" 00"},
      {{"bob", 7}, "hi\n", "0001 0000000000000009 \"bob@7\" 00 \"hi\\n\" 00"},
      {{"bob", INT32_MAX}, "", "0001 0000000000000009 \"bob@2147483647\" 00 00"},
      {{"h\u00E9ros", 7}, "\u5C71 !", "0001 0000000000000009 \"h?ros@7\" 00 \"? !\" 00"},
  };
  for (const auto& c : kCases) {
    char buffer[kMaxPublicBytes];
    wire::Writer out(absl::MakeSpan(buffer));
    Instance().EncodePublic({c.from, *Text::From(c.body), 9}, out);
    EXPECT_EQ(out.written(), Hex(c.bytes));
  }
}

TEST(EncodePublicTest, TheLongestFits) {
  const std::string name(kMaxNameBytes, 'n');
  const std::string body(kMaxMessageBytes, 'x');
  char buffer[kMaxPublicBytes];
  wire::Writer out(absl::MakeSpan(buffer));
  Instance().EncodePublic({{name, INT32_MAX}, *Text::From(body), INT64_MAX}, out);
  EXPECT_FALSE(out.overflowed());
  EXPECT_EQ(out.size(), 2 + 8 + 41 + 1 + 1024 + 1u);
}

TEST(EncodePublicTest, OverflowsWhereThereIsNoRoom) {
  char buffer[8];
  wire::Writer out(absl::MakeSpan(buffer));
  Instance().EncodePublic({{"bob", 0}, *Text::From("hi"), 1}, out);
  EXPECT_TRUE(out.overflowed());
}

}  // namespace
}  // namespace chat::chatos
