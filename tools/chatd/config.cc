#include "tools/chatd/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "libchat/client/url.h"
#include "libchat/hub/session_id.h"
#include "libchat/net/allow_list.h"
#include "proto/chat/config/v1/config.pb.h"
#include "tools/chatd/limits_config.h"
#include "tools/common/host_port.h"
#include "tools/common/paths.h"

namespace chat::tools {
namespace {

using config::v1::Config;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

using Dialects = absl::Span<const Dialect* const>;

constexpr absl::string_view kNone = "none";
constexpr absl::string_view kUnix = "unix:";

constexpr std::array<std::pair<absl::string_view, net::LogLevel>, 4> kLogLevels = {{
    {"debug", net::LogLevel::kDebug},
    {"info", net::LogLevel::kInfo},
    {"warning", net::LogLevel::kWarning},
    {"error", net::LogLevel::kError},
}};

// ---- One value each: text to value, or InvalidArgument ----

bool IsAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

absl::StatusOr<net::ListenerOptions> ParseListener(absl::string_view text, Dialects dialects) {
  absl::StatusOr<client::ServerUrl> url =
      client::ParseServerUrl(text, dialects, /*default_scheme=*/"", /*lowest_port=*/0);
  if (!url.ok()) return url.status();
  if (url->tls) return absl::InvalidArgumentError("chatd has no TLS: put a TLS proxy before it");
  if (!url->user.empty()) return absl::InvalidArgumentError("a listener has no user");
  if (url->host == "localhost") url->host = "127.0.0.1";
  if (!IsAddress(url->host)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", url->host, "\" is not an IP address"));
  }
  return net::ListenerOptions{url->dialect, std::move(url->host), url->port,
                              std::move(url->options)};
}

absl::StatusOr<std::string> ParseAdmin(absl::string_view text) {
  if (text == kNone) return std::string();
  return AdminSocketPath(text);
}

absl::StatusOr<std::string> ParseDataDir(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  return std::string(text);
}

absl::StatusOr<uint32_t> ParseThreads(absl::string_view text) {
  uint32_t threads = 0;
  if (absl::SimpleAtoi(text, &threads) && threads >= 1 && threads <= kMaxShards) return threads;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a number from 1 to ", kMaxShards));
}

absl::StatusOr<net::LogLevel> ParseLogLevel(absl::string_view text) {
  for (const auto& [name, level] : kLogLevels) {
    if (name == text) return level;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not one of debug, info, warning, error"));
}

absl::StatusOr<int32_t> ParseServerId(absl::string_view text) {
  int32_t id = 0;
  if (absl::SimpleAtoi(text, &id) && id > 0) return id;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a number from 1 to ", INT32_MAX));
}

absl::StatusOr<std::string> ParseRange(absl::string_view text) {
  const std::string range(text);
  const absl::StatusOr<net::AllowList> list = net::AllowList::Parse({&range, 1});
  if (!list.ok()) return list.status();
  return range;
}

absl::StatusOr<bool> ParseBool(absl::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is neither true nor false"));
}

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (absl::SimpleAtoi(text, &port) && port >= 1 && port <= UINT16_MAX) {
    return static_cast<uint16_t>(port);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a number from 1 to ", UINT16_MAX));
}

absl::StatusOr<net::MergeTarget> ParseMergeTarget(absl::string_view text) {
  absl::StatusOr<HostPort> address = ParseHostPort(text);
  if (!address.ok()) return address.status();
  return net::MergeTarget{std::move(address->host), address->port};
}

absl::string_view LogLevelName(net::LogLevel wanted) {
  for (const auto& [name, level] : kLogLevels) {
    if (level == wanted) return name;
  }
  return "";
}

// ---- The file ----

// Collects "FILE:LINE: what".
class Errors : public google::protobuf::io::ErrorCollector {
 public:
  explicit Errors(const std::string& file_name) : file_name_(file_name) {}

  void AddError(int line, int /*column*/, const std::string& what) override { Add(At(line), what); }
  void AddWarning(int line, int column, const std::string& what) override {
    AddError(line, column, what);
  }
  void Add(absl::string_view where, absl::string_view what) {
    lines_.push_back(absl::StrCat(where, ": ", what));
  }

  // `line` counts from 0; below 0: not known.
  std::string At(int line) const {
    return line < 0 ? file_name_ : absl::StrCat(file_name_, ":", line + 1);
  }

  absl::Status status() const {
    if (lines_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(lines_, "\n"));
  }

 private:
  const std::string file_name_;
  std::vector<std::string> lines_;
};

struct File {
  Config config;
  TextFormat::ParseInfoTree lines;
};

void ParseFile(const std::string& text, Errors& errors, File& file) {
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&file.lines);
  parser.ParseFromString(text, &file.config);
}

// ---- The sources together ----

// Who said a value, and what was said.
struct Said {
  std::string where;
  std::string text;
};

