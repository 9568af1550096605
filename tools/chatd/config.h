// What chatd is told: by flags, by the environment, by the config file (config.proto) and by
// defaults, in this order.

#ifndef TOOLS_CHATD_CONFIG_H_
#define TOOLS_CHATD_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libchat/dialect/dialect.h"
#include "libchat/hub/limits.h"
#include "libchat/net/server.h"

namespace chat::tools {

// One source's settings, as text that nobody has checked yet.
struct SettingTexts {
  std::vector<std::string> listen;  // URLs; if there is any, they replace those of lower sources
  std::optional<std::string> admin;
  std::optional<std::string> data_dir;
  std::optional<std::string> threads;
  std::optional<std::string> log_level;
  // Of mesh.
  std::optional<std::string> server_id;
  std::vector<std::string> allow_merge_from;  // as `listen`
  std::optional<std::string> list_self;
  std::optional<std::string> listed_port;
  std::vector<std::string> merge_with;
};

// The settings in the environment: CHATD_LISTEN (URLs with spaces between them), CHATD_ADMIN, ...
SettingTexts SettingsInEnvironment();

struct SettingSources {
  SettingTexts flags;
  SettingTexts environment;
  std::string file_name;  // for errors
  std::string file_text;  // empty: no file
};

// What chatd does, complete and valid.
struct ServerSettings {
  std::vector<net::ListenerOptions> listeners;
  std::string admin_socket;  // a path; empty: no admin API
  std::string data_dir;
  uint32_t threads = 0;  // 0: one a core
  net::LogLevel log_level = net::LogLevel::kInfo;
  Limits limits;
  net::MeshOptions mesh;  // server_id 0: the one that the data directory keeps
};

// InvalidArgument with one line for each thing that is wrong: where it was said (a flag, a
// variable, FILE:LINE and the field), and what is wrong with it. `dialects` are those of this
// build, and what is listened on by default.
absl::StatusOr<ServerSettings> ReadSettings(const SettingSources& sources,
                                            absl::Span<const Dialect* const> dialects);

// `settings` as a config file, every limit included. Reading it gives `settings` again.
std::string PrintSettings(const ServerSettings& settings);

}  // namespace chat::tools

#endif  // TOOLS_CHATD_CONFIG_H_
