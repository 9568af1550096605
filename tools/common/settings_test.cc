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
using ::testing::StartsWith;

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
  SettingsTest() {
    Declare();
    environment_["XDG_CONFIG_HOME"] = directory_.path();
  }

  // Settings are read once; this makes new ones.
  void Declare() {
    settings_.emplace("tool", "Does things.", "echo hello | tool");
    settings_->Text("-s,--server", "URL", "Where", &server_);
    settings_->Duration("--ack-timeout", "How long", &ack_timeout_);
    settings_->Number("-c,--count", "How many", 1, &count_);
    settings_->Flag("-q,--quiet", "Quiet", &quiet_);
    settings_->Flag("-J,--json", "JSON", &json_);
    settings_->Text("-F,--format", "FMT", "Format", &format_);
    settings_->List("--allow", "USER", "Who", [this](absl::string_view value) {
      allow_.emplace_back(value);
      return absl::OkStatus();
    });
    settings_->Words("MESSAGE", "Words", &words_);
    settings_->AtMostOne({"json", "format"});
  }

  // Nothing if the tool may go on.
  std::optional<int> Parse(std::vector<std::string> arguments) {
    std::vector<const char*> argv = {"tool"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const auto getenv = [this](const char* name) -> const char* {
      const auto value = environment_.find(name);
      return value == environment_.end() ? nullptr : value->second.c_str();
    };
    return settings_->Parse(argv.size(), argv.data(), Surroundings{getenv, out_, err_});
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

  std::optional<Settings> settings_;
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
  Config("# a comment\n\n  server = from file  \nack-timeout=5s\nquiet = yes\n");
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
  EXPECT_EQ(Parse({"-s", "from flag", "--quiet=false"}), std::nullopt);
  EXPECT_EQ(server_, "from flag");
  EXPECT_EQ(count_, 3);
  EXPECT_FALSE(quiet_);
  EXPECT_TRUE(settings_->GivenAsFlag("server"));
  EXPECT_FALSE(settings_->GivenAsFlag("count"));
}

TEST_F(SettingsTest, ABadValueThatIsOutrankedDoesNotMatter) {
  environment_["CHAT_COUNT"] = "many";
  EXPECT_EQ(Parse({"-c", "1"}), std::nullopt);
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
  Config("allow = ann\nallow = bob\n");
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_THAT(allow_, ElementsAre("ann", "bob"));
}

TEST_F(SettingsTest, WordsMayLookLikeFlagsBehindTwoDashes) {
  EXPECT_EQ(Parse({"one", "-q", "two", "--", "-c", "-1"}), std::nullopt);
  EXPECT_TRUE(quiet_);
  EXPECT_THAT(words_, ElementsAre("one", "two", "-c", "-1"));
}

TEST_F(SettingsTest, WordsAndValuesAreTakenAsTheyAre) {
  EXPECT_EQ(Parse({"[a,b]", "-F", "[%s]", "", "{}", "%%", "--allow", "{}", "-", "-5", "-s-q"}),
            std::nullopt);
  EXPECT_THAT(words_, ElementsAre("[a,b]", "", "{}", "%%", "-", "-5"));
  EXPECT_THAT(allow_, ElementsAre("{}"));
  EXPECT_EQ(format_, "[%s]");
  EXPECT_EQ(server_, "-q");
}

TEST_F(SettingsTest, ShortFlagsMayStandTogether) {
  EXPECT_EQ(Parse({"-qJc5"}), std::nullopt);
  EXPECT_TRUE(quiet_);
  EXPECT_TRUE(json_);
  EXPECT_EQ(count_, 5);
}

TEST_F(SettingsTest, ASwitchThatIsTurnedOffSpeaksAgainstNothing) {
  environment_["CHAT_FORMAT"] = "%s";
  EXPECT_EQ(Parse({"--json=false"}), std::nullopt);
  EXPECT_EQ(format_, "%s");
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
                                           std::vector<std::string>{"--quiet=perhaps"},
                                           std::vector<std::string>{"-x"}));

struct Wrong {
  std::vector<std::string> arguments;
  const char* said;
};

