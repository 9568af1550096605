#include "libchat/chathack/dialect.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

using chat::testing::FakeClientHost;
using chat::testing::FakeDirectHost;
using chat::testing::FakeHost;
using chat::testing::Hex;
using ::testing::HasSubstr;

TEST(ChathackTest, ListensOnOnePort) {
  const std::vector<DefaultListener> listeners = Instance().default_listeners();
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].port, 7772);
  EXPECT_EQ(listeners[0].options, DialectOptions{});
}

TEST(ChathackTest, ChecksItsOptions) {
  EXPECT_TRUE(Instance().CheckOptions({}).ok());
  EXPECT_TRUE(Instance().CheckOptions({{"any_address", "true"}}).ok());
  EXPECT_TRUE(Instance().CheckOptions({{"any_address", "false"}}).ok());
  for (const char* value : {"", "0", "1", "True", "yes"}) {
    const absl::Status status = Instance().CheckOptions({{"any_address", value}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr("any_address"));
  }
  EXPECT_THAT(std::string(Instance().CheckOptions({{"long_bytes", "8"}}).message()),
              HasSubstr("long_bytes"));
}

TEST(ChathackTest, SessionsGoByTheirOptions) {
  const struct {
    DialectOptions options;
    const char* answer;
  } kCases[] = {
      {{}, "AnswerRequest direct bob no"},
      {{{"any_address", "false"}}, "AnswerRequest direct bob no"},
      {{{"any_address", "true"}}, "AcceptDirect bob 10.0.0.1:7000 id 5"},
  };
  for (const auto& c : kCases) {
    FakeClientHost client_host;
    const auto client = Instance().NewClientSession(c.options, client_host);
    FakeHost host;
    const auto server = Instance().NewServerSession(c.options, SessionLimits(), host);
    ASSERT_TRUE(client->Login("alice").ok());
    server->OnBytes(client_host.TakeSent());
    client->OnBytes(host.TakeSent());
    const DirectAddress at{std::string("\x0a\0\0\x01", 4), 7000, 5};
    ASSERT_TRUE(client->AcceptDirect(User("bob"), at).ok());
    server->OnBytes(client_host.sent);
    EXPECT_EQ(host.calls.back(), c.answer);
  }
}

TEST(ChathackTest, KnowsWhatItsClientsCanDo) {
  const ClientTraits traits = Instance().client_traits();
  EXPECT_EQ(traits.max_message_bytes, 1024u);
  EXPECT_TRUE(traits.public_room);
  EXPECT_EQ(traits.public_confirmation, Confirmation::kEcho);
  EXPECT_EQ(traits.private_confirmation, Confirmation::kNone);
  EXPECT_FALSE(traits.relays);
  EXPECT_FALSE(traits.ascii_only);
  EXPECT_EQ(traits.private_way, PrivateWay::kDirect);
  EXPECT_EQ(traits.file_way, FileWay::kDirect);
  EXPECT_EQ(traits.passwords, Passwords::kOptional);
  EXPECT_FALSE(traits.registers);
  EXPECT_EQ(Instance().own_public(), OwnPublic::kEchoed);
  EXPECT_EQ(Instance().private_messages(), PrivateMessages::kNone);
  EXPECT_TRUE(Instance().has_public_room());
  EXPECT_FALSE(Instance().shows_reason());
  EXPECT_FALSE(Instance().ascii_names());
  EXPECT_TRUE(Instance().answers(RequestKind::kDirect));
  EXPECT_FALSE(Instance().answers(RequestKind::kTalk));
  EXPECT_FALSE(Instance().answers(RequestKind::kRelay));
}

TEST(ChathackTest, HasDirectSessions) {
  FakeDirectHost host;
  const auto session =
      Instance().NewDirectSession({DirectOptions::Side::kConnects, "alice", "bob", 5}, host);
  ASSERT_NE(session, nullptr);
  session->Start();
  EXPECT_EQ(host.sent, Hex("09 00000005 \"alice\" 0000000000000005"));
  EXPECT_EQ(session->max_piece_bytes(), 1024u);
}

TEST(EncodePublicTest, IsOneMessageFromWhomItIs) {
  const struct {
    UserRef from;
    const char* bytes;
  } kCases[] = {
      {{"bob", 0}, "05 00000003 \"bob\" 00000002 \"hi\""},
      {{"bob", 7}, "05 00000005 \"bob@7\" 00000002 \"hi\""},
      {{"bob", INT32_MAX}, "05 0000000e \"bob@2147483647\" 00000002 \"hi\""},
  };
  for (const auto& c : kCases) {
    char buffer[kMaxPublicBytes];
    wire::Writer out(absl::MakeSpan(buffer));
    Instance().EncodePublic({c.from, *Text::From("hi"), 1}, out);
    EXPECT_EQ(out.written(), Hex(c.bytes));
  }
}

TEST(EncodePublicTest, IsOnePacketWhateverIsSaid) {
  const char* kParts[] = {"a", "\x01", "\x05", "\x08", "\n", "\r\n", "\xc3\xa9", "@7", "TXT", "="};
  constexpr DecodeLimits kLimits = {
      .proposal = 0, .name = kMaxShownNameBytes, .file_name = 0, .content = 1024, .frame = 4096};
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string name, body;
    while (name.size() < 28 && random() % 8 != 0) name += kParts[random() % std::size(kParts)];
    while (body.size() < 1020 && random() % 64 != 0) body += kParts[random() % std::size(kParts)];
    const UserRef from{name, i % 2 == 0 ? 0 : static_cast<int32_t>(random() % INT32_MAX)};
    char buffer[kMaxPublicBytes];
    wire::Writer out(absl::MakeSpan(buffer));
    Instance().EncodePublic({from, *Text::From(body), 1}, out);
    const Decoded<Ack> decoded = DecodeAck(out.written(), kLimits);
    ASSERT_EQ(decoded.status, DecodeStatus::kDone);
    ASSERT_EQ(decoded.size, out.size());
    ASSERT_TRUE(decoded.packet == Ack(AckGlobalMessage{Display(from), body}));
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
}  // namespace chat::chathack
