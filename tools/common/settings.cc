#include "tools/common/settings.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/common/escape.h"
#include "tools/common/exit_codes.h"
#include "tools/common/version.h"

namespace chat::tools {
namespace {

// "-u,--user" names "user".
std::string LongName(const std::string& flags) { return flags.substr(flags.rfind("--") + 2); }

std::string EnvironmentName(absl::string_view name) {
  return absl::StrCat("CHAT_", absl::StrReplaceAll(absl::AsciiStrToUpper(name), {{"-", "_"}}));
}

absl::Status ParseSwitch(absl::string_view text, bool* on) {
  const std::string word = absl::AsciiStrToLower(text);
  if (word == "on" || word == "off") {
    *on = word == "on";
    return absl::OkStatus();
  }
  if (absl::SimpleAtob(word, on)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"true\" or \"false\", not \"", text, "\""));
}

std::string DefaultConfigPath(const Surroundings& surroundings) {
  const auto directory = [&](const char* name) {
    const char* value = surroundings.getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string config = directory("XDG_CONFIG_HOME"); !config.empty()) {
    return config + "/chat/config";
  }
  const std::string home = directory("HOME");
  return home.empty() ? "" : home + "/.config/chat/config";
}

// A mistake on the command line is kInvalidArgument, one behind it kFailedPrecondition.
absl::Status Mistake(bool on_command_line, absl::string_view where, absl::string_view what) {
  const std::string message = absl::StrCat(where, ": ", what);
  return on_command_line ? absl::InvalidArgumentError(message)
                         : absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  double seconds = 0;
  absl::Duration duration;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a duration is like 10s, 500ms, 1m30s or 10 (seconds), not \"", text, "\""));
  }
  if (duration <= absl::ZeroDuration() || duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a duration has to be positive and finite, not \"", text, "\""));
  }
  return duration;
}

Surroundings Surroundings::OfThisProcess() {
  return {[](const char* name) -> const char* { return ::getenv(name); }, std::cout, std::cerr};
}

Settings::Settings(std::string program, std::string description, std::string example)
    : program_(std::move(program)),
      app_(std::make_unique<CLI::App>(std::move(description), program_)) {
  app_->set_version_flag("-V,--version", absl::StrCat(program_, " ", kVersion));
  app_->footer("Example:\n  " + std::move(example));
  app_->get_formatter()->column_width(32);
  Text("--config", "FILE", "Read settings from FILE, lines like \"reconnect = forever\"",
       &config_path_);
}

Settings::~Settings() = default;

Settings::Setting& Settings::Add(const std::string& flags, Setter set) {
  Setting& setting = settings_.emplace_back();
  setting.name = LongName(flags);
  setting.set = std::move(set);
  return setting;
}

