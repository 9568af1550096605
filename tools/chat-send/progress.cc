#include "tools/chat-send/progress.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libchat/wire/utf8.h"
#include "tools/common/escape.h"

namespace chat::tools {
namespace {

// To the beginning of the line, and clear it.
constexpr char kClear[] = "\r\x1b[K";

constexpr size_t kNameBytes = 30;

std::string Bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 3; ++unit) bytes /= 1024;
  return absl::StrFormat(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
}

}  // namespace

std::string ProgressLine(absl::string_view name, uint64_t bytes, std::optional<uint64_t> size,
                         absl::Duration elapsed) {
  // A line that the terminal breaks could not be cleared.
  const size_t shown = wire::Utf8Prefix(name, kNameBytes);
  std::string line =
      absl::StrCat(Escape(name.substr(0, shown)), shown < name.size() ? "..." : "", ": ");
  const double done = static_cast<double>(bytes);
  if (size.has_value()) {
    const double whole = static_cast<double>(*size);
    absl::StrAppendFormat(&line, "%.0f%%, ", *size == 0 ? 100.0 : 100 * done / whole);
  }
  absl::StrAppend(&line, Bytes(done));
  if (size.has_value()) absl::StrAppend(&line, " of ", Bytes(static_cast<double>(*size)));
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (seconds > 0) absl::StrAppend(&line, ", ", Bytes(done / seconds), "/s");
  return line;
}

Progress::Progress(std::ostream* err, std::string name, std::optional<uint64_t> size)
    : err_(err), name_(std::move(name)), size_(size), start_(absl::Now()) {}

Progress::~Progress() {
  if (err_ != nullptr) *err_ << kClear << std::flush;
}

void Progress::Show(uint64_t bytes) {
  if (err_ == nullptr) return;
  const absl::Time now = absl::Now();
  if (now - shown_ < absl::Milliseconds(100)) return;
  shown_ = now;
  *err_ << kClear << ProgressLine(name_, bytes, size_, now - start_) << std::flush;
}

}  // namespace chat::tools
