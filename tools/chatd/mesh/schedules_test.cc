// Servers merge, die and come back as chance has it, none waiting for another. Whatever has
// happened, in the end those of one group are one network, and those of two are not.

#include <algorithm>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/mesh/mesh_user.h"

namespace chat::tools {
namespace {

using testing::Eventually;
using testing::ExpectAllHearAll;
using testing::ExpectMesh;
using testing::ExpectNothingTwice;
using testing::ExpectWhispers;
using testing::Heard;
using testing::MeshServer;
using testing::MeshUser;

constexpr size_t kMostServers = 6;
constexpr int kSteps = 14;
constexpr int kMostDeaths = 4;

class Schedules : public ::testing::TestWithParam<uint32_t> {
 protected:
  Schedules() : random_(GetParam()) {
    const size_t count = 4 + Pick(kMostServers - 3);
    for (size_t i = 0; i < count; ++i) {
      MeshServer::Options options{.dialects = {"chaton"}};
      servers_.push_back(
          std::make_unique<MeshServer>(static_cast<int32_t>(i + 1), std::move(options)));
      // Most schedules have one group with all of them, or nearly.
      groups_.push_back(Pick(5) == 0 ? 1 : 0);
    }
  }
  ~Schedules() override {
    if (HasFailure()) std::cout << "seed " << GetParam() << ":" << story_ << std::endl;
  }

  size_t Pick(size_t n) { return random_() % n; }
  MeshServer& server(size_t i) { return *servers_[i]; }
  void Tell(absl::string_view what) { absl::StrAppend(&story_, "\n  ", what); }

  // ---- What happens ----

  void Merge(MeshServer& from, MeshServer& to) {
    Tell(absl::StrCat(from.id(), " asks ", to.id()));
    const absl::Status asked = from.Ask(to);
    EXPECT_TRUE(asked.ok() || absl::IsAlreadyExists(asked)) << asked;
  }

  // The others see it at once. (Else one could say that it is merged with it, and do nothing.)
  void Kill(MeshServer& server) {
    Tell(absl::StrCat(server.id(), " dies"));
    server.Kill();
    ++deaths_;
    for (const auto& other : servers_) {
      if (!other->running()) continue;
      Eventually([&] { return other->Merged().count(server.id()) == 0; },
                 absl::StrCat(server.id(), " is gone at ", other->id()));
    }
  }

  void Restart(MeshServer& server) {
    Tell(absl::StrCat(server.id(), " comes back"));
    server.Restart();
  }

  void Step() {
    MeshServer& one = server(Pick(servers_.size()));
    if (!one.running()) return Restart(one);
    if (Pick(3) == 0 && deaths_ < kMostDeaths) return Kill(one);
    const size_t other = Pick(servers_.size());
    const size_t group = groups_[static_cast<size_t>(one.id() - 1)];
    if (&server(other) != &one && groups_[other] == group) Merge(one, server(other));
  }

  // ---- What comes of it ----

  std::vector<MeshServer*> Living(size_t group) {
    std::vector<MeshServer*> living;
    for (size_t i = 0; i < servers_.size(); ++i) {
      if (groups_[i] == group && server(i).running()) living.push_back(&server(i));
    }
    return living;
  }

  // So that it does not depend on who had asked whom, and has died.
  void MergeAll(std::vector<MeshServer*> group) {
    std::shuffle(group.begin(), group.end(), random_);
    for (size_t i = 0; i + 1 < group.size(); ++i) Merge(*group[i], *group[i + 1]);
  }

  std::vector<std::unique_ptr<MeshUser>> UsersOf(const std::vector<MeshServer*>& group) {
    std::vector<std::unique_ptr<MeshUser>> users;
    for (MeshServer* server : group) {
      for (const char* dialect : {"cfp", "chaton"}) {
        users.push_back(
            std::make_unique<MeshUser>(*server, dialect, absl::StrCat(dialect, "user")));
      }
    }
    return users;
  }

  static std::vector<MeshUser*> Pointers(const std::vector<std::unique_ptr<MeshUser>>& users) {
    std::vector<MeshUser*> pointers;
    for (const auto& user : users) pointers.push_back(user.get());
    return pointers;
  }

  std::mt19937 random_;
  std::vector<std::unique_ptr<MeshServer>> servers_;
  std::vector<size_t> groups_;  // of each server
  int deaths_ = 0;
  std::string story_;
};

TEST_P(Schedules, EndInOneNetworkAGroup) {
  for (int i = 0; i < kSteps; ++i) Step();
  const std::vector<std::vector<MeshServer*>> groups = {Living(0), Living(1)};
  for (const auto& group : groups) MergeAll(group);
  for (const auto& group : groups) ExpectMesh(group);
  ASSERT_FALSE(HasFailure());

  const std::vector<std::unique_ptr<MeshUser>> users[] = {UsersOf(groups[0]), UsersOf(groups[1])};
  for (size_t group : {0, 1}) {
    const std::vector<MeshUser*> all = Pointers(users[group]);
    ExpectAllHearAll(all, absl::StrCat("group ", group));
    for (MeshUser* from : all) {
      for (MeshUser* to : all) {
        if (from != to) ExpectWhispers(*from, *to, "psst");
      }
    }
  }
  for (size_t group : {0, 1}) {
    const std::vector<MeshUser*> all = Pointers(users[group]);
    ExpectNothingTwice(all);
    for (const MeshUser* user : all) {
      for (const Heard& heard : user->heard()) {
        EXPECT_FALSE(absl::StartsWith(heard.body, absl::StrCat("group ", 1 - group))) << heard;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Schedules, ::testing::Range(1u, 21u),
                         [](const auto& info) { return absl::StrCat(info.param); });

}  // namespace
}  // namespace chat::tools
