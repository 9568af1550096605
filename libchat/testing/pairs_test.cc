// Where dialects meet, for every pair of them: what one user says is exactly one packet to another,
// whatever the text; who needs consent is asked for it; what cannot be, does not happen.

#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "libchat/testing/hub_world.h"
#include "libchat/testing/random_text.h"
#include "libchat/testing/world_user.h"

namespace chat::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kTexts = 200;

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

struct Pair {
  const Dialect* from;
  const Dialect* to;
};

std::vector<Pair> AllPairs() {
  std::vector<Pair> pairs;
  for (const Dialect* from : AllDialects()) {
    for (const Dialect* to : AllDialects()) pairs.push_back({from, to});
  }
  return pairs;
}

template <typename T>
std::vector<T> Only(const std::vector<ClientEvent>& events) {
  std::vector<T> some;
  for (const ClientEvent& event : events) {
    if (const T* one = std::get_if<T>(&event)) some.push_back(*one);
  }
  return some;
}

class Pairs : public ::testing::TestWithParam<Pair> {
 protected:
  Pairs()
      : world_(AllDialects()),
        sender_(world_, *GetParam().from, "sender1"),
        receiver_(world_, *GetParam().to, "receiver1") {}

  // What the receiver has learnt since the last time.
  std::vector<ClientEvent> News() {
    ExchangeAll({&sender_, &receiver_});
    EXPECT_TRUE(sender_.well());
    EXPECT_TRUE(receiver_.well());
    return receiver_.TakeEvents();
  }
  std::string Body() {
    return RandomText(random_, sender_.traits().max_message_bytes, sender_.traits().ascii_only);
  }
  bool ways(PrivateWay from, PrivateWay to) const {
    return sender_.traits().private_way == from && receiver_.traits().private_way == to;
  }
  absl::Status Ask(RequestKind kind) {
    return sender_.session().Ask(kind, User(receiver_.name()), Text());
  }
  absl::Status Whisper(const std::string& body) {
    return sender_.session().SendPrivate(++token_, User(receiver_.name()), ToText(body));
  }
  void Accept() {
    EXPECT_TRUE(receiver_.session().Answer(RequestKind::kTalk, User(sender_.name()), true).ok());
  }
  void ExpectHeard(const std::vector<ClientEvent>& events, bool is_private,
                   const std::string& body) {
    const std::vector<Received> heard = Only<Received>(events);
    ASSERT_THAT(heard, SizeIs(1));
    EXPECT_THAT(events, SizeIs(1)) << "nothing but the message";
    EXPECT_EQ(heard[0].is_private, is_private && receiver_.traits().tells_private);
    EXPECT_EQ(heard[0].from.name, sender_.name());
    EXPECT_EQ(Gist(heard[0].body), Gist(body));
  }

  std::mt19937 random_{1};
  SendToken token_ = 0;
  HubWorld world_;
  WorldUser sender_;
  WorldUser receiver_;
};

TEST_P(Pairs, OnePublicMessageIsOnePacket) {
  if (!sender_.traits().public_room) {
    EXPECT_EQ(sender_.session().SendPublic(1, ToText("hi")).code(),
              absl::StatusCode::kUnimplemented);
    return;
  }
  for (int i = 0; i < kTexts; ++i) {
    const std::string body = Body();
    ASSERT_TRUE(sender_.session().SendPublic(++token_, ToText(body)).ok());
    const std::vector<ClientEvent> news = News();
    if (receiver_.traits().public_room) {
      ASSERT_NO_FATAL_FAILURE(ExpectHeard(news, false, body)) << i;
    } else {
      EXPECT_THAT(news, IsEmpty());
    }
    EXPECT_THAT(Only<Confirmed>(sender_.TakeEvents()), ElementsAre(Confirmed{token_}));
  }
}

