// The settings of a command line tool. Each is looked for in this order: flag, environment, config
// file, default. This is the one place that knows it.

#ifndef TOOLS_COMMON_SETTINGS_H_
#define TOOLS_COMMON_SETTINGS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace chat::tools {

struct CommandLine;

// "10s", "1m30s", "500ms", or seconds: "10", "0.5". Positive and finite.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// What surrounds a tool; a test brings its own.
struct Surroundings {
  std::function<const char*(const char*)> getenv;
  std::ostream& out;
  std::ostream& err;

  static Surroundings OfThisProcess();
};

// A setting with the long flag --ack-timeout is CHAT_ACK_TIMEOUT in the environment and
// `ack-timeout = VALUE` in the config file. All client tools share that file, so a key that only
// another tool has (ConfigKeys) is left to it; a key that none has is a mistake.
//
// An empty value is a mistake, except in the environment, where it counts as none. So is a setting
// that is given twice in one place, unless it is a list.
//
// The file is --config, CHAT_CONFIG, or $XDG_CONFIG_HOME/chat/config (~/.config/chat/config). Only
// the last may be missing. `#` begins a comment line.
//
// Declare everything, then Parse once. Thread safety: none.
class Settings {
 public:
  // Takes the value, or says what is wrong with it.
  using Setter = std::function<absl::Status(absl::string_view value)>;

  // `example` is shown at the end of --help. `description` is one sentence.
  Settings(std::string program, std::string description, std::string example);
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  ~Settings();

  // `flags` as in "-u,--user" or "--user". The long one, which there must be, names the setting.
  // `value` is the word for its value in --help. `set` is never called with an empty value.
  void Value(const std::string& flags, const std::string& value, const std::string& help,
             Setter set);
  // May be given several times, in the config file too; `set` is called for each. In the
  // environment, spaces separate them.
  void List(const std::string& flags, const std::string& value, const std::string& help,
            Setter set);
  // On or off: --flag (or --flag=false). "true", "yes", "on", "1" or their opposites elsewhere.
  void Flag(const std::string& flags, const std::string& help, bool* on);

  // The common kinds of values. The pointees hold the defaults.
  void Text(const std::string& flags, const std::string& value, const std::string& help,
            std::string* text);
  void Text(const std::string& flags, const std::string& value, const std::string& help,
            std::optional<std::string>* text);
  void Duration(const std::string& flags, const std::string& help, absl::Duration* duration);
  void Duration(const std::string& flags, const std::string& help,
                std::optional<absl::Duration>* duration);
  // A number from `least` on.
  void Number(const std::string& flags, const std::string& help, int64_t least,
              std::optional<int64_t>* number);

  // The words that are no flags, any number of them.
  void Words(const std::string& name, const std::string& help, std::vector<std::string>* words);

  // Settings (long names) of which one speaks against the others. Two as flags are a usage error;
  // a flag makes the environment and the config file silent about the others, and so on down. A
  // switch that is turned off speaks against none.
  void AtMostOne(std::vector<std::string> names);

  // Reads the command line and everything behind it. If the program has to end now (--help,
  // --version, a mistake), that was said and this is the exit code: 0, 64 for a mistake on the
  // command line, 74 if --help or --version could not be written, 78 for a mistake in the
  // environment or the config file.
  std::optional<int> Parse(int argc, const char* const* argv,
                           const Surroundings& surroundings = Surroundings::OfThisProcess());

  // True if the setting was given as a flag.
  bool GivenAsFlag(const std::string& name) const;

 private:
  struct Setting {
    std::string name;
    Setter set;
    bool is_list = false;
    bool is_switch = false;
    CLI::Option* option = nullptr;
    std::vector<std::string> flags;  // the values given as flags
  };
  // One value, and where it stands: "--user", "CHAT_USER", "FILE:12: user".
  struct Found {
    std::string where;
    std::string value;
    int line = 0;  // of the config file
  };
  enum class Source { kFlag, kEnvironment, kFile };
  // Where a setting's value came from, and whether it speaks against its rivals.
  struct Decision {
    Source source;
    bool speaks = true;
  };

  Setting& Add(const std::string& flags, Setter set);
  void ReadFlags(CommandLine line);
  absl::Status ReadFile(const Surroundings& surroundings);
  absl::Status ReadLines(const std::string& path, absl::string_view text);
  // OK if some tool has the setting `key`.
  absl::Status CheckKey(const std::string& key) const;
  std::vector<Found> Look(const Setting& setting, Source source,
                          const Surroundings& surroundings) const;
  // Mistakes that any setting can have.
  static absl::Status CheckFound(const Setting& setting, const std::vector<Found>& found);
  absl::Status Apply(Source source, const Surroundings& surroundings);
  std::vector<std::string> RivalsOf(const std::string& name) const;

  const std::string program_;
  std::unique_ptr<CLI::App> app_;
  std::deque<Setting> settings_;
  std::vector<std::string>* words_ = nullptr;
  std::vector<std::vector<std::string>> at_most_one_;
  std::optional<std::string> config_path_;
  std::map<std::string, std::vector<Found>> file_;  // by key
  std::map<std::string, Decision> decided_;         // by name
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_SETTINGS_H_
