#include "libchat/crp/dialect.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/testing/session_pair.h"

namespace chat::crp {
namespace {

using chat::testing::SessionPair;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const DialectOptions kAuthorOptions = {{"compat", "author"}};

TEST(CrpTest, ListensOnThePortOfTheDocument) {
  const std::vector<DefaultListener> listeners = Instance().default_listeners();
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].port, 10086);
  EXPECT_EQ(listeners[0].options, DialectOptions{});
}

TEST(CrpTest, ChecksItsOptions) {
  EXPECT_TRUE(Instance().CheckOptions({}).ok());
  EXPECT_TRUE(Instance().CheckOptions(kAuthorOptions).ok());
  for (const char* value : {"", "document", "Author", "1"}) {
    const absl::Status status = Instance().CheckOptions({{"compat", value}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr("author"));
  }
  EXPECT_THAT(std::string(Instance().CheckOptions({{"long_bytes", "8"}}).message()),
              HasSubstr("long_bytes"));
}

TEST(CrpTest, KnowsWhatItsClientsCanDo) {
  const ClientTraits traits = Instance().client_traits();
  EXPECT_EQ(traits.max_message_bytes, 1024u);
  EXPECT_FALSE(traits.public_room);
  EXPECT_EQ(traits.private_confirmation, Confirmation::kNone);
  EXPECT_FALSE(traits.relays);
  EXPECT_FALSE(traits.ascii_only);
  EXPECT_EQ(traits.private_way, PrivateWay::kTalk);
  EXPECT_EQ(traits.file_way, FileWay::kNone);
  EXPECT_EQ(traits.passwords, Passwords::kRequired);
  EXPECT_TRUE(traits.registers);
  EXPECT_FALSE(Instance().has_public_room());
  EXPECT_EQ(Instance().private_messages(), PrivateMessages::kTalks);
  EXPECT_GT(Instance().max_private_bytes(), 16000u);
  EXPECT_TRUE(Instance().shows_reason());
  EXPECT_FALSE(Instance().ascii_names());
  EXPECT_TRUE(Instance().answers(RequestKind::kTalk));
  EXPECT_FALSE(Instance().answers(RequestKind::kRelay));
  EXPECT_FALSE(Instance().answers(RequestKind::kDirect));
}

// Both sides follow the options: they understand each other whatever those are.
class CrpPairTest : public ::testing::TestWithParam<DialectOptions> {
 protected:
  // What the client has learnt since the last time.
  std::vector<std::string> News() {
    pair_.Exchange();
    return pair_.client_host().TakeEvents();
  }
  void SignIn() {
    ASSERT_TRUE(pair_.client().LoginWithPassword("alice", "secret1").ok());
    pair_.Exchange();
    pair_.Tell(Authenticated{LoginResult::kAccepted});
    ASSERT_THAT(News(), ElementsAre("LoggedIn"));
  }

  SessionPair pair_{Instance(), GetParam()};
};

TEST_P(CrpPairTest, AnAbsentUserIsKnownAsSuch) {
  SignIn();
  pair_.server_host().ask_delivery = Delivery::kNoSuchUser;
  ASSERT_TRUE(pair_.client().Ask(RequestKind::kTalk, User("bobby"), Text()).ok());
  EXPECT_THAT(News(), ElementsAre("Refused talk, absent bobby"));
}

TEST_P(CrpPairTest, AnAcceptedInvitationIsATalk) {
  SignIn();
  const User alice("alice"), bobby("bobby");
  pair_.Tell(Answer{RequestKind::kTalk, alice, bobby, Verdict::kAccepted, 99999});
  EXPECT_THAT(News(), ElementsAre("TalkOpened with bobby"));
  ASSERT_TRUE(pair_.client().SendPrivate(1, bobby, *Text::From("hi\n")).ok());
  pair_.Exchange();
  EXPECT_EQ(pair_.server_host().calls.back(), "SendInTalk 99999 bobby \"hi\\n\"");
  pair_.Tell(TalkClosed{99999, bobby});
  EXPECT_THAT(News(), ElementsAre("TalkEnded with bobby"));
}

TEST_P(CrpPairTest, AWrongPasswordMayBeTheEnd) {
  ASSERT_TRUE(pair_.client().LoginWithPassword("alice", "secret2").ok());
  pair_.Exchange();
  EXPECT_EQ(pair_.server().OnEvent(Authenticated{LoginResult::kWrongPassword}),
            GetParam().empty() ? Next::kClose : Next::kMore);
  EXPECT_THAT(News(), ElementsAre("LoginRefused password"));
}

TEST_P(CrpPairTest, WhoIsReplacedIsTold) {
  SignIn();
  pair_.server().OnFarewell(Farewell::kReplaced);
  EXPECT_THAT(News(), ElementsAre("Replaced"));
}

INSTANTIATE_TEST_SUITE_P(All, CrpPairTest, ::testing::Values(DialectOptions{}, kAuthorOptions));

}  // namespace
}  // namespace chat::crp
