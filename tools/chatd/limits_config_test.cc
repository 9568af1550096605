#include "tools/chatd/limits_config.h"

#include <map>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::TextFormat;
using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using Errors = std::map<std::string, std::string>;

config::v1::Limits Config(absl::string_view text) {
  config::v1::Limits config;
  EXPECT_TRUE(TextFormat::ParseFromString(std::string(text), &config)) << text;
  return config;
}

Errors Apply(const config::v1::Limits& config, Limits& limits) {
  Errors errors;
  ApplyLimits(config, limits, [&](absl::string_view field, absl::string_view what) {
    errors[std::string(field)] = std::string(what);
  });
  return errors;
}

// Nothing if `value` is good for `field`.
std::string ErrorOf(absl::string_view field, absl::string_view value) {
  Limits limits;
  const Errors errors = Apply(Config(absl::StrCat(field, ": \"", value, "\"")), limits);
  return errors.empty() ? "" : errors.begin()->second;
}

TEST(ApplyLimits, LeavesWhatIsNotSaid) {
  Limits limits;
  limits.tunnels = 7;
  EXPECT_THAT(Apply({}, limits), IsEmpty());
  EXPECT_EQ(limits.tunnels, 7);
}

// Each field of the proto does something, and what it does is what LimitsToConfig says.
TEST(ApplyLimits, KnowsEachField) {
  const auto* descriptor = config::v1::Limits::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    const bool flag = field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL;
    config::v1::Limits config;
    if (flag) {
      config.GetReflection()->SetBool(&config, field, false);
    } else {
      const std::string sample =
          LimitsToConfig(Limits()).GetReflection()->GetString(LimitsToConfig(Limits()), field);
      const bool duration = !sample.empty() && (sample.back() == 's' || sample.back() == 'm');
      const bool size = !sample.empty() && sample.back() == 'B';
      config.GetReflection()->SetString(&config, field, duration ? "7s" : size ? "5KiB" : "97");
    }
    Limits limits;
    EXPECT_THAT(Apply(config, limits), IsEmpty()) << field->name();

    config::v1::Limits expected = LimitsToConfig(Limits());
    expected.MergeFrom(config);
    EXPECT_TRUE(MessageDifferencer::Equals(LimitsToConfig(limits), expected)) << field->name();
  }
}

TEST(LimitsToConfig, SaysAllAndReadsBack) {
  Limits limits;
  limits.connections = 5000;
  limits.lag = kUnlimited;
  limits.stall = absl::InfiniteDuration();
  limits.messages_burst = kUnlimited;
  limits.login = absl::Milliseconds(1500);
  limits.frame = 2049;
  limits.exempt_loopback = false;
  const config::v1::Limits config = LimitsToConfig(limits);
  EXPECT_EQ(config.connections(), "5000");
  EXPECT_EQ(config.lag(), "unlimited");
  EXPECT_EQ(config.stall(), "unlimited");
  EXPECT_EQ(config.messages_burst(), "unlimited");
  EXPECT_EQ(config.login(), "1.5s");
  EXPECT_EQ(config.frame(), "2049");
  EXPECT_EQ(config.memory(), "512MiB");

  Limits again;
  EXPECT_THAT(Apply(config, again), IsEmpty());
  EXPECT_TRUE(MessageDifferencer::Equals(LimitsToConfig(again), config));
  EXPECT_EQ(again.lag, kUnlimited);
  EXPECT_EQ(again.stall, absl::InfiniteDuration());
  EXPECT_EQ(again.login, absl::Milliseconds(1500));
  EXPECT_EQ(again.memory, int64_t{512} << 20);
  EXPECT_FALSE(again.exempt_loopback);
}

TEST(LimitsToConfig, LeavesConnectionsOutIfTheyFollowFromTheDescriptors) {
  EXPECT_FALSE(LimitsToConfig(Limits()).has_connections());
}

TEST(ApplyLimits, TakesSizes) {
  const std::pair<const char*, int64_t> kCases[] = {
      {"4096", 4096}, {"4KiB", 4096}, {"3MiB", 3 << 20}, {"1GiB", 1 << 30}, {"1", 1},
  };
  for (const auto& [text, bytes] : kCases) {
    Limits limits;
    EXPECT_THAT(Apply(Config(absl::StrCat("lag: \"", text, "\"")), limits), IsEmpty()) << text;
    EXPECT_EQ(limits.lag, bytes) << text;
  }
}

