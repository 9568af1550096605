#include "tools/common/config_keys.h"

namespace chat::tools {
namespace {

constexpr absl::string_view kKeys[] = {
    "accept",
    "accept-files",
    "ack-timeout",
    "admin",
    "allow",
    "answer-timeout",
    "ask-password",
    "batch",
    "connect-timeout",
    "count",
    "delay",
    "delimiter",
    "file",
    "format",
    "from",
    "grep",
    "idle",
    "invalid",
    "json",
    "jsonl",
    "local",
    "log",
    "max-streams",
    "no-headers",
    "null",
    "only",
    "output",
    "overlong",
    "password-file",
    "quiet",
    "raw",
    "ready-fd",
    "reconnect",
    "register",
    "request-timeout",
    "server",
    "show-addresses",
    "stdio",
    "timeout",
    "tls-ca",
    "to",
    "user",
    "verbose",
    "whole",
};

}  // namespace

absl::Span<const absl::string_view> ConfigKeys() { return kKeys; }

}  // namespace chat::tools
