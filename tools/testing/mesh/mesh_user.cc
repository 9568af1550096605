#include "tools/testing/mesh/mesh_user.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

constexpr char kPassword[] = "secret1";

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

}  // namespace

std::ostream& operator<<(std::ostream& out, const Heard& heard) {
  return out << heard.from.name << "@" << heard.from.server << ": " << heard.body;
}

MeshUser::MeshUser(const MeshServer& server, absl::string_view dialect, std::string name)
    : user_(std::move(name), server.id()), user_at_(server.url(dialect)) {
  if (traits().passwords != Passwords::kRequired) {
    user_at_.LogIn(user_.name);
    return;
  }
  EXPECT_TRUE(session().Register(user_.name, kPassword).ok());
  for (ClientEvent event; user_at_.NextEvent(event);) {
    if (std::holds_alternative<AccountMade>(event)) break;
    if (std::holds_alternative<AccountRefused>(event)) break;
  }
  EXPECT_TRUE(user_at_.LogInWithPassword(user_.name, kPassword));
}

User MeshUser::Addressee(const User& user) const {
  return user.server == user_.server ? User(user.name) : user;
}

User MeshUser::WithServer(User user) const {
  if (user.server == 0) user.server = user_.server;
  return user;
}

void MeshUser::Say(absl::string_view body) {
  const absl::Status status = session().SendPublic(0, ToText(body));
  EXPECT_TRUE(status.ok()) << status;
}

void MeshUser::Whisper(MeshUser& to, absl::string_view body) {
  const User addressee = Addressee(to.user());
  const std::string shown = Display(to.user());
  if (traits().private_way == PrivateWay::kTalk && talks_.count(shown) == 0) {
    const absl::Status asked = session().Ask(RequestKind::kTalk, addressee, Text());
    EXPECT_TRUE(asked.ok()) << asked;
    // On another server the receiver is asked when it is written to.
    const bool answers =
        to.user().server == user_.server && to.traits().private_way == traits().private_way;
    const std::string own = Display(user_);
    if (answers && !to.AwaitThat([&] { return to.agreed_.count(own) != 0; }, "a request")) return;
    if (!AwaitThat([&] { return talks_.count(shown) != 0; }, "consent")) return;
  }
  const absl::Status status = session().SendPrivate(0, addressee, ToText(body));
  EXPECT_TRUE(status.ok()) << status;
}

bool MeshUser::Take() {
  ClientEvent event;
  if (!user_at_.NextEvent(event)) return false;
  if (auto* received = std::get_if<Received>(&event)) {
    heard_.push_back({WithServer(std::move(received->from)), std::move(received->body)});
  } else if (auto* asked = std::get_if<Asked>(&event)) {
    if (asked->kind != RequestKind::kTalk) return true;
    EXPECT_TRUE(session().Answer(RequestKind::kTalk, asked->from, true).ok());
    agreed_.insert(Display(WithServer(asked->from)));
    if (!asked->reason.empty()) heard_.push_back({WithServer(asked->from), asked->reason});
  } else if (auto* opened = std::get_if<TalkOpened>(&event)) {
    talks_.insert(Display(WithServer(opened->peer)));
  } else if (auto* ended = std::get_if<TalkEnded>(&event)) {
    talks_.erase(Display(WithServer(ended->peer)));
    agreed_.erase(Display(WithServer(ended->peer)));
  } else if (auto* lost = std::get_if<Undeliverable>(&event)) {
    undeliverable_.push_back(lost->no_server);
  }
  return true;
}

bool MeshUser::AwaitThat(const std::function<bool()>& condition, absl::string_view what) {
  while (!condition()) {
    if (Take()) continue;
    ADD_FAILURE() << user_.name << "@" << user_.server << " waited in vain for " << what
                  << "; heard: " << ::testing::PrintToString(heard_);
    return false;
  }
  return true;
}

