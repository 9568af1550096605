// The keys of the config file that all client tools share.

#ifndef TOOLS_COMMON_CONFIG_KEYS_H_
#define TOOLS_COMMON_CONFIG_KEYS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace chat::tools {

// The settings of chat-send, chat-listen, chat-tunnel and chat-admin, each key once: a tool leaves
// those of the others alone and refuses what nobody has. config_keys_test compares them with what
// the tools' --help says.
absl::Span<const absl::string_view> ConfigKeys();

}  // namespace chat::tools

#endif  // TOOLS_COMMON_CONFIG_KEYS_H_
