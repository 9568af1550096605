// A network as large as it may be: ten servers, each with a user of every dialect.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/mesh/mesh_user.h"

namespace chat::tools {
namespace {

using testing::ExpectAllHearAll;
using testing::ExpectMesh;
using testing::ExpectNothingTwice;
using testing::ExpectWhispers;
using testing::MeshServer;
using testing::MeshUser;

constexpr int kServers = 10;

std::vector<std::string> AllButCfp() {
  std::vector<std::string> names;
  for (const Dialect* dialect : AllDialects()) {
    if (!dialect->links()) names.emplace_back(dialect->name());
  }
  return names;
}

// Starting them takes the longest.
class TenServers : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    servers_ = new std::vector<std::unique_ptr<MeshServer>>;
    for (int id = 1; id <= kServers; ++id) {
      MeshServer::Options options{.dialects = AllButCfp()};
      servers_->push_back(std::make_unique<MeshServer>(id, std::move(options)));
    }
    for (int i = 0; i + 1 < kServers; ++i) server(i).Merge(server(i + 1));
    ExpectMesh(All());
  }
  static void TearDownTestSuite() {
    delete servers_;
    servers_ = nullptr;
  }

  static MeshServer& server(size_t i) { return *(*servers_)[i]; }
  static std::vector<MeshServer*> All() {
    std::vector<MeshServer*> all;
    for (const auto& server : *servers_) all.push_back(server.get());
    return all;
  }

  // One of each dialect on each server, all of one dialect with the same name.
  TenServers() {
    for (MeshServer* server : All()) {
      for (const Dialect* dialect : AllDialects()) {
        users_.push_back(std::make_unique<MeshUser>(*server, dialect->name(),
                                                    absl::StrCat("my", dialect->name())));
      }
    }
  }
  std::vector<MeshUser*> Users() {
    std::vector<MeshUser*> users;
    for (const auto& user : users_) users.push_back(user.get());
    return users;
  }

 private:
  static std::vector<std::unique_ptr<MeshServer>>* servers_;
  std::vector<std::unique_ptr<MeshUser>> users_;
};

std::vector<std::unique_ptr<MeshServer>>* TenServers::servers_ = nullptr;

TEST_F(TenServers, WhatIsSaidToEveryoneReachesEveryoneOnce) {
  ExpectAllHearAll(Users(), "hello");
  ExpectNothingTwice(Users());
  for (MeshUser* user : Users()) {
    EXPECT_EQ(user->heard().empty(), !user->traits().public_room) << user->user().name;
  }
}

TEST_F(TenServers, PrivateMessagesCrossBetweenAnyTwo) {
  for (MeshUser* from : Users()) {
    if (from->traits().private_way == PrivateWay::kDirect) continue;
    for (MeshUser* to : Users()) {
      if (to == from || to->traits().private_way == PrivateWay::kDirect) continue;
      ExpectWhispers(*from, *to, "psst");
      ASSERT_FALSE(HasFailure()) << from->user().name << "@" << from->user().server << " to "
                                 << to->user().name << "@" << to->user().server;
    }
  }
  ExpectNothingTwice(Users());
}

// By word of the server where the addressee is not.
TEST_F(TenServers, WhatCannotArriveComesBackToItsSender) {
  for (int i = 0; i < kServers; ++i) {
    MeshUser alice(server(i), "cfp", "alice");
    const int32_t next = server((i + 1) % kServers).id();
    for (const char* name : {"nobody", "mychathack"}) {
      ASSERT_TRUE(alice.session().SendPrivate(0, {name, next}, *Text::From("psst")).ok());
      EXPECT_TRUE(alice.AwaitUndeliverable(/*no_server=*/false)) << name;
    }
    ASSERT_TRUE(alice.session().SendPrivate(0, {"nobody", 11}, *Text::From("psst")).ok());
    EXPECT_TRUE(alice.AwaitUndeliverable(/*no_server=*/true));
  }
}

TEST_F(TenServers, AnEleventhIsRefused) {
  std::vector<std::string> before;
  for (MeshServer* server : All()) before.push_back(server->Servers().dump());
  MeshServer eleventh(11);
  eleventh.Merge(server(0));
  eleventh.process().WaitForText(2, "cannot merge with");
  server(9).Merge(eleventh);
  server(9).process().WaitForText(2, "cannot merge with");
  EXPECT_EQ(eleventh.Servers().dump(), "[]");
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(server(i).Servers().dump(), before[i]);
  ExpectAllHearAll(Users(), "still ten");
}

}  // namespace
}  // namespace chat::tools