int64_t MeshUser::Count(const Heard& what) const {
  return std::count(heard_.begin(), heard_.end(), what);
}

bool MeshUser::Await(const Heard& what) {
  return AwaitThat([&] { return Count(what) > 0; }, ::testing::PrintToString(what));
}

bool MeshUser::AwaitHeard(const std::function<bool(const std::vector<Heard>&)>& enough,
                          absl::string_view what) {
  return AwaitThat([&] { return enough(heard_); }, what);
}

bool MeshUser::AwaitUndeliverable(bool no_server) {
  if (!AwaitThat([&] { return !undeliverable_.empty(); }, "an error")) return false;
  EXPECT_EQ(undeliverable_.front(), no_server);
  undeliverable_.erase(undeliverable_.begin());
  return true;
}

bool MeshUser::AwaitTalkEnded(const User& peer) {
  return AwaitThat([&] { return talks_.count(Display(peer)) == 0; }, "the end of a talk");
}

// ---- What all of them hear ----

namespace {

std::string Greeting(absl::string_view tag, int round, const MeshUser& from) {
  return absl::StrCat(tag, " ", round, ": ", from.user().name, " of ", from.user().server);
}

// What `listener` must have heard of a round, in the order of Heard.
std::vector<Heard> Due(const std::vector<MeshUser*>& users, absl::string_view tag, int round,
                       const MeshUser& listener) {
  std::vector<Heard> due;
  for (const MeshUser* from : users) {
    if (!from->traits().public_room || !listener.traits().public_room) continue;
    if (from == &listener && from->dialect().own_public() == OwnPublic::kLeftOut) continue;
    due.push_back({from->user(), Greeting(tag, round, *from)});
  }
  std::sort(due.begin(), due.end());
  return due;
}

std::vector<Heard> Of(const std::vector<Heard>& heard, absl::string_view tag, int round) {
  std::vector<Heard> some;
  for (const Heard& one : heard) {
    if (absl::StartsWith(one.body, absl::StrCat(tag, " ", round, ":"))) some.push_back(one);
  }
  std::sort(some.begin(), some.end());
  return some;
}

void SayRound(const std::vector<MeshUser*>& users, absl::string_view tag, int round) {
  for (MeshUser* user : users) {
    if (user->traits().public_room) user->Say(Greeting(tag, round, *user));
  }
  for (MeshUser* user : users) {
    const size_t due = Due(users, tag, round, *user).size();
    user->AwaitHeard(
        [&](const std::vector<Heard>& heard) { return Of(heard, tag, round).size() >= due; },
        absl::StrCat(due, " messages of ", tag));
  }
}

}  // namespace

// What comes twice, by whatever way it goes round, comes before what somebody on that way says
// after having heard it himself: hence the second round.
void ExpectAllHearAll(const std::vector<MeshUser*>& users, absl::string_view tag) {
  SayRound(users, tag, 1);
  SayRound(users, tag, 2);
  for (const MeshUser* user : users) {
    for (int round : {1, 2}) {
      EXPECT_EQ(Of(user->heard(), tag, round), Due(users, tag, round, *user))
          << "at " << user->user().name << "@" << user->user().server;
    }
  }
}

void ExpectWhispers(MeshUser& from, MeshUser& to, absl::string_view tag) {
  for (int round : {1, 2}) {
    const std::string body =
        absl::StrCat(tag, " ", round, ": for ", to.user().name, " of ", to.user().server);
    from.Whisper(to, body);
    if (!to.Await({from.user(), body})) return;
  }
}

void ExpectNothingTwice(const std::vector<MeshUser*>& users) {
  for (const MeshUser* user : users) {
    std::vector<Heard> heard = user->heard();
    std::sort(heard.begin(), heard.end());
    EXPECT_EQ(std::adjacent_find(heard.begin(), heard.end()), heard.end())
        << "at " << user->user().name << "@" << user->user().server;
  }
}

}  // namespace chat::testing
