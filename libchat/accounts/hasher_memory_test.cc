// What is said of passwords where there is no memory to hash them.

#include <sys/resource.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "libchat/accounts/hasher.h"
#include "libchat/accounts/password.h"
#include "sodium.h"

namespace chat {
namespace {

using Match = Hasher::Match;

// Nobody is told then that a right password is wrong.
TEST(HasherTest, KnowsNothingWhereMemoryIsRefused) {
  ASSERT_GE(sodium_init(), 0);
  Hasher hasher(1, 1);
  const Password password = *Password::From("swordfish");
  const std::string hash = *hasher.Hash(password);
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
  rlimit little = old;
  little.rlim_cur = static_cast<rlim_t>(pages * 4096 + (32 << 20));
  ASSERT_EQ(setrlimit(RLIMIT_AS, &little), 0);
  const Match match = hasher.Verify(hash, password);
  const bool hashed = hasher.Hash(password).has_value();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &old), 0);
  EXPECT_EQ(match, Match::kFailed);
  EXPECT_FALSE(hashed);
  EXPECT_EQ(hasher.Verify(hash, password), Match::kYes);
}

}  // namespace
}  // namespace chat
