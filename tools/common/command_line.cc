#include "tools/common/command_line.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tools/common/nearest.h"

namespace chat::tools {
namespace {

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }
bool IsList(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

std::string LongName(const CLI::Option& option) {
  return option.get_lnames().empty() ? absl::StrCat("-", option.get_snames().front())
                                     : absl::StrCat("--", option.get_lnames().front());
}

class Reader {
 public:
  Reader(const CLI::App& app, int argc, const char* const* argv)
      : app_(app), options_(app.get_options()), left_(argv + std::min(argc, 1), argv + argc) {
    std::reverse(left_.begin(), left_.end());
  }

  absl::StatusOr<CommandLine> Read() {
    bool only_words = false;
    while (!left_.empty() && line_.ending == nullptr) {
      const std::string argument = Take();
      absl::Status status;
      if (only_words || argument.size() < 2 || argument[0] != '-' || IsNumber(argument)) {
        status = TakeWord(argument);
      } else if (argument == "--") {
        only_words = true;
      } else if (argument[1] == '-') {
        status = TakeLong(argument);
      } else {
        status = TakeShort(argument);
      }
      if (!status.ok()) return status;
    }
    return std::move(line_);
  }

 private:
  std::string Take() {
    std::string argument = std::move(left_.back());
    left_.pop_back();
    return argument;
  }

  const CLI::Option* Find(absl::string_view name, bool is_short) const {
    for (const CLI::Option* option : options_) {
      const std::vector<std::string>& names =
          is_short ? option->get_snames() : option->get_lnames();
      if (std::find(names.begin(), names.end(), name) != names.end()) return option;
    }
    return nullptr;
  }

  // "-5" is a word unless it is a flag.
  bool IsNumber(absl::string_view argument) const {
    return absl::ascii_isdigit(argument[1]) && Find(argument.substr(1, 1), true) == nullptr;
  }

  absl::Status TakeWord(const std::string& word) {
    const bool wanted =
        std::any_of(options_.begin(), options_.end(),
                    [](const CLI::Option* option) { return option->get_positional(); });
    if (!wanted) return absl::InvalidArgumentError(absl::StrCat("not expected: \"", word, "\""));
    line_.words.push_back(word);
    return absl::OkStatus();
  }

  absl::Status TakeLong(absl::string_view argument) {
    const size_t equals = argument.find('=');
    const absl::string_view flag = argument.substr(0, equals);
    const CLI::Option* option = Find(flag.substr(2), false);
    if (option == nullptr) return Unknown(flag);
    std::optional<std::string> value;
    if (equals != argument.npos) value = std::string(argument.substr(equals + 1));
    return Add(*option, std::move(value));
  }

  // Switches may stand together; the first flag with a value has the rest, or the next argument.
  absl::Status TakeShort(absl::string_view argument) {
    for (size_t at = 1; at < argument.size() && line_.ending == nullptr; ++at) {
      const CLI::Option* option = Find(argument.substr(at, 1), true);
      if (option == nullptr) return Unknown(absl::StrCat("-", argument.substr(at, 1)));
      const absl::string_view rest = argument.substr(at + 1);
      if (absl::StartsWith(rest, "=")) {
        return absl::InvalidArgumentError(absl::StrCat(
            argument, ": a value with = has the long flag: ", LongName(*option), rest));
      }
      if (TakesValue(*option) && !rest.empty()) return Add(*option, std::string(rest));
      if (absl::Status status = Add(*option, std::nullopt); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Add(const CLI::Option& option, std::optional<std::string> value) {
    const std::string name = LongName(option);
    if (&option == app_.get_help_ptr() || &option == app_.get_version_ptr()) {
      line_.ending = &option;
      return absl::OkStatus();
    }
    if (!value.has_value() && TakesValue(option)) {
      if (left_.empty()) return absl::InvalidArgumentError(absl::StrCat(name, ": value missing"));
      value = Take();
    }
    if (value.has_value() && value->empty()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": empty value"));
    }
    if (!IsList(option) && !given_.insert(&option).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": given twice, and it may be given once"));
    }
    line_.flags.push_back({&option, std::move(value).value_or("true")});
    return absl::OkStatus();
  }

  absl::Status Unknown(absl::string_view flag) const {
    std::vector<std::string> names;
    for (const CLI::Option* option : options_) {
      names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
    }
    const bool is_long = absl::StartsWith(flag, "--");
    const absl::string_view nearest = is_long ? Nearest(flag.substr(2), names) : "";
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", flag,
                     nearest.empty() ? absl::StrCat("; see ", app_.get_name(), " --help")
                                     : absl::StrCat("; did you mean --", nearest, "?")));
  }

  const CLI::App& app_;
  const std::vector<const CLI::Option*> options_;
  std::vector<std::string> left_;  // the next one is the last
  std::set<const CLI::Option*> given_;
  CommandLine line_;
};

}  // namespace

absl::StatusOr<CommandLine> ReadCommandLine(const CLI::App& app, int argc,
                                            const char* const* argv) {
  return Reader(app, argc, argv).Read();
}

}  // namespace chat::tools