TEST_F(SettingsTest, SaysWhatIsWrongWithAFlag) {
  const Wrong kCases[] = {
      {{"--server", ""}, "tool: --server: empty value\n"},
      {{"--server=", "WORD"}, "tool: --server: empty value\n"},
      {{"-s", ""}, "tool: --server: empty value\n"},
      {{"-qs", ""}, "tool: --server: empty value\n"},
      {{"--allow", "ann", "--allow="}, "tool: --allow: empty value\n"},
      {{"--ack-timeout="}, "tool: --ack-timeout: empty value\n"},
      {{"--quiet="}, "tool: --quiet: empty value\n"},
      {{"--config="}, "tool: --config: empty value\n"},
      {{"-s=host"}, "tool: -s=host: a value with = has the long flag: --server=host\n"},
      {{"-s"}, "tool: --server: value missing\n"},
      {{"-s", "a", "--server=b"}, "tool: --server: given twice, and it may be given once\n"},
      {{"-q", "--quiet"}, "tool: --quiet: given twice, and it may be given once\n"},
      {{"--sevrer=x"}, "tool: unknown flag --sevrer; did you mean --server?\n"},
      {{"--since", "5m"}, "tool: unknown flag --since; see tool --help\n"},
      {{"-qx"}, "tool: unknown flag -x; see tool --help\n"},
      {{"--\x1b[2J"}, "tool: unknown flag --\\x1b[2J; see tool --help\n"},
  };
  for (const Wrong& wrong : kCases) {
    SCOPED_TRACE(wrong.said);
    err_.str("");
    Declare();
    EXPECT_EQ(Parse(wrong.arguments), 64);
    EXPECT_EQ(err_.str(), wrong.said);
    EXPECT_THAT(words_, IsEmpty());
  }
}

TEST_F(SettingsTest, SaysWhatIsWrongWithALineOfTheFile) {
  const std::string path = directory_.path() + "/chat/config";
  const std::pair<absl::string_view, absl::string_view> kCases[] = {
      {"quiet = yes\nsever = x\n", ":2: no such setting: \"sever\"; did you mean server?\n"},
      {"nonsense = x\n", ":1: no such setting: \"nonsense\"\n"},
      {"config = x\n", ":1: no such setting: \"config\""},
      {"server =\n", ":1: server: empty value\n"},
      {"server = a\n\nserver = b\n", ":3: server: given in line 1 too, and it may be given once\n"},
      {"allow = ann\nallow =\n", ":2: allow: empty value\n"},
      {"\xFF\xFEs\0e\0", ":1: not a line like"},
  };
  for (const auto& [text, said] : kCases) {
    SCOPED_TRACE(said);
    Config(text);
    err_.str("");
    Declare();
    EXPECT_EQ(Parse({}), 78);
    EXPECT_THAT(err_.str(), StartsWith(absl::StrCat("tool: ", path, said)));
  }
}

TEST_F(SettingsTest, AKeyOfAnotherToolIsLeftToIt) {
  Config("whole = yes\nmax-streams = 3\nraw = on\nno-headers = on\n");
  EXPECT_EQ(Parse({}), std::nullopt);
}

TEST_F(SettingsTest, AFileMayBeginWithAByteOrderMarkAndHaveCarriageReturns) {
  Config("\xEF\xBB\xBFserver = here\r\n\r\nquiet = yes\r\n");
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(server_, "here");
  EXPECT_TRUE(quiet_);
}

TEST_F(SettingsTest, AFileThatCannotBeReadIs78) {
  EXPECT_EQ(Parse({"--config", directory_.path()}), 78);
  EXPECT_THAT(err_.str(), HasSubstr(directory_.path() + ": Is a directory"));
}

TEST_F(SettingsTest, ADefaultFileThatCannotBeReadIs78Too) {
  std::filesystem::create_directories(directory_.path() + "/chat/config");
  EXPECT_EQ(Parse({}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("chat/config: Is a directory"));
}

TEST_F(SettingsTest, AnEndlessFileIs78) {
  EXPECT_EQ(Parse({"--config", "/dev/zero"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("longer than 1048576 bytes"));
}

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

TEST_F(SettingsTest, HelpSaysWhatMayBeRepeatedAndWhereTheFileIs) {
  EXPECT_EQ(Parse({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--allow USER ...  "));
  EXPECT_THAT(out_.str(), HasSubstr("--ack-timeout DUR  "));
  EXPECT_THAT(out_.str(), HasSubstr("-s,--server URL  "));
  EXPECT_THAT(out_.str(), HasSubstr("$XDG_CONFIG_HOME/chat/config or ~/.config/chat/config"));
}

TEST_F(SettingsTest, HelpThatCannotBeWrittenIsAnError) {
  for (const char* flag : {"--help", "-V"}) {
    out_.clear(std::ios::badbit);
    err_.str("");
    EXPECT_EQ(Parse({flag}), 74);
    EXPECT_THAT(err_.str(), HasSubstr("tool: cannot write the output"));
  }
}

TEST_F(SettingsTest, VersionIsNoMistakeEither) {
  EXPECT_EQ(Parse({"-V"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("tool 0."));
}

}  // namespace
}  // namespace chat::tools