// Applies, to one setting, the highest source that names it.
class Resolver {
 public:
  Resolver(const SettingSources& sources, const File& file, Errors& errors)
      : sources_(sources), file_(file), errors_(errors) {}

  // Each value that was said for `setting`, from the highest source that says any. In the file it
  // may be in a message, "mesh.server_id"; elsewhere the last word says it.
  template <typename Member>
  std::vector<Said> Find(absl::string_view setting, Member member) const {
    std::vector<Said> said;
    const absl::string_view name = setting.substr(setting.rfind('.') + 1);
    const std::string flag = absl::StrReplaceAll(name, {{"_", "-"}});
    Append(sources_.flags.*member, absl::StrCat("--", flag), said);
    if (said.empty()) {
      Append(sources_.environment.*member, absl::StrCat("CHATD_", absl::AsciiStrToUpper(name)),
             said);
    }
    if (said.empty()) AppendFromFile(setting, said);
    return said;
  }

  // Sets `value` to what was said last, or leaves it if nothing was said.
  template <typename Member, typename T>
  void Set(absl::string_view setting, Member member, absl::StatusOr<T> (*parse)(absl::string_view),
           T& value) {
    for (const Said& said : Find(setting, member)) {
      absl::StatusOr<T> parsed = parse(said.text);
      if (parsed.ok()) {
        value = *std::move(parsed);
      } else {
        errors_.Add(said.where, parsed.status().message());
      }
    }
  }

  // Appends each of those that were said.
  template <typename Member, typename Parse, typename T>
  void SetAll(absl::string_view setting, Member member, Parse parse, std::vector<T>& values) {
    for (const Said& said : Find(setting, member)) {
      absl::StatusOr<T> parsed = parse(said.text);
      if (parsed.ok()) {
        values.push_back(*std::move(parsed));
      } else {
        errors_.Add(said.where, parsed.status().message());
      }
    }
  }

  void SetLimits(Limits& limits) {
    const auto* field = Config::descriptor()->FindFieldByName("limits");
    const TextFormat::ParseInfoTree* lines = file_.lines.GetTreeForNested(field, -1);
    const auto where = [&](absl::string_view name) {
      const auto* bound = config::v1::Limits::descriptor()->FindFieldByName(std::string(name));
      const int line = lines == nullptr ? -1 : lines->GetLocation(bound, -1).line;
      return absl::StrCat(errors_.At(line), ": limits.", name);
    };
    ApplyLimits(file_.config.limits(), limits, [&](absl::string_view name, absl::string_view what) {
      errors_.Add(where(name), what);
    });
    if (limits.frame_before_login > limits.frame) {
      errors_.Add(where("frame_before_login"), "is larger than limits.frame");
    }
  }

 private:
  static void Append(const std::optional<std::string>& value, std::string where,
                     std::vector<Said>& said) {
    if (value) said.push_back({std::move(where), *value});
  }
  static void Append(const std::vector<std::string>& values, const std::string& where,
                     std::vector<Said>& said) {
    for (const std::string& value : values) said.push_back({where, value});
  }

  void AppendFromFile(absl::string_view setting, std::vector<Said>& said) const {
    const google::protobuf::Message* message = &file_.config;
    const TextFormat::ParseInfoTree* lines = &file_.lines;
    absl::string_view name = setting;
    for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.')) {
      const auto* outer = FieldOf(*message, name.substr(0, dot));
      if (!message->GetReflection()->HasField(*message, outer)) return;
      lines = lines->GetTreeForNested(outer, -1);
      message = &message->GetReflection()->GetMessage(*message, outer);
      name.remove_prefix(dot + 1);
    }
    const auto* field = FieldOf(*message, name);
    const auto where = [&](int index) {
      const int line = lines == nullptr ? -1 : lines->GetLocation(field, index).line;
      return absl::StrCat(errors_.At(line), ": ", setting);
    };
    if (field->is_repeated()) {
      const auto* reflection = message->GetReflection();
      for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
        said.push_back({where(i), reflection->GetRepeatedString(*message, field, i)});
      }
    } else if (message->GetReflection()->HasField(*message, field)) {
      said.push_back({where(-1), TextOf(*message, field)});
    }
  }

  static const FieldDescriptor* FieldOf(const google::protobuf::Message& message,
                                        absl::string_view name) {
    return message.GetDescriptor()->FindFieldByName(std::string(name));
  }

  static std::string TextOf(const google::protobuf::Message& message,
                            const FieldDescriptor* field) {
    const auto* reflection = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrCat(reflection->GetUInt32(message, field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->GetBool(message, field) ? "true" : "false";
      default:
        return reflection->GetString(message, field);
    }
  }

  const SettingSources& sources_;
  const File& file_;
  Errors& errors_;
};

