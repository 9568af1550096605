// How chat-listen prints if neither --format nor --json says it.

#ifndef TOOLS_CHAT_LISTEN_LINE_STYLE_H_
#define TOOLS_CHAT_LISTEN_LINE_STYLE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/common/format.h"

namespace chat::tools {

// The forms of a line:
//
//   into a pipe      alice<TAB>hello
//   on a terminal    12:34:56 alice: hello
//                    12:34:56 alice (private): hello
//   both             * alice sent the file "photo.png" (51187 bytes): inbox/photo.png
//
// No name has a space or a tab in it (one that a wrong server sends is escaped), so what a line
// begins with tells what it is: neither a message nor a name can look like a file that was
// received, nor a public message like a private one. Unless `raw_bodies`, a body is escaped, and
// begins no line of its own.
struct LineStyle {
  bool terminal = false;
  bool colour = false;
  bool raw_bodies = false;  // bodies are printed as they came
  bool raw_names = false;   // and so are the names of users and files
  std::string end = "\n";
};

// Appends `message`, which came at `clock` ("12:34:56"; only looked at on a terminal).
void AppendLine(const Message& message, const LineStyle& style, absl::string_view clock,
                std::string* out);

// The local time of day: "12:34:56".
std::string ClockTime(absl::Time time);

// True if a terminal may be coloured, by what the environment has in NO_COLOR and TERM (null if it
// has nothing).
bool MayColour(const char* no_color, const char* term);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_LINE_STYLE_H_
