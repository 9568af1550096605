// Lines that chat-listen can print, and chat-send can read, in a second of CPU time.
//
//   bazel run //tools/common:format_benchmark

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tools/common/format.h"

namespace chat::tools {
namespace {

constexpr double kSeconds = 0.3;

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Calls `work` for a while; `bytes` are those of one call.
template <typename Work>
void Measure(const char* what, const char* of, size_t bytes, const Work& work) {
  constexpr int kBatch = 1000;
  const double begin = CpuSeconds();
  int64_t lines = 0;
  while (CpuSeconds() - begin < kSeconds) {
    for (int i = 0; i < kBatch; ++i) work();
    lines += kBatch;
  }
  const double seconds = CpuSeconds() - begin;
  std::printf("%-12s %-22s %10.0f lines/s %8.0f MB/s\n", what, of, lines / seconds,
              lines / seconds * bytes / 1e6);
}

void Print(const char* spec, const char* of, absl::string_view body) {
  const Format format = *Format::Parse(spec);
  std::string out;
  Measure(spec, of, body.size(), [&] {
    const Moment now(absl::Now());
    Message message;
    message.time = &now;
    message.kind = "public";
    message.dialect = "chaton";
    message.from = "alice";
    message.body = body;
    out.clear();
    format.Append(message, Format::Raw::kBody, &out);
  });
}

void Read(const char* of, absl::string_view body) {
  const Moment now(absl::Now());
  Message message;
  message.time = &now;
  message.kind = "private";
  message.dialect = "chaton";
  message.from = "alice";
  message.to = "bob";
  message.body = body;
  std::string line;
  AppendJson(message, &line);
  size_t read = 0;
  Measure("ParseJson", of, body.size(), [&] { read += ParseJson(line)->body.size(); });
  if (read == 0) std::printf("nothing was read\n");
}

void Run() {
  std::string log;
  while (log.size() < 900) log += "Nov 28 12:34:56 host sshd[1234]: Accepted publickey for user ";
  std::string german;
  while (german.size() < 900)
    german +=
        "Gr\xC3\xB6\xC3\x9F"
        "e aus K\xC3\xB6ln, \xE2\x82\xAC 5 ";
  std::string quoted;
  while (quoted.size() < 900) quoted += "{\"path\":\"C:\\\\dir\",\"n\":1}\n";
  const struct {
    const char* name;
    absl::string_view body;
  } kBodies[] = {{"ASCII, 100 bytes", absl::string_view(log).substr(0, 100)},
                 {"ASCII, 900 bytes", log},
                 {"not only ASCII", german},
                 {"with escapes", quoted}};
  for (const auto& body : kBodies) {
    Print("%f\\t%q\\n", body.name, body.body);
    Print("%j\\n", body.name, body.body);
    Read(body.name, body.body);
  }
}

}  // namespace
}  // namespace chat::tools

int main() { chat::tools::Run(); }