std::vector<net::ListenerOptions> DefaultListeners(Dialects dialects) {
  std::vector<net::ListenerOptions> listeners;
  for (const Dialect* dialect : dialects) {
    for (const DefaultListener& listener : dialect->default_listeners()) {
      listeners.push_back({dialect, "127.0.0.1", listener.port, listener.options});
    }
  }
  return listeners;
}

std::optional<std::string> Variable(const char* name) {
  const char* value = getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

std::vector<std::string> Words(const char* name) {
  return absl::StrSplit(Variable(name).value_or(""), ' ', absl::SkipWhitespace());
}

}  // namespace

SettingTexts SettingsInEnvironment() {
  SettingTexts texts;
  texts.listen = Words("CHATD_LISTEN");
  texts.admin = Variable("CHATD_ADMIN");
  texts.data_dir = Variable("CHATD_DATA_DIR");
  texts.threads = Variable("CHATD_THREADS");
  texts.log_level = Variable("CHATD_LOG_LEVEL");
  texts.server_id = Variable("CHATD_SERVER_ID");
  texts.allow_merge_from = Words("CHATD_ALLOW_MERGE_FROM");
  texts.list_self = Variable("CHATD_LIST_SELF");
  texts.listed_port = Variable("CHATD_LISTED_PORT");
  texts.merge_with = Words("CHATD_MERGE_WITH");
  return texts;
}

absl::StatusOr<ServerSettings> ReadSettings(const SettingSources& sources, Dialects dialects) {
  Errors errors(sources.file_name);
  File file;
  ParseFile(sources.file_text, errors, file);

  ServerSettings settings;
  settings.admin_socket = DefaultAdminSocket();
  settings.data_dir = DefaultDataDirectory();
  Resolver resolver(sources, file, errors);
  const auto parse_listener = [&](absl::string_view text) -> absl::StatusOr<net::ListenerOptions> {
    absl::StatusOr<net::ListenerOptions> listener = ParseListener(text, dialects);
    if (listener.ok()) return listener;
    return absl::InvalidArgumentError(absl::StrCat(text, ": ", listener.status().message()));
  };
  resolver.SetAll("listen", &SettingTexts::listen, parse_listener, settings.listeners);
  if (settings.listeners.empty()) settings.listeners = DefaultListeners(dialects);
  resolver.Set("admin", &SettingTexts::admin, ParseAdmin, settings.admin_socket);
  resolver.Set("data_dir", &SettingTexts::data_dir, ParseDataDir, settings.data_dir);
  resolver.Set("threads", &SettingTexts::threads, ParseThreads, settings.threads);
  resolver.Set("log_level", &SettingTexts::log_level, ParseLogLevel, settings.log_level);
  resolver.SetLimits(settings.limits);
  net::MeshOptions& mesh = settings.mesh;
  mesh.server_id = 0;
  resolver.Set("mesh.server_id", &SettingTexts::server_id, ParseServerId, mesh.server_id);
  resolver.SetAll("mesh.allow_merge_from", &SettingTexts::allow_merge_from, ParseRange,
                  mesh.allow_merge_from);
  resolver.Set("mesh.list_self", &SettingTexts::list_self, ParseBool, mesh.list_self);
  resolver.Set("mesh.listed_port", &SettingTexts::listed_port, ParsePort, mesh.listed_port);
  resolver.SetAll("mesh.merge_with", &SettingTexts::merge_with, ParseMergeTarget, mesh.merge_with);
  if (settings.data_dir.empty()) {
    errors.Add("--data-dir", "this user has no home directory, so say where it shall be");
  }
  if (absl::Status status = errors.status(); !status.ok()) return status;
  return settings;
}

std::string PrintSettings(const ServerSettings& settings) {
  Config config;
  for (const net::ListenerOptions& listener : settings.listeners) {
    config.add_listen(client::ToString(
        {listener.dialect, false, "", listener.host, listener.port, listener.options}));
  }
  config.set_admin(settings.admin_socket.empty() ? std::string(kNone)
                                                 : absl::StrCat(kUnix, settings.admin_socket));
  config.set_data_dir(settings.data_dir);
  if (settings.threads != 0) config.set_threads(settings.threads);
  config.set_log_level(std::string(LogLevelName(settings.log_level)));
  *config.mutable_limits() = LimitsToConfig(settings.limits);
  config::v1::Mesh& mesh = *config.mutable_mesh();
  if (settings.mesh.server_id != 0) mesh.set_server_id(settings.mesh.server_id);
  for (const std::string& range : settings.mesh.allow_merge_from) mesh.add_allow_merge_from(range);
  mesh.set_list_self(settings.mesh.list_self);
  if (settings.mesh.listed_port != 0) mesh.set_listed_port(settings.mesh.listed_port);
  for (const net::MergeTarget& target : settings.mesh.merge_with) {
    mesh.add_merge_with(ToString(HostPort{target.host, target.port}));
  }

  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(config, &text);
  return text;
}

}  // namespace chat::tools
