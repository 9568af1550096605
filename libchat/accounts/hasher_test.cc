#include "libchat/accounts/hasher.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "libchat/accounts/password.h"
#include "sodium.h"

namespace chat {
namespace {

using Match = Hasher::Match;

Password Pass(absl::string_view bytes) { return *Password::From(bytes); }

TEST(PasswordTest, HasOneToManyBytes) {
  EXPECT_FALSE(Password::From("").has_value());
  EXPECT_EQ(Pass("x").bytes(), "x");
  const std::string longest(Password::kMaxBytes, 'x');
  EXPECT_EQ(Password::kMaxBytes, 128u);
  EXPECT_EQ(Pass(longest).bytes(), longest);
  EXPECT_FALSE(Password::From(longest + "x").has_value());
}

TEST(PasswordTest, MovesItsBytes) {
  Password first = Pass("swordfish");
  const char* const bytes = first.bytes().data();
  const Password second = std::move(first);
  EXPECT_EQ(second.bytes().data(), bytes);
  EXPECT_EQ(second.bytes(), "swordfish");
}

TEST(HasherTest, KnowsWhatAHashWasMadeOf) {
  Hasher hasher(1, 1);
  const std::optional<std::string> hash = hasher.Hash(Pass("swordfish"));
  ASSERT_TRUE(hash.has_value());
  EXPECT_EQ(hasher.Verify(*hash, Pass("swordfish")), Match::kYes);
  EXPECT_EQ(hasher.Verify(*hash, Pass("Swordfish")), Match::kNo);
  EXPECT_EQ(hasher.Verify(*hash, Pass("swordfish ")), Match::kNo);
  EXPECT_EQ(hasher.computations(), 4u);
}

// What libsodium itself says of the hash: other programs can use our database.
TEST(HasherTest, MakesHashesAsLibsodiumDoes) {
  Hasher hasher(1, 1);
  const std::optional<std::string> hash = hasher.Hash(Pass("swordfish"));
  ASSERT_TRUE(hash.has_value());
  EXPECT_TRUE(absl::StartsWith(*hash, "$argon2id$v=19$m=65536,t=2,p=1$")) << *hash;
  EXPECT_EQ(crypto_pwhash_str_verify(hash->c_str(), "swordfish", 9), 0);
}

TEST(HasherTest, NobodysHashIsVerifiedAsAnyOther) {
  Hasher hasher(1, 1);
  const std::string nobodys = Hasher::NobodysHash();
  const std::string somebodys = *hasher.Hash(Pass("swordfish"));
  EXPECT_EQ(nobodys.size(), somebodys.size());
  EXPECT_EQ(nobodys.substr(0, 31), somebodys.substr(0, 31));
  EXPECT_EQ(hasher.Verify(nobodys, Pass("swordfish")), Match::kNo);
  EXPECT_EQ(hasher.computations(), 2u);
  EXPECT_NE(nobodys, Hasher::NobodysHash());
}

TEST(HasherTest, SaltsEachHash) {
  Hasher hasher(1, 1);
  EXPECT_NE(hasher.Hash(Pass("swordfish")), hasher.Hash(Pass("swordfish")));
}

TEST(HasherTest, TakesPasswordsOfAnyBytes) {
  Hasher hasher(1, 1);
  const std::string odd("\0\xff$ \n", 5);
  const std::optional<std::string> hash = hasher.Hash(Pass(odd));
  ASSERT_TRUE(hash.has_value());
  EXPECT_EQ(hasher.Verify(*hash, Pass(odd)), Match::kYes);
  EXPECT_EQ(hasher.Verify(*hash, Pass(odd.substr(0, 1))), Match::kNo);
}

TEST(HasherTest, KnowsNothingFromWhatIsNoHash) {
  Hasher hasher(1, 1);
  const std::string good = *hasher.Hash(Pass("x"));
  std::string no_base64 = good;
  no_base64.back() = '!';
  std::string other_costs = good;
  other_costs.replace(other_costs.find("m=65536"), 7, "m=x5536");
  for (const std::string& bad :
       {std::string(), std::string("swordfish"), good.substr(0, good.size() - 1), good + "A",
        good + "$", no_base64, other_costs, std::string("$argon2id$v=19$m=65536,t=2,p=1$AA$AA"),
        std::string("$argon2id$v=19$m=65536$") + good.substr(good.size() - 66)}) {
    EXPECT_EQ(hasher.Verify(bad, Pass("x")), Match::kFailed) << bad;
  }
}

// Keeps all threads of a pool busy until it is released.
class Occupation {
 public:
  Occupation(Hasher& hasher, int threads) {
    absl::BlockingCounter begun(threads);
    for (int i = 0; i < threads; ++i) {
      EXPECT_TRUE(hasher.Submit([release = release_, &begun] {
        begun.DecrementCount();
        release->WaitForNotification();
      }));
    }
    begun.Wait();
  }
  ~Occupation() { Release(); }
  void Release() {
    if (!release_->HasBeenNotified()) release_->Notify();
  }

