#include "tools/common/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
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
#include "absl/strings/strip.h"
#include "tools/common/command_line.h"
#include "tools/common/config_keys.h"
#include "tools/common/escape.h"
#include "tools/common/exit_codes.h"
#include "tools/common/nearest.h"
#include "tools/common/version.h"

namespace chat::tools {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

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

// The whole file; errors are errno's, for people. kNotFound if there is none.
absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const auto failed = [&](int error) {
    const std::string message =
        absl::StrCat("cannot read the config file ", path, ": ", strerror(error));
    return error == ENOENT || error == ENOTDIR ? absl::NotFoundError(message)
                                               : absl::FailedPreconditionError(message);
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return failed(errno);
  std::string text;
  char bytes[16 * 1024];
  ssize_t n = 1;
  while (n != 0 && text.size() <= kMaxConfigBytes) {
    n = ::read(fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    text.append(bytes, n);
  }
  const int error = n < 0 ? errno : 0;
  ::close(fd);
  if (error != 0) return failed(error);
  if (text.size() > kMaxConfigBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("the config file ", path, " is longer than ", kMaxConfigBytes, " bytes"));
  }
  return text;
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
  Text("--config", "FILE",
       "Read settings from FILE, lines like \"reconnect = forever\", instead of "
       "$XDG_CONFIG_HOME/chat/config or ~/.config/chat/config",
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
  setting.option = app_->add_option_function<std::string>(
                           flags, [](const std::string&) {}, help)
                       ->option_text(value);
}

void Settings::List(const std::string& flags, const std::string& value, const std::string& help,
                    Setter set) {
  using Values = std::vector<std::string>;
  Setting& setting = Add(flags, std::move(set));
  setting.is_list = true;
  setting.option = app_->add_option_function<Values>(
                           flags, [](const Values&) {}, help)
                       ->option_text(value + " ...");
}

void Settings::Flag(const std::string& flags, const std::string& help, bool* on) {
  Setting& setting = Add(flags, [on](absl::string_view value) { return ParseSwitch(value, on); });
  setting.is_switch = true;
  setting.option = app_->add_flag_callback(
      flags, [] {}, help);
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
  words_ = words;
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
    if (!setting.is_list) return {{name, value}};
    for (absl::string_view word : absl::StrSplit(value, ' ', absl::SkipEmpty())) {
      found.push_back({name, std::string(word)});
    }
  } else if (const auto lines = file_.find(setting.name); lines != file_.end()) {
    found = lines->second;
  }
  return found;
}

absl::Status Settings::CheckFound(const Setting& setting, const std::vector<Found>& found) {
  for (const Found& one : found) {
    if (one.value.empty())
      return absl::InvalidArgumentError(absl::StrCat(one.where, ": empty value"));
  }
  if (setting.is_list || found.size() < 2) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(found[1].where, ": given in line ", found[0].line,
                                                 " too, and it may be given once"));
}

absl::Status Settings::Apply(Source source, const Surroundings& surroundings) {
  const bool is_flag = source == Source::kFlag;
  for (const Setting& setting : settings_) {
    const std::vector<Found> found = Look(setting, source, surroundings);
    if (found.empty()) continue;
    if (absl::Status status = CheckFound(setting, found); !status.ok()) {
      return is_flag ? status : absl::FailedPreconditionError(status.message());
    }
    if (decided_.count(setting.name) > 0) continue;
    Decision decision{source};
    bool on = true;
    if (setting.is_switch && ParseSwitch(found.front().value, &on).ok()) decision.speaks = on;
    bool outranked = false;
    for (const std::string& rival : RivalsOf(setting.name)) {
      const auto decided = decided_.find(rival);
      if (decided == decided_.end() || !decided->second.speaks || !decision.speaks) continue;
      if (decided->second.source == source) {
        return Mistake(is_flag, found.front().where, absl::StrCat("not together with --", rival));
      }
      outranked = true;
    }
    if (outranked) continue;
    decided_[setting.name] = decision;
    for (const Found& one : found) {
      if (absl::Status status = setting.set(one.value); !status.ok()) {
        return Mistake(is_flag, one.where, status.message());
      }
    }
  }
  return absl::OkStatus();
}

void Settings::ReadFlags(CommandLine line) {
  for (CommandLine::Flag& flag : line.flags) {
    const auto setting = std::find_if(settings_.begin(), settings_.end(), [&](const Setting& one) {
      return one.option == flag.option;
    });
    setting->flags.push_back(std::move(flag.value));
  }
  if (words_ != nullptr) *words_ = std::move(line.words);
}

absl::Status Settings::CheckKey(const std::string& key) const {
  std::vector<std::string> known(ConfigKeys().begin(), ConfigKeys().end());
  for (const Setting& setting : settings_) {
    if (setting.name != "config") known.push_back(setting.name);
  }
  if (std::find(known.begin(), known.end(), key) != known.end()) return absl::OkStatus();
  const absl::string_view nearest = Nearest(key, known);
  return absl::FailedPreconditionError(
      absl::StrCat("no such setting: \"", key, "\"",
                   nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

absl::Status Settings::ReadLines(const std::string& path, absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");  // which some editors put before UTF-8
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const std::string where = absl::StrCat(path, ":", number, ": ");
    const size_t equals = line.find('=');
    if (equals == line.npos) {
      return absl::FailedPreconditionError(absl::StrCat(where, "not a line like \"key = value\""));
    }
    const std::string key(absl::StripAsciiWhitespace(line.substr(0, equals)));
    if (absl::Status status = CheckKey(key); !status.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(where, status.message()));
    }
    file_[key].push_back(
        {where + key, std::string(absl::StripAsciiWhitespace(line.substr(equals + 1))), number});
  }
  return absl::OkStatus();
}

absl::Status Settings::ReadFile(const Surroundings& surroundings) {
  const std::string path = config_path_.value_or(DefaultConfigPath(surroundings));
  if (path.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = ReadWhole(path);
  if (text.ok()) return ReadLines(path, *text);
  if (!absl::IsNotFound(text.status())) return text.status();
  if (!config_path_.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(text.status().message());
}

std::optional<int> Settings::Parse(int argc, const char* const* argv,
                                   const Surroundings& surroundings) {
  const auto fail = [&](int code, absl::string_view what) {
    surroundings.err << absl::StrCat(program_, ": ", Escape(what), "\n") << std::flush;
    return code;
  };
  absl::StatusOr<CommandLine> line = ReadCommandLine(*app_, argc, argv);
  if (!line.ok()) return fail(kExitUsage, line.status().message());
  if (line->ending != nullptr) {
    const bool is_help = line->ending == app_->get_help_ptr();
    surroundings.out << (is_help ? app_->help() : absl::StrCat(program_, " ", kVersion, "\n"));
    if (surroundings.out.flush()) return kExitOk;
    return fail(kExitIoError, absl::StrCat("cannot write the output: ", strerror(errno)));
  }
  ReadFlags(*std::move(line));
  absl::Status status = Apply(Source::kFlag, surroundings);
  if (status.ok()) status = Apply(Source::kEnvironment, surroundings);
  if (status.ok()) status = ReadFile(surroundings);
  if (status.ok()) status = Apply(Source::kFile, surroundings);
  if (status.ok()) return std::nullopt;
  return fail(absl::IsInvalidArgument(status) ? kExitUsage : kExitBadConfig, status.message());
}

bool Settings::GivenAsFlag(const std::string& name) const {
  const auto decided = decided_.find(name);
  return decided != decided_.end() && decided->second.source == Source::kFlag;
}

}  // namespace chat::tools
