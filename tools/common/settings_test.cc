#include "tools/common/settings.h"

#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseDuration, TakesUnitsAndPlainSeconds) {
  EXPECT_EQ(*ParseDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("10"), absl::Seconds(10));
  EXPECT_EQ(*ParseDuration("0.25"), absl::Milliseconds(250));
  for (absl::string_view bad : {"", "0", "-1s", "inf", "nan", "ten", "10 s", "5x"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
}

// A tool with a setting of each kind, run in surroundings of its own.
class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() : settings_("tool", "Does things.", "echo hello | tool") {
    settings_.Text("-s,--server", "URL", "Where", &server_);
    settings_.Duration("--ack-timeout", "How long", &ack_timeout_);
    settings_.Number("-c,--count", "How many", 1, &count_);
    settings_.Flag("-q,--quiet", "Quiet", &quiet_);
    settings_.Flag("-J,--json", "JSON", &json_);
    settings_.Text("-F,--format", "FMT", "Format", &format_);
    settings_.List("--allow", "USER", "Who", [this](absl::string_view value) {
      allow_.emplace_back(value);
      return absl::OkStatus();
    });
    settings_.Words("MESSAGE", "Words", &words_);
    settings_.AtMostOne({"json", "format"});
    environment_["XDG_CONFIG_HOME"] = directory_.path();
  }

  // Nothing if the tool may go on.
  std::optional<int> Parse(std::vector<std::string> arguments) {
    std::vector<const char*> argv = {"tool"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const auto getenv = [this](const char* name) -> const char* {
      const auto value = environment_.find(name);
      return value == environment_.end() ? nullptr : value->second.c_str();
    };
    return settings_.Parse(argv.size(), argv.data(), Surroundings{getenv, out_, err_});
  }

  // The config file at its default place.
  void Config(absl::string_view text) {
    std::filesystem::create_directory(directory_.path() + "/chat");
    directory_.Write("chat/config", text);
  }

  testing::TempDir directory_;
  std::map<std::string, std::string> environment_;
  std::ostringstream out_;
  std::ostringstream err_;

  Settings settings_;
  std::string server_ = "default";
  absl::Duration ack_timeout_ = absl::Seconds(1);
  std::optional<int64_t> count_;
  bool quiet_ = false;
  bool json_ = false;
  std::optional<std::string> format_;
  std::vector<std::string> allow_;
  std::vector<std::string> words_;
};

TEST_F(SettingsTest, NothingGivenLeavesTheDefaults) {
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(server_, "default");
  EXPECT_EQ(count_, std::nullopt);
  EXPECT_THAT(words_, IsEmpty());
}

TEST_F(SettingsTest, AFileBeatsADefault) {
  Config("# a comment\n\n  server = from file  \nack-timeout=5s\nquiet = yes\nunknown = 1\n");
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(server_, "from file");
  EXPECT_EQ(ack_timeout_, absl::Seconds(5));
  EXPECT_TRUE(quiet_);
}

TEST_F(SettingsTest, TheEnvironmentBeatsAFile) {
  Config("server = from file\nack-timeout = 5s\n");
  environment_["CHAT_ACK_TIMEOUT"] = "7s";
  environment_["CHAT_SERVER"] = "";  // as if it were not there
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(server_, "from file");
  EXPECT_EQ(ack_timeout_, absl::Seconds(7));
}

TEST_F(SettingsTest, AFlagBeatsTheEnvironment) {
  environment_["CHAT_SERVER"] = "from environment";
  environment_["CHAT_COUNT"] = "3";
  environment_["CHAT_QUIET"] = "on";
  EXPECT_EQ(Parse({"-s", "from flag", "-q", "-q", "--quiet=false"}), std::nullopt);
  EXPECT_EQ(server_, "from flag");
  EXPECT_EQ(count_, 3);
  EXPECT_FALSE(quiet_);
  EXPECT_TRUE(settings_.GivenAsFlag("server"));
  EXPECT_FALSE(settings_.GivenAsFlag("count"));
}

TEST_F(SettingsTest, ABadValueThatIsOutrankedDoesNotMatter) {
  environment_["CHAT_COUNT"] = "many";
  EXPECT_EQ(Parse({"-c", "1"}), std::nullopt);
}

TEST_F(SettingsTest, TheLastOfSeveralFlagsCounts) {
  EXPECT_EQ(Parse({"-s", "one", "--server=two"}), std::nullopt);
  EXPECT_EQ(server_, "two");
}

TEST_F(SettingsTest, AListTakesAll) {
  EXPECT_EQ(Parse({"--allow", "ann", "word", "--allow=bob"}), std::nullopt);
  EXPECT_THAT(allow_, ElementsAre("ann", "bob"));
  EXPECT_THAT(words_, ElementsAre("word"));
}

TEST_F(SettingsTest, AListFromTheEnvironmentIsSplitAtSpaces) {
  environment_["CHAT_ALLOW"] = "ann  bob";
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_THAT(allow_, ElementsAre("ann", "bob"));
}

TEST_F(SettingsTest, AListInTheFileHasALineEach) {
  Config("allow = ann\nallow = bob\nserver = one\nserver = two\n");
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_THAT(allow_, ElementsAre("ann", "bob"));
  EXPECT_EQ(server_, "two");
}

TEST_F(SettingsTest, WordsMayLookLikeFlagsBehindTwoDashes) {
  EXPECT_EQ(Parse({"one", "-q", "two", "--", "-c", "-1"}), std::nullopt);
  EXPECT_TRUE(quiet_);
  EXPECT_THAT(words_, ElementsAre("one", "two", "-c", "-1"));
}

TEST_F(SettingsTest, RivalsAsFlagsAreAMistake) {
  EXPECT_EQ(Parse({"-J", "-F", "%s"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("--format: not together with --json"));
}

TEST_F(SettingsTest, AFlagSilencesItsRivalsElsewhere) {
  environment_["CHAT_JSON"] = "true";
  Config("json = true\n");
  EXPECT_EQ(Parse({"-F", "%s"}), std::nullopt);
  EXPECT_EQ(format_, "%s");
  EXPECT_FALSE(json_);
}

class MistakeTest : public SettingsTest,
                    public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(MistakeTest, OnTheCommandLineIs64) {
  EXPECT_EQ(Parse(GetParam()), 64);
  EXPECT_THAT(err_.str(), HasSubstr(GetParam().front().substr(0, GetParam().front().find('='))));
}

INSTANTIATE_TEST_SUITE_P(All, MistakeTest,
                         ::testing::Values(std::vector<std::string>{"--nonsense"},
                                           std::vector<std::string>{"--server"},
                                           std::vector<std::string>{"--count", "0"},
                                           std::vector<std::string>{"--count", "1x"},
                                           std::vector<std::string>{"--ack-timeout", "soon"},
                                           std::vector<std::string>{"--quiet=perhaps"}));

TEST_F(SettingsTest, MistakesBehindItAre78AndNameTheirPlace) {
  environment_["CHAT_COUNT"] = "many\x1b";
  EXPECT_EQ(Parse({}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("CHAT_COUNT: "));
  EXPECT_THAT(err_.str(), HasSubstr("many\\x1b"));
}

TEST_F(SettingsTest, AMistakeInTheFileNamesItsLine) {
  Config("quiet = yes\ncount = many\n");
  EXPECT_EQ(Parse({}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("chat/config:2: count: "));
}

TEST_F(SettingsTest, ALineWithoutAnEqualsSignIsAMistake) {
  Config("quiet\n");
  EXPECT_EQ(Parse({}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("chat/config:1: "));
}

TEST_F(SettingsTest, AFileMayBeNamed) {
  const std::string path = directory_.Write("other", "server = other\n");
  environment_["CHAT_CONFIG"] = path;
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(server_, "other");
}

TEST_F(SettingsTest, AFileThatIsNamedAndMissingIs78) {
  EXPECT_EQ(Parse({"--config", directory_.path() + "/missing"}), 78);
}

TEST_F(SettingsTest, HelpShowsTheExampleAndIsNoMistake) {
  EXPECT_EQ(Parse({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("echo hello | tool"));
  EXPECT_THAT(out_.str(), HasSubstr("-s,--server"));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(SettingsTest, VersionIsNoMistakeEither) {
  EXPECT_EQ(Parse({"-V"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("tool 0."));
}

}  // namespace
}  // namespace chat::tools
