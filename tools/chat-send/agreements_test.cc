#include "tools/chat-send/agreements.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;

// Notes what is asked, and allows as many open requests as the test says.
class FakeSession final : public ClientSession {
 public:
  absl::Status Login(absl::string_view) override { return absl::OkStatus(); }
  absl::Status Ask(RequestKind kind, UserRef to, Text reason) override {
    if (room == 0) return absl::ResourceExhaustedError("one at a time");
    --room;
    const absl::string_view colon = reason.bytes().empty() ? "" : ": ";
    asked.push_back(absl::StrCat(ToString(kind), " ", Display(to), colon, reason.bytes()));
    return absl::OkStatus();
  }
  Step OnBytes(absl::string_view) override { return {}; }

  int room = 100;
  std::vector<std::string> asked;
};

class AgreementsTest : public ::testing::Test {
 protected:
  AgreementsTest() { agreements_.Use(&session_); }

  // An Ask that is under way until its answer is here.
  struct Asking {
    std::optional<absl::Status> answer;
  };
  void Ask(RequestKind kind, std::string user, Asking* asking,
           absl::Duration timeout = absl::Hours(1), std::string reason = "") {
    asio::co_spawn(io_, agreements_.Ask(kind, std::move(user), std::move(reason), timeout),
                   [asking](std::exception_ptr thrown, absl::Status status) {
                     if (thrown) std::rethrow_exception(thrown);
                     asking->answer = std::move(status);
                   });
    Run();
  }
  void Say(const ClientEvent& event) {
    agreements_.OnEvent(event);
    Run();
  }
  // All that can happen without time passing.
  void Run() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
  FakeSession session_;
  Agreements agreements_{io_.get_executor()};
};

TEST_F(AgreementsTest, AsksOnce) {
  Asking first;
  Ask(RequestKind::kTalk, "bob", &first);
  EXPECT_FALSE(first.answer.has_value());
  EXPECT_FALSE(agreements_.Has(RequestKind::kTalk, "bob"));
  Say(TalkOpened{User("bob")});
  EXPECT_EQ(first.answer, absl::OkStatus());
  EXPECT_TRUE(agreements_.Has(RequestKind::kTalk, "bob"));
  EXPECT_FALSE(agreements_.Has(RequestKind::kDirect, "bob"));

  Asking second;
  Ask(RequestKind::kTalk, "bob", &second);
  EXPECT_EQ(second.answer, absl::OkStatus());
  EXPECT_THAT(session_.asked, ElementsAre("talk bob"));
}

TEST_F(AgreementsTest, AsksAgainAfterTheEndOfATalk) {
  Asking first, second;
  Ask(RequestKind::kTalk, "bob@7", &first);
  Say(TalkOpened{User("bob", 7)});
  Say(TalkEnded{User("bob", 7)});
  EXPECT_FALSE(agreements_.Has(RequestKind::kTalk, "bob@7"));
  Ask(RequestKind::kTalk, "bob@7", &second);
  Say(TalkEnded{User("bob", 7)});  // once more: it is not what was asked for just now
  EXPECT_FALSE(second.answer.has_value());
  Say(TalkOpened{User("bob", 7)});
  EXPECT_EQ(second.answer, absl::OkStatus());
  EXPECT_THAT(session_.asked, ElementsAre("talk bob@7", "talk bob@7"));
}

TEST_F(AgreementsTest, TellsARefusalFromAnAbsence) {
  Asking refused, absent;
  Ask(RequestKind::kTalk, "bob", &refused);
  Ask(RequestKind::kTalk, "eve", &absent);
  Say(Refused{RequestKind::kTalk, User("eve"), true});
  Say(Refused{RequestKind::kTalk, User("bob"), false});
  EXPECT_EQ(refused.answer, absl::PermissionDeniedError("bob refused"));
  EXPECT_EQ(absent.answer, absl::NotFoundError("no such user: eve"));
}

TEST_F(AgreementsTest, GivesAnAddressOnce) {
  Asking asking;
  Ask(RequestKind::kDirect, "bob", &asking);
  const DirectAddress at{"\x7f\0\0\1", 4000, 42};
  Say(DirectGranted{User("bob"), at});
  EXPECT_EQ(asking.answer, absl::OkStatus());
  EXPECT_EQ(agreements_.TakeAddress("bob"), at);
  EXPECT_EQ(agreements_.TakeAddress("bob"), std::nullopt);
}

TEST_F(AgreementsTest, WhatNobodyAskedForIsIgnored) {
  Say(TalkOpened{User("mallory")});
  Say(DirectGranted{User("mallory"), {}});
  EXPECT_FALSE(agreements_.Has(RequestKind::kTalk, "mallory"));
  EXPECT_EQ(agreements_.TakeAddress("mallory"), std::nullopt);
}

TEST_F(AgreementsTest, WaitsForItsTurn) {
  session_.room = 1;
  Asking bob, eve;
  Ask(RequestKind::kTalk, "bob", &bob);
  Ask(RequestKind::kTalk, "eve", &eve);
  EXPECT_THAT(session_.asked, ElementsAre("talk bob"));
  session_.room = 1;
  Say(Refused{RequestKind::kTalk, User("bob"), false});
  EXPECT_THAT(session_.asked, ElementsAre("talk bob", "talk eve"));
  EXPECT_FALSE(eve.answer.has_value());
}

TEST_F(AgreementsTest, SaysWhy) {
  session_.room = 1;
  Asking bob, eve;
  Ask(RequestKind::kTalk, "bob", &bob, absl::Hours(1), "hello");
  Ask(RequestKind::kTalk, "eve", &eve, absl::Hours(1), "not text: \xff");
  session_.room = 1;
  Say(TalkOpened{User("bob")});
  EXPECT_THAT(session_.asked, ElementsAre("talk bob: hello", "talk eve"));
}

TEST_F(AgreementsTest, GivesUpInTime) {
  Asking asking;
  Ask(RequestKind::kTalk, "bob", &asking, absl::Milliseconds(1));
  while (!asking.answer.has_value()) io_.run_one();
  EXPECT_EQ(asking.answer->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(AgreementsTest, EndsWithTheSession) {
  Asking asking;
  Ask(RequestKind::kTalk, "bob", &asking);
  agreements_.Use(nullptr);
  Run();
  EXPECT_EQ(asking.answer->code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chat::tools
