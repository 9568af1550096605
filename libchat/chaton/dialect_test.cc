#include "libchat/chaton/dialect.h"

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

namespace chat::chaton {
namespace {

using chat::testing::FakeClientHost;
using chat::testing::FakeHost;
using chat::testing::Hex;
using ::testing::HasSubstr;

TEST(ChatonTest, ListensForBothSizesOfLong) {
  const std::vector<DefaultListener> listeners = Instance().default_listeners();
  ASSERT_EQ(listeners.size(), 2u);
  EXPECT_EQ(listeners[0].port, 7771);
  EXPECT_EQ(listeners[0].options, DialectOptions{});
  EXPECT_EQ(listeners[1].port, 7777);
  EXPECT_EQ(listeners[1].options, (DialectOptions{{"long_bytes", "8"}}));
}

TEST(ChatonTest, ChecksItsOptions) {
  EXPECT_TRUE(Instance().CheckOptions({}).ok());
  EXPECT_TRUE(Instance().CheckOptions({{"long_bytes", "4"}}).ok());
  EXPECT_TRUE(Instance().CheckOptions({{"long_bytes", "8"}}).ok());
  for (const char* value : {"", "0", "6", "08", "eight"}) {
    const absl::Status status = Instance().CheckOptions({{"long_bytes", value}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr("long_bytes"));
  }
  EXPECT_THAT(std::string(Instance().CheckOptions({{"short_bytes", "4"}}).message()),
              HasSubstr("short_bytes"));
}

TEST(ChatonTest, SessionsHaveTheBytesOfTheirOptions) {
  const struct {
    DialectOptions options;
    const char* ticket;
    bool programs;  // the existing ones, which must hear of a relay's end first
  } kCases[] = {
      {{}, "09 00000007", false},
      {{{"long_bytes", "4"}}, "09 00000007", false},
      {{{"long_bytes", "8"}}, "09 00000000 00000007", true},
  };
  for (const auto& c : kCases) {
    FakeClientHost client_host;
    const auto client = Instance().NewClientSession(c.options, client_host);
    ASSERT_TRUE(client->PresentTicket(7).ok());
    EXPECT_EQ(client_host.sent, Hex(c.ticket));
    EXPECT_EQ(client->announces_relay_end(), c.programs);

    FakeHost host;
    const auto server = Instance().NewServerSession(c.options, SessionLimits(), host);
    EXPECT_EQ(server->OnBytes(client_host.sent).next, Next::kRelay);
    EXPECT_EQ(host.calls, std::vector<std::string>{"PresentTicket 7"});
    EXPECT_EQ(server->relay_end_waits_for_notice(), c.programs);
  }
}

TEST(ChatonTest, KnowsWhatItsClientsCanDo) {
  const ClientTraits traits = Instance().client_traits();
  EXPECT_EQ(traits.max_message_bytes, 1024u);
  EXPECT_TRUE(traits.public_room);
  EXPECT_EQ(traits.public_confirmation, Confirmation::kEcho);
  EXPECT_EQ(traits.private_confirmation, Confirmation::kNone);
  EXPECT_TRUE(traits.relays);
  EXPECT_FALSE(traits.ascii_only);
  EXPECT_EQ(Instance().own_public(), OwnPublic::kEchoed);
  EXPECT_TRUE(Instance().has_public_room());
  EXPECT_TRUE(Instance().answers(RequestKind::kRelay));
  EXPECT_FALSE(Instance().answers(RequestKind::kTalk));
  EXPECT_FALSE(Instance().answers(RequestKind::kDirect));
}

TEST(EncodePublicTest, IsOneMessageFromWhomItIs) {
  const struct {
    UserRef from;
    const char* bytes;
  } kCases[] = {
      {{"bob", 0}, "03 00000003 \"bob\" 00000002 \"hi\""},
      {{"bob", 7}, "03 00000005 \"bob@7\" 00000002 \"hi\""},
      {{"bob", INT32_MAX}, "03 0000000e \"bob@2147483647\" 00000002 \"hi\""},
  };
  for (const auto& c : kCases) {
    char buffer[kMaxPublicBytes];
    wire::Writer out(absl::MakeSpan(buffer));
    Instance().EncodePublic({c.from, *Text::From("hi"), 1}, out);
    EXPECT_EQ(out.written(), Hex(c.bytes));
  }
}

TEST(EncodePublicTest, TheLongestFits) {
  const std::string name(kMaxNameBytes, 'n');
  const std::string body(kMaxMessageBytes, 'x');
  char buffer[kMaxPublicBytes];
  wire::Writer out(absl::MakeSpan(buffer));
  Instance().EncodePublic({{name, INT32_MAX}, *Text::From(body), 1}, out);
  EXPECT_FALSE(out.overflowed());
  EXPECT_EQ(out.size(), 1 + 4 + 41 + 4 + 1024u);
}

TEST(EncodePublicTest, OverflowsWhereThereIsNoRoom) {
  char buffer[8];
  wire::Writer out(absl::MakeSpan(buffer));
  Instance().EncodePublic({{"bob", 0}, *Text::From("hi"), 1}, out);
  EXPECT_TRUE(out.overflowed());
}

}  // namespace
}  // namespace chat::chaton