TEST_P(Pairs, OnePrivateMessageIsOnePacket) {
  const PrivateWay way = sender_.traits().private_way;
  if (way == PrivateWay::kDirect) {
    EXPECT_EQ(Whisper("hi").code(), absl::StatusCode::kUnimplemented);
    return;
  }
  if (receiver_.traits().private_way == PrivateWay::kDirect) {
    // Refused in the sender's own way, and nothing is heard.
    if (way == PrivateWay::kTalk) {
      EXPECT_TRUE(Ask(RequestKind::kTalk).ok());
      EXPECT_THAT(News(), IsEmpty());
      EXPECT_THAT(Only<Refused>(sender_.TakeEvents()),
                  ElementsAre(Refused{RequestKind::kTalk, User(receiver_.name()), true}));
    } else {
      EXPECT_TRUE(Whisper("hi").ok());
      EXPECT_THAT(News(), IsEmpty());
    }
    return;
  }
  if (way == PrivateWay::kTalk) {
    ASSERT_TRUE(Ask(RequestKind::kTalk).ok());
    if (receiver_.traits().private_way == PrivateWay::kTalk) {
      EXPECT_THAT(News(),
                  ElementsAre(ClientEvent(Asked{RequestKind::kTalk, User(sender_.name()), ""})));
      Accept();
    }
    News();
    ASSERT_THAT(Only<TalkOpened>(sender_.TakeEvents()),
                ElementsAre(TalkOpened{User(receiver_.name())}));
  } else if (receiver_.traits().private_way == PrivateWay::kTalk) {
    // The server asks in the sender's name, and the message waits for the answer.
    ASSERT_TRUE(Whisper("first").ok());
    const std::vector<ClientEvent> asked = News();
    const bool shown = receiver_.dialect().shows_reason();
    ASSERT_THAT(asked, ElementsAre(ClientEvent(
                           Asked{RequestKind::kTalk, User(sender_.name()), shown ? "first" : ""})));
    Accept();
    EXPECT_THAT(Only<Received>(News()), SizeIs(shown ? 0 : 1));
  }
  for (int i = 0; i < kTexts; ++i) {
    const std::string body = Body();
    ASSERT_TRUE(Whisper(body).ok());
    ASSERT_NO_FATAL_FAILURE(ExpectHeard(News(), true, body)) << i;
  }
}

TEST_P(Pairs, RefusedConsentIsNoMessage) {
  if (receiver_.traits().private_way != PrivateWay::kTalk) GTEST_SKIP() << "is not asked";
  if (sender_.traits().private_way == PrivateWay::kDirect) GTEST_SKIP() << "cannot ask";
  ASSERT_TRUE((sender_.traits().private_way == PrivateWay::kTalk ? Ask(RequestKind::kTalk)
                                                                 : Whisper("first"))
                  .ok());
  EXPECT_THAT(Only<Asked>(News()), SizeIs(1));
  EXPECT_TRUE(receiver_.session().Answer(RequestKind::kTalk, User(sender_.name()), false).ok());
  EXPECT_THAT(News(), IsEmpty());
  if (sender_.traits().private_way == PrivateWay::kTalk) {
    EXPECT_THAT(Only<Refused>(sender_.TakeEvents()),
                ElementsAre(Refused{RequestKind::kTalk, User(receiver_.name()), false}));
  }
}

TEST_P(Pairs, RelaysAreAskedForOnlyWhereTheyAreKnown) {
  if (!sender_.traits().relays) {
    EXPECT_EQ(Ask(RequestKind::kRelay).code(), absl::StatusCode::kUnimplemented);
    return;
  }
  ASSERT_TRUE(Ask(RequestKind::kRelay).ok());
  EXPECT_THAT(Only<Asked>(News()), SizeIs(receiver_.traits().relays ? 1 : 0));
}

TEST_P(Pairs, DirectConnectionsAreAskedForOnlyWhereTheyAreKnown) {
  if (sender_.traits().private_way != PrivateWay::kDirect) {
    EXPECT_EQ(Ask(RequestKind::kDirect).code(), absl::StatusCode::kUnimplemented);
    return;
  }
  ASSERT_TRUE(Ask(RequestKind::kDirect).ok());
  const std::vector<ClientEvent> news = News();
  if (receiver_.traits().private_way == PrivateWay::kDirect) {
    EXPECT_THAT(news,
                ElementsAre(ClientEvent(Asked{RequestKind::kDirect, User(sender_.name()), ""})));
  } else {
    EXPECT_THAT(news, IsEmpty());
    EXPECT_THAT(Only<Refused>(sender_.TakeEvents()), SizeIs(1));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Pairs, ::testing::ValuesIn(AllPairs()), [](const auto& info) {
  return absl::StrCat(std::string(info.param.from->name()), "_to_",
                      std::string(info.param.to->name()));
});

}  // namespace
}  // namespace chat::testing
