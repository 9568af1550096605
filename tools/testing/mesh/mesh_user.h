// Users of merged servers, in any dialect.

#ifndef TOOLS_TESTING_MESH_MESH_USER_H_
#define TOOLS_TESTING_MESH_MESH_USER_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/event/user.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/user/test_user.h"

namespace chat::testing {

// What somebody has heard: a message, or (crp) one that came as the reason of a request to talk.
struct Heard {
  User from;  // with the id of its server, also where the dialect shows none
  std::string body;

  friend bool operator==(const Heard&, const Heard&) = default;
  friend auto operator<=>(const Heard& a, const Heard& b) {
    return std::tie(a.from.server, a.from.name, a.body) <=>
           std::tie(b.from.server, b.from.name, b.body);
  }
};
std::ostream& operator<<(std::ostream& out, const Heard& heard);

// Somebody who is logged in, and agrees to talk to whoever asks. Thread safety: none.
class MeshUser {
 public:
  // Where the dialect takes an account, it is made first, unless it is there.
  MeshUser(const MeshServer& server, absl::string_view dialect, std::string name);

  const User& user() const { return user_; }  // with its server's id
  ClientTraits traits() const { return user_at_.dialect().client_traits(); }
  const Dialect& dialect() const { return user_at_.dialect(); }
  ClientSession& session() { return user_at_.session(); }

  // To everyone.
  void Say(absl::string_view body);
  // To one; asks before where that is needed, and waits until the two may talk.
  void Whisper(MeshUser& to, absl::string_view body);

  // All so far, in order, of what the methods below have waited for and what came before it.
  const std::vector<Heard>& heard() const { return heard_; }
  // How often.
  int64_t Count(const Heard& what) const;
  // Until it has heard that once (again: what it had heard before the call counts, too).
  bool Await(const Heard& what);
  // Until there is so much of it.
  bool AwaitHeard(const std::function<bool(const std::vector<Heard>&)>& enough,
                  absl::string_view what);
  // Until the next word that what it has said has not reached its receiver, which is taken: whether
  // it is the receiver's server that is not there.
  bool AwaitUndeliverable(bool no_server);
  // Until the talk with `peer` has ended.
  bool AwaitTalkEnded(const User& peer);

 private:
  // Takes in what comes next. False: the connection has ended.
  bool Take();
  bool AwaitThat(const std::function<bool()>& condition, absl::string_view what);
  // As it is addressed by this user.
  User Addressee(const User& user) const;
  User WithServer(User user) const;

  const User user_;
  TestUser user_at_;
  std::vector<Heard> heard_;
  std::set<std::string> talks_;   // with whom; as Display shows them
  std::set<std::string> agreed_;  // with whom that has asked
  std::vector<bool> undeliverable_;
};

// Everybody in `users` says something to everyone, twice: each who is in the public room of its
// dialect hears it exactly once, its sender as its dialect has it, and nobody else does.
void ExpectAllHearAll(const std::vector<MeshUser*>& users, absl::string_view tag);

// `from` writes to `to` twice, who hears it.
void ExpectWhispers(MeshUser& from, MeshUser& to, absl::string_view tag);

// Nobody has heard anything twice.
void ExpectNothingTwice(const std::vector<MeshUser*>& users);

}  // namespace chat::testing

#endif  // TOOLS_TESTING_MESH_MESH_USER_H_
