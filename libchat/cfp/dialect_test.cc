#include "libchat/cfp/dialect.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/cfp/packets.h"
#include "libchat/cfp/test_packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

using chat::testing::FakeHost;
using chat::testing::Hex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CfpTest, ListensAtOnePortAndHasNoOptions) {
  const std::vector<DefaultListener> listeners = Instance().default_listeners();
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].port, 7773);
  EXPECT_EQ(listeners[0].options, DialectOptions{});
  EXPECT_TRUE(Instance().CheckOptions({}).ok());
  const absl::Status status = Instance().CheckOptions({{"long_bytes", "4"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("long_bytes"));
}

TEST(CfpTest, KnowsWhatItsClientsCanDo) {
  const ClientTraits traits = Instance().client_traits();
  EXPECT_EQ(traits.max_message_bytes, 1024u);
  EXPECT_TRUE(traits.public_room);
  EXPECT_EQ(traits.public_confirmation, Confirmation::kEcho);
  EXPECT_EQ(traits.private_confirmation, Confirmation::kNone);
  EXPECT_FALSE(traits.relays);
  EXPECT_FALSE(traits.ascii_only);
  EXPECT_EQ(traits.private_way, PrivateWay::kServer);
  EXPECT_EQ(traits.file_way, FileWay::kServer);
  EXPECT_EQ(traits.passwords, Passwords::kOptional);
  EXPECT_FALSE(traits.registers);
  EXPECT_EQ(Instance().own_public(), OwnPublic::kEchoed);
  EXPECT_EQ(Instance().private_messages(), PrivateMessages::kFree);
  EXPECT_TRUE(Instance().has_public_room());
  EXPECT_TRUE(Instance().takes_files());
  for (RequestKind kind : {RequestKind::kTalk, RequestKind::kRelay, RequestKind::kDirect}) {
    EXPECT_FALSE(Instance().answers(kind));
  }
}

TEST(CfpTest, ItsServersMerge) {
  ASSERT_TRUE(Instance().links());
  FakeHost host;
  const auto link = Instance().NewLinkSession({1000, {}}, SessionLimits(), host);
  link->OnConnected();
  EXPECT_EQ(host.TakeSent(), Bytes(MrgReq{1000, {}}));
  EXPECT_EQ(link->OnBytes(Bytes(MrgRsp{5, {}})).next, Next::kMore);
  EXPECT_THAT(host.calls, ElementsAre("OnMergeAnswer accepted by 5 (none)"));
}

TEST(EncodePublicTest, IsOneMsgPblIncFromWhereItIs) {
  const struct {
    UserRef from;
    const char* bytes;
  } kCases[] = {
      {{"bob", 0}, "30 000003e8 00000003 \"bob\" 00000002 \"hi\""},
      {{"bob", 7}, "30 00000007 00000003 \"bob\" 00000002 \"hi\""},
      {{"bob", INT32_MAX}, "30 7fffffff 00000003 \"bob\" 00000002 \"hi\""},
  };
  for (const auto& c : kCases) {
    char buffer[kMaxPublicBytes];
    wire::Writer out(absl::MakeSpan(buffer));
    Instance().EncodePublic({c.from, *Text::From("hi"), 1, 1000}, out);
    EXPECT_EQ(out.written(), Hex(c.bytes));
  }
}

TEST(EncodePublicTest, TheLongestFits) {
  const std::string name(kMaxNameBytes, 'n');
  const std::string body(kMaxMessageBytes, 'x');
  char buffer[kMaxPublicBytes];
  wire::Writer out(absl::MakeSpan(buffer));
  Instance().EncodePublic({{name, INT32_MAX}, *Text::From(body), 1, 1000}, out);
  EXPECT_FALSE(out.overflowed());
  EXPECT_EQ(out.size(), 1 + 4 + 4 + 30 + 4 + 1024u);
}

TEST(EncodePublicTest, OverflowsWhereThereIsNoRoom) {
  char buffer[8];
  wire::Writer out(absl::MakeSpan(buffer));
  Instance().EncodePublic({{"bob", 0}, *Text::From("hi"), 1, 1000}, out);
  EXPECT_TRUE(out.overflowed());
}

}  // namespace
}  // namespace chat::cfp