 private:
  const std::shared_ptr<absl::Notification> release_ = std::make_shared<absl::Notification>();
};

TEST(HasherTest, RunsAsManyAtOnceAsItHasThreads) {
  Hasher hasher(2, 64);
  Occupation both(hasher, 2);  // would hang if there were fewer
  absl::Notification third;
  EXPECT_TRUE(hasher.Submit([&] { third.Notify(); }));
  EXPECT_FALSE(third.HasBeenNotified());
  both.Release();
  third.WaitForNotification();
}

TEST(HasherTest, RefusesWhatItsQueueHasNoRoomFor) {
  constexpr int kQueue = 64;
  Hasher hasher(2, kQueue);
  absl::BlockingCounter ran(kQueue);
  Occupation both(hasher, 2);
  for (int i = 0; i < kQueue; ++i) {
    EXPECT_TRUE(hasher.Submit([&] { ran.DecrementCount(); })) << i;
  }
  EXPECT_FALSE(hasher.Submit([] { ADD_FAILURE() << "one too many"; }));
  both.Release();
  ran.Wait();
  absl::Notification one_more;
  EXPECT_TRUE(hasher.Submit([&] { one_more.Notify(); }));
  one_more.WaitForNotification();
}

TEST(HasherTest, TakesAnotherBoundWhileItRuns) {
  Hasher hasher(1, 1);
  const Occupation one(hasher, 1);
  EXPECT_TRUE(hasher.Submit([] {}));
  EXPECT_FALSE(hasher.Submit([] {}));
  hasher.SetQueue(2);
  EXPECT_TRUE(hasher.Submit([] {}));
  EXPECT_FALSE(hasher.Submit([] {}));
}

TEST(HasherTest, DropsWhatWaitsWhenItEnds) {
  absl::Notification release;
  absl::Notification begun;
  const auto dropped = std::make_shared<int>();
  std::thread releaser;
  {
    Hasher hasher(1, int64_t{1} << 40);
    EXPECT_TRUE(hasher.Submit([&] {
      begun.Notify();
      release.WaitForNotification();
    }));
    begun.WaitForNotification();
    EXPECT_TRUE(hasher.Submit([dropped] { ADD_FAILURE() << "ran"; }));
    // Only once the end has begun: what waits then is not begun any more.
    releaser = std::thread([&] {
      while (hasher.Submit([] {})) std::this_thread::yield();
      release.Notify();
    });
  }
  releaser.join();
  EXPECT_EQ(dropped.use_count(), 1);
}

class Environment : public ::testing::Environment {
 public:
  void SetUp() override { ASSERT_GE(sodium_init(), 0); }
};
const ::testing::Environment* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new Environment);

}  // namespace
}  // namespace chat