void Settings::Value(const std::string& flags, const std::string& value, const std::string& help,
                     Setter set) {
  Setting& setting = Add(flags, std::move(set));
  setting.option = app_->add_option(flags, setting.flags, help)
                       ->type_name(value)
                       ->allow_extra_args(false)
                       ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Settings::List(const std::string& flags, const std::string& value, const std::string& help,
                    Setter set) {
  Setting& setting = Add(flags, std::move(set));
  setting.list = true;
  setting.option =
      app_->add_option(flags, setting.flags, help)->type_name(value)->allow_extra_args(false);
}

void Settings::Flag(const std::string& flags, const std::string& help, bool* on) {
  Setting& setting = Add(flags, [on](absl::string_view value) { return ParseSwitch(value, on); });
  setting.option = app_->add_flag(flags, setting.flags, help)
                       ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Settings::Text(const std::string& flags, const std::string& value, const std::string& help,
                    std::string* text) {
  Value(flags, value, help, [text](absl::string_view given) {
    *text = std::string(given);
    return absl::OkStatus();
  });
}

void Settings::Text(const std::string& flags, const std::string& value, const std::string& help,
                    std::optional<std::string>* text) {
  Value(flags, value, help, [text](absl::string_view given) {
    *text = std::string(given);
    return absl::OkStatus();
  });
}

void Settings::Duration(const std::string& flags, const std::string& help,
                        absl::Duration* duration) {
  Value(flags, "DUR", help, [duration](absl::string_view given) {
    const absl::StatusOr<absl::Duration> parsed = ParseDuration(given);
    if (parsed.ok()) *duration = *parsed;
    return parsed.status();
  });
}

void Settings::Duration(const std::string& flags, const std::string& help,
                        std::optional<absl::Duration>* duration) {
  Value(flags, "DUR", help, [duration](absl::string_view given) {
    const absl::StatusOr<absl::Duration> parsed = ParseDuration(given);
    if (parsed.ok()) *duration = *parsed;
    return parsed.status();
  });
}

void Settings::Number(const std::string& flags, const std::string& help, int64_t least,
                      std::optional<int64_t>* number) {
  Value(flags, "N", help, [least, number](absl::string_view given) {
    int64_t parsed = 0;
    if (!absl::SimpleAtoi(given, &parsed) || parsed < least) {
      return absl::InvalidArgumentError(
          absl::StrCat("a number from ", least, " on, not \"", given, "\""));
    }
    *number = parsed;
    return absl::OkStatus();
  });
}

void Settings::Words(const std::string& name, const std::string& help,
                     std::vector<std::string>* words) {
  app_->add_option(name, *words, help)->type_name("");
}

void Settings::AtMostOne(std::vector<std::string> names) {
  at_most_one_.push_back(std::move(names));
}

std::vector<std::string> Settings::RivalsOf(const std::string& name) const {
  std::vector<std::string> rivals;
  for (const std::vector<std::string>& group : at_most_one_) {
    if (std::find(group.begin(), group.end(), name) == group.end()) continue;
    std::copy_if(group.begin(), group.end(), std::back_inserter(rivals),
                 [&](const std::string& other) { return other != name; });
  }
  return rivals;
}

std::vector<Settings::Found> Settings::Look(const Setting& setting, Source source,
                                            const Surroundings& surroundings) const {
  std::vector<Found> found;
  if (source == Source::kFlag) {
    for (const std::string& value : setting.flags) found.push_back({"--" + setting.name, value});
  } else if (source == Source::kEnvironment) {
    const std::string name = EnvironmentName(setting.name);
    const char* value = surroundings.getenv(name.c_str());
    if (value == nullptr || *value == '\0') return {};
    if (!setting.list) return {{name, value}};
    for (absl::string_view word : absl::StrSplit(value, ' ', absl::SkipEmpty())) {
      found.push_back({name, std::string(word)});
    }
  } else if (const auto lines = file_.find(setting.name); lines != file_.end()) {
    found = lines->second;
    if (!setting.list) found.erase(found.begin(), found.end() - 1);
  }
  return found;
}

absl::Status Settings::Apply(Source source, const Surroundings& surroundings) {
  for (const Setting& setting : settings_) {
    if (decided_.count(setting.name) > 0) continue;
    const std::vector<Found> found = Look(setting, source, surroundings);
    if (found.empty()) continue;
    bool outranked = false;
    for (const std::string& rival : RivalsOf(setting.name)) {
      const auto decided = decided_.find(rival);
      if (decided == decided_.end()) continue;
      if (decided->second == source) {
        return Mistake(source == Source::kFlag, found.front().where,
                       absl::StrCat("not together with --", rival));
      }
      outranked = true;
    }
    if (outranked) continue;
    decided_[setting.name] = source;
    for (const Found& one : found) {
      if (absl::Status status = setting.set(one.value); !status.ok()) {
        return Mistake(source == Source::kFlag, one.where, status.message());
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Settings::ReadFile(const Surroundings& surroundings) {
  const std::string path = config_path_.value_or(DefaultConfigPath(surroundings));
  std::ifstream file(path);
  if (!file) {
    if (!config_path_.has_value()) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("cannot read the config file ", path));
  }
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (text.empty() || text[0] == '#') continue;
    const std::string where = absl::StrCat(path, ":", number, ": ");
    const size_t equals = text.find('=');
    if (equals == text.npos) {
      return absl::FailedPreconditionError(absl::StrCat(where, "not a line like \"key = value\""));
    }
    const std::string key(absl::StripAsciiWhitespace(text.substr(0, equals)));
    file_[key].push_back(
        {where + key, std::string(absl::StripAsciiWhitespace(text.substr(equals + 1)))});
  }
  return absl::OkStatus();
}

std::optional<int> Settings::Parse(int argc, const char* const* argv,
                                   const Surroundings& surroundings) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& said) {
    // --help and --version come this way too.
    if (app_->exit(said, surroundings.out, surroundings.err) == 0) return kExitOk;
    return kExitUsage;
  }
  absl::Status status = Apply(Source::kFlag, surroundings);
  if (status.ok()) status = Apply(Source::kEnvironment, surroundings);
  if (status.ok()) status = ReadFile(surroundings);
  if (status.ok()) status = Apply(Source::kFile, surroundings);
  if (status.ok()) return std::nullopt;
  surroundings.err << program_ << ": " << Escape(status.message()) << std::endl;
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitBadConfig;
}

bool Settings::GivenAsFlag(const std::string& name) const {
  const auto decided = decided_.find(name);
  return decided != decided_.end() && decided->second == Source::kFlag;
}

}  // namespace chat::tools
