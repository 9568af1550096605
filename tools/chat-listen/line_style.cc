#include "tools/chat-listen/line_style.h"

#include <string.h>

#include "absl/strings/str_cat.h"
#include "tools/common/escape.h"

namespace chat::tools {
namespace {

constexpr absl::string_view kDim = "\x1b[2m";
constexpr absl::string_view kBold = "\x1b[1m";
constexpr absl::string_view kPrivate = "\x1b[35m";
constexpr absl::string_view kFile = "\x1b[32m";
constexpr absl::string_view kPlain = "\x1b[0m";

class Line {
 public:
  Line(const LineStyle& style, std::string* out) : style_(style), out_(*out) {}

  void Add(absl::string_view text) { out_.append(text.data(), text.size()); }
  void Begin(absl::string_view colour) {
    if (style_.colour) Add(colour);
  }
  void End() { Begin(kPlain); }
  void Add(absl::string_view text, bool raw) {
    if (raw) {
      Add(text);
    } else {
      AppendEscaped(text, &out_);
    }
  }
  void AddName(absl::string_view name) {
    size_t space;
    while ((space = name.find(' ')) != name.npos) {
      Add(name.substr(0, space), style_.raw_names);
      Add("\\x20");
      name.remove_prefix(space + 1);
    }
    Add(name, style_.raw_names);
  }
  void AddFile(const Message& file) {
    Begin(kFile);
    Add("* ");
    AddName(file.from);
    Add(" sent the file \"");
    Add(file.body, style_.raw_names);
    absl::StrAppend(&out_, "\" (", *file.size, " bytes): ");
    Add(file.path, style_.raw_names);
    End();
  }
  void AddSender(const Message& message) {
    if (!style_.terminal) {
      AddName(message.from);
      return Add("\t");
    }
    Begin(kBold);
    AddName(message.from);
    End();
    if (message.kind == "private") {
      Begin(kPrivate);
      Add(" (private)");
      End();
    }
    Add(": ");
  }

 private:
  const LineStyle& style_;
  std::string& out_;
};

}  // namespace

void AppendLine(const Message& message, const LineStyle& style, absl::string_view clock,
                std::string* out) {
  Line line(style, out);
  if (style.terminal) {
    line.Begin(kDim);
    line.Add(clock);
    line.End();
    line.Add(" ");
  }
  if (message.size.has_value()) {
    line.AddFile(message);
  } else {
    line.AddSender(message);
    line.Add(message.body, style.raw_bodies);
  }
  line.Add(style.end);
}

std::string ClockTime(absl::Time time) {
  return absl::FormatTime("%H:%M:%S", time, absl::LocalTimeZone());
}

bool MayColour(const char* no_color, const char* term) {
  const bool refused = no_color != nullptr && *no_color != '\0';
  return !refused && term != nullptr && *term != '\0' && strcmp(term, "dumb") != 0;
}

}  // namespace chat::tools
