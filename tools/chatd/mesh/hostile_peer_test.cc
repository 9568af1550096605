// A server that lies, played by hand, against real ones: nothing that it says reaches anybody whom
// it should not, nobody is led anywhere, and the others go on.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/event/mesh.h"
#include "libchat/net/test_cfp_packets.h"
#include "libchat/net/test_client.h"
#include "tools/testing/mesh/mesh_server.h"
#include "tools/testing/mesh/mesh_user.h"

namespace chat::tools {
namespace {

using net::Int;
using net::Op;
using net::Str;
using net::StreamEnd;
using net::TestClient;
using net::TestListener;
using net::cfp::Error;
using net::cfp::FileChnkInc;
using net::cfp::Id;
using net::cfp::MrgDcl;
using net::cfp::MrgReq;
using net::cfp::MrgRsp;
using net::cfp::MsgPblInc;
using net::cfp::MsgPrvInc;
using net::cfp::PckFwd;
using ::testing::ElementsAre;
using testing::ExpectAllHearAll;
using testing::ExpectMesh;
using testing::ExpectNothingTwice;
using testing::ExpectWhispers;
using testing::Heard;
using testing::MeshServer;
using testing::MeshUser;

constexpr uint32_t kLoopback = 0x7F000001;
constexpr int32_t kLiar = 7;

// Listens on an address of this machine that servers are not allowed to merge with.
class ForbiddenPlace {
 public:
  explicit ForbiddenPlace(uint32_t address)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own = {};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(address);
    socklen_t size = sizeof(own);
    auto* const bare = reinterpret_cast<sockaddr*>(&own);
    EXPECT_EQ(::bind(fd_, bare, size), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    EXPECT_EQ(::getsockname(fd_, bare, &size), 0);
    port_ = ntohs(own.sin_port);
  }
  ForbiddenPlace(const ForbiddenPlace&) = delete;
  ForbiddenPlace& operator=(const ForbiddenPlace&) = delete;
  ~ForbiddenPlace() { ::close(fd_); }

