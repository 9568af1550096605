#include "tools/chat-bench/process_cpu.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace chat::bench {
namespace {

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// utime and stime are the fields 14 and 15; the second, the command in parentheses, may contain
// spaces, so count from its end.
absl::StatusOr<int64_t> FromStat(int pid) {
  const std::string path = absl::StrCat("/proc/", pid, "/stat");
  const std::string stat = Slurp(path);
  const size_t command_end = stat.rfind(") ");
  if (command_end == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("there is no process ", pid));
  }
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(stat).substr(command_end + 2), ' ');
  int64_t user = 0;
  int64_t system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) ||
      !absl::SimpleAtoi(fields[12], &system)) {
    return absl::InternalError(absl::StrCat("cannot read ", path));
  }
  return (user + system) * (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

}  // namespace

absl::StatusOr<int64_t> ProcessCpuNanos(int pid) {
  int64_t total = 0;
  std::error_code error;
  std::filesystem::directory_iterator threads(absl::StrCat("/proc/", pid, "/task"), error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("there is no process ", pid));
  for (const auto end = std::filesystem::directory_iterator(); !error && threads != end;
       threads.increment(error)) {
    const std::string schedstat = Slurp(threads->path().string() + "/schedstat");
    int64_t run = 0;
    if (!absl::SimpleAtoi(schedstat.substr(0, schedstat.find(' ')), &run)) return FromStat(pid);
    total += run;
  }
  return total;
}

}  // namespace chat::bench
