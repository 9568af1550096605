#include "libchat/testing/world_user.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

constexpr char kPassword[] = "secret1";

}  // namespace

WorldUser::WorldUser(HubWorld& world, const Dialect& dialect, std::string name)
    : world_(world),
      dialect_(dialect),
      name_(std::move(name)),
      session_(dialect.NewClientSession({}, *this)) {
  EXPECT_TRUE(world.Connect(name_, dialect, {}).ok());
  if (traits().passwords == Passwords::kRequired) {
    EXPECT_TRUE(session_->Register(name_, kPassword).ok());
    ExchangeAll({this});
    EXPECT_TRUE(session_->LoginWithPassword(name_, kPassword).ok());
  } else {
    EXPECT_TRUE(session_->Login(name_).ok());
  }
  ExchangeAll({this});
  const std::vector<ClientEvent> events = TakeEvents();
  EXPECT_TRUE(!events.empty() && events.back() == ClientEvent(LoggedIn{})) << name_;
}

void WorldUser::Send(absl::string_view bytes) { absl::StrAppend(&to_server_, bytes); }

bool WorldUser::Exchange() {
  const std::string out = std::exchange(to_server_, {});
  if (!out.empty()) {
    EXPECT_TRUE(world_.Send(name_, out).ok());
  }
  World::End end;
  const bool came = world_.Receive(name_, &from_server_, &end);
  if (came && next_ == Next::kMore) {
    const Step step = session_->OnBytes(from_server_);
    from_server_.erase(0, step.consumed);
    next_ = step.next;
  }
  return came || !out.empty();
}

void ExchangeAll(const std::vector<WorldUser*>& users) {
  bool moved = true;
  while (moved) {
    moved = false;
    for (WorldUser* user : users) moved |= user->Exchange();
  }
}

}  // namespace chat::testing