  uint16_t port() const { return port_; }
  bool SomebodyCame() const {
    pollfd waiting = {.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

// Servers 1 and 2 are merged; the liar is merged with 1 only, as server 7.
class HostilePeer : public ::testing::Test {
 protected:
  HostilePeer()
      : one_(1, OnlyFromHere()), two_(2, OnlyFromHere()), alice_(one_, "chaton", "alice") {
    one_.Merge(two_);
    ExpectMesh({&one_, &two_});
    bob_ = std::make_unique<MeshUser>(two_, "cfp", "bob");
    liar_ = Merged(kLiar);
  }

  static MeshServer::Options OnlyFromHere() {
    return {.dialects = {"chatos", "chaton"}, .allowed = {"127.0.0.1/32"}};
  }

  Sibling At(const MeshServer& server) { return {server.id(), kLoopback, server.port()}; }

  // Merges with server 1.
  TestClient Merged(int32_t id) {
    TestClient peer(one_.port());
    peer.Send(MrgReq(id, {}));
    EXPECT_TRUE(peer.Expect(MrgRsp(1, {At(one_), At(two_)})));
    return peer;
  }

  // What the liar may say, which alice hears as the next thing from it.
  void ExpectOnlyTheTruthIsHeard() {
    const std::string truth = absl::StrCat("truth ", ++truths_);
    ASSERT_TRUE(liar_.Send(PckFwd(1, MsgPblInc(kLiar, "mallory", truth))));
    ASSERT_TRUE(alice_.Await({{"mallory", kLiar}, truth}));
    told_.push_back({{"mallory", kLiar}, truth});
    EXPECT_EQ(alice_.heard(), told_);
    // What stands before alice's words on the link between the servers would be heard before them.
    alice_.Say(truth);
    told_.push_back({alice_.user(), truth});
    ASSERT_TRUE(alice_.Await({alice_.user(), truth}));
    ASSERT_TRUE(bob_->Await({alice_.user(), truth}));
    bobs_.push_back({alice_.user(), truth});
    EXPECT_EQ(bob_->heard(), bobs_);
  }

  // `packets`, on the liar's link, are heard by nobody, and it lives.
  void ExpectIgnored(absl::string_view packets) {
    ASSERT_TRUE(liar_.Send(packets));
    ExpectOnlyTheTruthIsHeard();
    EXPECT_EQ(one_.Merged(), (std::set<int32_t>{2, kLiar}));
  }

  // `bytes` on a new connection end it; `answer` comes before that.
  void ExpectEnds(const std::string& bytes, const std::string& answer = "") {
    TestClient client(one_.port());
    client.Send(bytes);
    StreamEnd end = StreamEnd::kNone;
    EXPECT_EQ(client.ReceiveAll(&end), answer);
    EXPECT_NE(end, StreamEnd::kNone);
  }

  // chat-admin says that 1 and 2 are merged, with nobody else but `liars`.
  void ExpectShown(const std::set<int32_t>& liars) {
    std::set<int32_t> shown;
    for (const auto& row : one_.Servers()) {
      shown.insert(row["id"].get<int32_t>());
      const bool is_liar = liars.count(row["id"].get<int32_t>()) != 0;
      EXPECT_EQ(row["address"], is_liar ? "" : two_.address());
    }
    std::set<int32_t> all = liars;
    all.insert(2);
    EXPECT_EQ(shown, all);
    ASSERT_EQ(two_.Servers().size(), 1u);
    EXPECT_EQ(two_.Servers()[0]["id"], 1);
  }

  MeshServer one_;
  MeshServer two_;
  MeshUser alice_;                 // at 1
  std::unique_ptr<MeshUser> bob_;  // at 2
  TestClient liar_;
  int truths_ = 0;
  std::vector<Heard> told_;  // to alice
  std::vector<Heard> bobs_;
};

// ---- What it says of others ----

TEST_F(HostilePeer, SpeaksForNobodyElse) {
  ExpectShown({kLiar});
  for (int32_t origin : {0, 1, 2, 8, -1, INT32_MIN, INT32_MAX}) {
    ExpectIgnored(PckFwd(1, MsgPblInc(origin, "bob", "forged")));
    ExpectIgnored(PckFwd(1, MsgPrvInc(origin, "bob", "alice", "forged")));
    ExpectIgnored(PckFwd(1, FileChnkInc(origin, "bob", "alice", 1, std::string(1024, 'x'))));
  }
  // Without PCKFWD, too, which is how a server speaks to its own clients.
  ExpectIgnored(MsgPblInc(kLiar, "mallory", "bare"));
  ExpectIgnored(MsgPblInc(1, "bob", "bare"));
  ExpectIgnored(MsgPrvInc(2, "bob", "alice", "bare"));
  ExpectShown({kLiar});
}

TEST_F(HostilePeer, SaysNothingThatIsHandedOn) {
  for (int32_t destination : {0, 2, 8, -1}) {
    ExpectIgnored(PckFwd(destination, MsgPblInc(kLiar, "mallory", "for others")));
    ExpectIgnored(PckFwd(destination, MsgPrvInc(kLiar, "mallory", "bob", "for others")));
    ExpectIgnored(PckFwd(1, PckFwd(destination, MsgPblInc(kLiar, "mallory", "wrapped"))));
  }
  ExpectIgnored(PckFwd(1, PckFwd(1, MsgPblInc(kLiar, "mallory", "wrapped"))));
  ExpectIgnored(PckFwd(1, PckFwd(1, PckFwd(2, MsgPblInc(1, "alice", "wrapped twice")))));
}

TEST_F(HostilePeer, SaysNothingThatIsNoText) {
  for (const std::string& bad :
       {std::string("\0", 1), std::string("\xff"), std::string("\xed\xa0\x80")}) {
    ExpectIgnored(PckFwd(1, MsgPblInc(kLiar, "mallory", absl::StrCat("text", bad))));
    ExpectIgnored(PckFwd(1, MsgPblInc(kLiar, absl::StrCat("mallory", bad), "name")));
  }
  for (const char* name : {"", "a b", "a@2", "a\n", "0123456789012345678901234567890"}) {
    ExpectIgnored(PckFwd(1, MsgPblInc(kLiar, name, "no name")));
  }
  ExpectIgnored(PckFwd(1, MsgPblInc(kLiar, "mallory", std::string(1025, 'x'))));
}

// ---- What it says about merging ----

TEST_F(HostilePeer, MergesOnceOnALink) {
  ExpectIgnored(MrgReq(8, {}));
  ExpectIgnored(MrgReq(kLiar, {{9, kLoopback, 1}}));
  ExpectIgnored(MrgRsp(8, {{9, kLoopback, 1}}));
  ExpectIgnored(MrgDcl(0) + MrgDcl(1) + MrgDcl(2));
  ExpectIgnored(net::cfp::AuthGst("mallory") + net::cfp::MsgPbl("as a client"));
  EXPECT_FALSE(liar_.Readable() && liar_.Receive(1) != Op(0x50)) << "an answer";
  ExpectShown({kLiar});
}

TEST_F(HostilePeer, IdsThatAreNobodys) {
  for (int32_t id : {0, -1, INT32_MIN}) {
    ExpectEnds(MrgReq(id, {}));
    ExpectEnds(MrgReq(9, {{id, kLoopback, 7773}}));
  }
  ExpectEnds(MrgReq(9, {{10, kLoopback, 0}}));
  ExpectEnds(Op(0xA0) + Id(9) + Int(1) + Id(10) + Int(kLoopback) + Int(70'000));
  ExpectEnds(MrgReq(1, {}), MrgDcl(2));
  ExpectEnds(MrgReq(2, {}), MrgDcl(0));
  ExpectEnds(MrgReq(2, {{2, kLoopback, 1}}), MrgDcl(2));
  ExpectEnds(MrgReq(kLiar, {}), MrgDcl(0));
  ExpectEnds(MrgReq(9, {{1, kLoopback, 1}}), MrgDcl(2));
  ExpectEnds(MrgReq(9, {{2, kLoopback, 1}}), MrgDcl(2));
  ExpectOnlyTheTruthIsHeard();
  ExpectShown({kLiar});
}

TEST_F(HostilePeer, MoreSiblingsThanThereCanBe) {
  for (uint32_t count : {0xFFFFFFFFu, 0x80000000u, 0x7FFFFFFFu, 10'000u, 1001u}) {
    ExpectEnds(Op(0xA0) + Id(9) + Int(count));
  }
  std::vector<Sibling> many;
  for (int32_t id = 100; id < 1100; ++id) many.push_back({id, kLoopback, 1});
  ExpectEnds(MrgReq(9, many), MrgDcl(1));
  ExpectOnlyTheTruthIsHeard();
  ExpectShown({kLiar});
}

TEST_F(HostilePeer, LeadsNobodyWhereHeMustNotGo) {
  const ForbiddenPlace forbidden(0x7F000002);
  TestListener allowed;
  TestClient other(one_.port());
  other.Send(MrgReq(8, {{10, 0, forbidden.port()},
                        {11, 0xFFFFFFFF, forbidden.port()},
                        {12, 0xE0000001, forbidden.port()},
                        {13, 0x7F000002, forbidden.port()},
                        {14, 0x7F000003, forbidden.port()},
                        {15, kLoopback, allowed.port()}}));
  EXPECT_TRUE(other.Expect(MrgRsp(1, {At(one_), At(two_)})));
  // The last of them is asked, so the others are done with.
  TestClient asked = allowed.Accept();
  EXPECT_TRUE(asked.Expect(MrgReq(1, {At(one_), At(two_)})));
  EXPECT_TRUE(one_.AwaitCounter("refused_merges", 5));
  EXPECT_FALSE(forbidden.SomebodyCame());
  // Nor does an answer lead there.
  asked.Send(MrgRsp(15, {{16, 0x7F000002, forbidden.port()}}));
  EXPECT_TRUE(one_.AwaitCounter("refused_merges", 6));
  EXPECT_FALSE(forbidden.SomebodyCame());
  EXPECT_NE(one_.Admin({"merge", absl::StrCat("127.0.0.2:", forbidden.port())}).exit_code, 0);
  EXPECT_FALSE(forbidden.SomebodyCame());
  ExpectShown({kLiar, 8, 15});
}

TEST_F(HostilePeer, MayNotAskFromAnywhere) {
  TestClient stranger(one_.port(), "127.0.0.2");
  stranger.Send(MrgReq(9, {}) + PckFwd(1, MsgPblInc(9, "mallory", "from outside")));
  StreamEnd end = StreamEnd::kNone;
  EXPECT_EQ(stranger.ReceiveAll(&end), "");
  EXPECT_NE(end, StreamEnd::kNone);
  one_.process().WaitForText(2, "refused to merge with server 9");
  ExpectOnlyTheTruthIsHeard();
  ExpectShown({kLiar});
}

// ---- Bytes ----

TEST_F(HostilePeer, PacketsWithoutAnEnd) {
  const std::string whole = MrgReq(8, {{9, kLoopback, 1}}) +
                            PckFwd(1, MsgPblInc(8, "mallory", "hi")) +
                            PckFwd(1, MsgPrvInc(8, "mallory", "alice", "hi"));
  for (size_t size = 1; size < MrgReq(8, {{9, kLoopback, 1}}).size(); ++size) {
    TestClient half(one_.port());
    half.Send(whole.substr(0, size));
    size % 2 == 0 ? half.Reset() : half.Close();
  }
  ExpectOnlyTheTruthIsHeard();
  // On a link, a byte at a time.
  for (const char byte : PckFwd(1, MsgPblInc(2, "bob", "forged, slowly"))) {
    ASSERT_TRUE(liar_.Send({&byte, 1}));
  }
  ExpectOnlyTheTruthIsHeard();
  liar_.Send(PckFwd(1, MsgPblInc(kLiar, "mallory", "never said")).substr(0, 20));
  liar_.HalfClose();
  EXPECT_TRUE(one_.AwaitMerged({2}));
  ExpectShown({});
}

TEST_F(HostilePeer, EnormousLengths) {
  for (uint32_t size : {0x7FFFFFFFu, 0xFFFFFFFFu, 0x10000000u, 0x80000000u}) {
    for (const std::string& head :
         {Op(0x50) + Id(1) + Op(0x30) + Id(8), Op(0x50) + Id(1) + Op(0x30) + Id(8) + Str("mallory"),
          Op(0x50) + Id(1) + Op(0x31) + Id(8) + Str("mallory") + Str("alice"),
          Op(0x50) + Id(1) + Op(0x41) + Id(8) + Str("mallory") + Str("alice") + Id(1),
          Op(0x50) + Id(1) + Op(0xF0)}) {
      TestClient link = Merged(8);
      link.Send(head + Int(size) + "abc");
      EXPECT_NE(link.AwaitEnd(), StreamEnd::kNone);
      EXPECT_TRUE(one_.AwaitMerged({2, kLiar}));
    }
    ExpectEnds(Op(0x00) + Int(size));
  }
  ExpectOnlyTheTruthIsHeard();
  ExpectShown({kLiar});
}

// ---- Much of it ----

TEST_F(HostilePeer, FloodsOfMergesCostLittle) {
  const int64_t before = one_.MemoryPeak();
  std::vector<TestClient> merged;
  int refused = 0;
  for (int32_t i = 0; i < 2000; ++i) {
    TestClient peer(one_.port());
    peer.Send(MrgReq(100 + i, {}));
    const std::string answer = peer.Receive(1);
    if (answer == Op(0xA1)) {
      merged.push_back(std::move(peer));
    } else {
      refused += answer == Op(0xA2) ? 1 : 0;
    }
  }
  EXPECT_EQ(merged.size(), 7u);  // with 1, 2 and the liar that is ten
  EXPECT_EQ(refused, 1993);
  ExpectOnlyTheTruthIsHeard();
  merged.clear();
  EXPECT_TRUE(one_.AwaitMerged({2, kLiar}));
  // One that goes on asking.
  std::string many;
  for (int32_t i = 0; i < 10'000; ++i) many += MrgReq(1000 + i, {{20'000 + i, kLoopback, 1}});
  ExpectIgnored(many);
  ExpectShown({kLiar});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(one_.MemoryPeak() - before, 16 << 20);
#endif
  RecordProperty("bytes", static_cast<int>(one_.MemoryPeak() - before));
}

// Each asks for dora's consent, and would leave its message with the server meanwhile.
TEST_F(HostilePeer, FloodsOfStrangersCostLittle) {
  testing::TestUser dora(one_.url("chatos"));
  dora.LogIn("dora");
  const int64_t before = one_.MemoryPeak();
  const std::string body(1000, 'x');
  for (int i = 0; i < 50'000; ++i) {
    const std::string name = absl::StrCat("stranger", i);
    ASSERT_TRUE(liar_.Send(PckFwd(1, MsgPrvInc(kLiar, name, "dora", body))));
    while (liar_.Readable()) ASSERT_NE(liar_.Receive(1), "") << "after " << i;
  }
  ExpectOnlyTheTruthIsHeard();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(one_.MemoryPeak() - before, 16 << 20);
#endif
  RecordProperty("bytes", static_cast<int>(one_.MemoryPeak() - before));
  EXPECT_EQ(dora.Await<Asked>().from, User("stranger0", kLiar));
}

// ---- And all that is no hindrance ----

TEST_F(HostilePeer, OthersMergeMeanwhile) {
  MeshServer three(3, OnlyFromHere());
  three.Merge(two_);
  EXPECT_TRUE(two_.AwaitMerged({1, 3}));
  EXPECT_TRUE(one_.AwaitMerged({2, 3, kLiar}));
  EXPECT_TRUE(three.AwaitMerged({1, 2}));
  liar_.Close();
  ExpectMesh({&one_, &two_, &three});
  MeshUser carol(three, "chaton", "carol");
  ExpectAllHearAll({&alice_, bob_.get(), &carol}, "hello");
  ExpectWhispers(carol, alice_, "psst");
  ExpectNothingTwice({&alice_, bob_.get(), &carol});
}

}  // namespace
}  // namespace chat::tools
