#include "tools/common/nearest.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace chat::tools {
namespace {

const std::vector<std::string>& Names() {
  static const auto* const kNames = new std::vector<std::string>{
      "server", "user", "to", "timeout", "connect-timeout", "ack-timeout", "reconnect", "quiet"};
  return *kNames;
}

TEST(Nearest, FindsWhatWasMistyped) {
  EXPECT_EQ(Nearest("sever", Names()), "server");
  EXPECT_EQ(Nearest("sevrer", Names()), "server");
  EXPECT_EQ(Nearest("serverr", Names()), "server");
  EXPECT_EQ(Nearest("Server", Names()), "server");
  EXPECT_EQ(Nearest("usr", Names()), "user");
  EXPECT_EQ(Nearest("ack_timeout", Names()), "ack-timeout");
  EXPECT_EQ(Nearest("recon", Names()), "reconnect");
  EXPECT_EQ(Nearest("time-out", Names()), "timeout");
}

TEST(Nearest, DoesNotGuessWild) {
  EXPECT_EQ(Nearest("nonsense", Names()), "");
  EXPECT_EQ(Nearest("", Names()), "");
  EXPECT_EQ(Nearest("x", {}), "");
  EXPECT_EQ(Nearest(std::string(100000, 's'), Names()), "");
}

}  // namespace
}  // namespace chat::tools
