// What was measured, for people and for programs.

#ifndef TOOLS_CHAT_BENCH_REPORT_H_
#define TOOLS_CHAT_BENCH_REPORT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "tools/chat-bench/fanout.h"
#include "tools/chat-bench/tunnel.h"

namespace chat::bench {

// One flat object: a figure a key, named with its unit. What was not measured is left out.
using Report = nlohmann::ordered_json;

Report ToReport(const FanoutOptions& options, const FanoutResult& result);
Report ToReport(const TunnelOptions& options, const TunnelResult& result);

// A line a key, in columns.
std::string ToTable(const Report& report);

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_REPORT_H_
