// How much CPU another process has used.

#ifndef TOOLS_CHAT_BENCH_PROCESS_CPU_H_
#define TOOLS_CHAT_BENCH_PROCESS_CPU_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace chat::bench {

// Nanoseconds, user and system, that the threads of process `pid` have run so far. Read from
// /proc/PID/task/*/schedstat (one scheduler tick fine), or where the kernel has none from
// /proc/PID/stat (10 ms fine). With schedstat, threads that have ended are not counted: compare two
// readings only while the process keeps its threads. InvalidArgument if there is no such
// process.
absl::StatusOr<int64_t> ProcessCpuNanos(int pid);

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_PROCESS_CPU_H_