TEST(ApplyLimits, TakesDurations) {
  const std::pair<const char*, absl::Duration> kCases[] = {
      {"500ms", absl::Milliseconds(500)},
      {"15s", absl::Seconds(15)},
      {"1h30m", absl::Minutes(90)},
      {"1.5s", absl::Milliseconds(1500)},
  };
  for (const auto& [text, duration] : kCases) {
    Limits limits;
    EXPECT_THAT(Apply(Config(absl::StrCat("drain: \"", text, "\"")), limits), IsEmpty()) << text;
    EXPECT_EQ(limits.drain, duration) << text;
  }
}

TEST(ApplyLimits, SaysWhatIsWrong) {
  constexpr char kNotASize[] =
      "is not a size, like \"512\", \"64KiB\", \"4MiB\" or \"1GiB\", nor \"unlimited\"";
  constexpr char kNotADuration[] =
      "is not a duration, like \"500ms\", \"15s\" or \"2m\", nor \"unlimited\"";
  constexpr char kNotANumber[] = "is not a number, like \"1000\", nor \"unlimited\"";
  constexpr char kZero[] = "is refused: to lift the bound, say \"unlimited\"";
  struct Bad {
    const char* field;
    const char* value;
    const char* what;  // behind the quoted value
  };
  const Bad kCases[] = {
      {"lag", "", kNotASize},
      {"lag", "-1", kNotASize},
      {"lag", "4 MiB", kNotASize},
      {"lag", "4MB", kNotASize},
      {"lag", "4mib", kNotASize},
      {"lag", "KiB", kNotASize},
      {"lag", "1.5MiB", kNotASize},
      {"lag", "9223372036854775807", kNotASize},
      {"lag", "9223372036854775807GiB", kNotASize},
      {"lag", "Unlimited", kNotASize},
      {"lag", "0", kZero},
      {"lag", "0KiB", kZero},
      {"login", "", kNotADuration},
      {"login", "15", kNotADuration},
      {"login", "-15s", kNotADuration},
      {"login", "inf", kNotADuration},
      {"login", "15 s", kNotADuration},
      {"login", "0", kZero},
      {"login", "0s", kZero},
      {"login", "1us", "is below the least possible, \"1ms\""},
      {"login", "9000h", "is above the most possible, \"8760h\""},
      {"tunnels", "", kNotANumber},
      {"tunnels", "+1", kNotANumber},
      {"tunnels", "1e3", kNotANumber},
      {"tunnels", "64KiB", kNotANumber},
      {"tunnels", "99999999999999999999", kNotANumber},
      {"tunnels", "0", kZero},
      {"read_budget", "x", "is not a size, like \"512\", \"64KiB\", \"4MiB\" or \"1GiB\""},
      {"read_budget", "0", "is refused"},
      {"read_budget", "4095", "is below the least possible, \"4KiB\""},
      {"frame_before_login", "63", "is below the least possible, \"64\""},
      {"frame", "1KiB", "is below the least possible, \"2KiB\""},
      {"frame", "17MiB", "is above the most possible, \"16MiB\""},
      {"keepalive_idle", "10h", "is above the most possible, \"9h\""},
      {"keepalive_probes", "128", "is above the most possible, \"127\""},
      {"hashing_threads", "129", "is above the most possible, \"128\""},
      {"user_timeout", "25h", "is above the most possible, \"24h\""},
  };
  for (const Bad& bad : kCases) {
    EXPECT_EQ(ErrorOf(bad.field, bad.value), absl::StrCat("\"", bad.value, "\" ", bad.what))
        << bad.field;
  }
}

TEST(ApplyLimits, RefusesUnlimitedWhereSomethingMustBeBounded) {
  const absl::string_view kBounded[] = {"frame",
                                        "frame_before_login",
                                        "accepts_per_wake",
                                        "read_budget",
                                        "logins_addresses",
                                        "hashing_threads",
                                        "keepalive_interval",
                                        "keepalive_probes"};
  const auto* descriptor = config::v1::Limits::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) continue;
    const bool bounded = absl::c_linear_search(kBounded, field->name());
    EXPECT_EQ(ErrorOf(field->name(), "unlimited"), bounded ? "cannot be unlimited" : "")
        << field->name();
  }
}

TEST(ApplyLimits, ReportsEachAndKeepsTheGoodOnes) {
  Limits limits;
  const Errors errors =
      Apply(Config("login: '0' tunnels: '5' lag: 'x' frame: 'unlimited'"), limits);
  EXPECT_THAT(errors, ElementsAre(Pair("frame", "cannot be unlimited"), Pair("lag", ::testing::_),
                                  Pair("login", ::testing::_)));
  EXPECT_EQ(limits.tunnels, 5);
  EXPECT_EQ(limits.login, Limits().login);
  EXPECT_EQ(limits.lag, Limits().lag);
}

}  // namespace
}  // namespace chat::tools
