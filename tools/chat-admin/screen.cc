#include "tools/chat-admin/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tools/common/exit_codes.h"

namespace chat::tools {
namespace {

constexpr absl::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // other screen, no cursor
constexpr absl::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr absl::string_view kHome = "\x1b[H";
constexpr absl::string_view kClearLine = "\x1b[K";
constexpr absl::string_view kClearBelow = "\x1b[J";

volatile sig_atomic_t caught_signal = 0;
void Catch(int signal) { caught_signal = signal; }

// The terminal may be gone; there is nobody to tell then.
void WriteOut(absl::string_view bytes) {
  if (write(STDOUT_FILENO, bytes.data(), bytes.size()) < 0) return;
}

winsize TerminalSize() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    size.ws_row = 24;
    size.ws_col = 80;
  }
  return size;
}

// The first `columns` code points.
absl::string_view Cut(absl::string_view line, size_t columns) {
  size_t end = 0;
  for (size_t count = 0; end < line.size(); ++end) {
    const bool begins = (line[end] & 0xc0) != 0x80;
    if (begins && ++count > columns) break;
  }
  return line.substr(0, end);
}

}  // namespace

bool Screen::Possible() {
  const char* term = getenv("TERM");
  return isatty(STDOUT_FILENO) && term != nullptr && strcmp(term, "dumb") != 0;
}

Screen::Screen(bool live) : live_(live) {
  if (!live_) return;
  struct sigaction action = {};
  action.sa_handler = Catch;
  for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  if (tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    keys_ = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
  }
  WriteOut(kEnter);
}

size_t Screen::lines() const { return live_ ? TerminalSize().ws_row : 1000; }

std::string Screen::Draw(const std::vector<std::string>& frame) const {
  std::string text(live_ ? kHome : "");
  const size_t columns = live_ ? TerminalSize().ws_col : 0;
  for (const std::string& line : frame) {
    if (!live_) {
      absl::StrAppend(&text, line, "\n");
    } else {
      // No newline behind the last line: the screen would scroll.
      absl::StrAppend(&text, &line == &frame.front() ? "" : "\r\n", Cut(line, columns), kClearLine);
    }
  }
  absl::StrAppend(&text, live_ ? kClearBelow : "\n");
  return text;
}

bool Screen::Wait(absl::Duration delay) {
  const absl::Time end = absl::Now() + delay;
  while (true) {
    if (caught_signal != 0) {
      Leave();
      DieOf(caught_signal);
    }
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    pollfd key = {keys_ ? STDIN_FILENO : -1, POLLIN, 0};
    if (poll(&key, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) continue;
    char typed = 'q';  // so is a terminal that has gone
    if (read(STDIN_FILENO, &typed, 1) < 0 || typed == 'q') return false;
  }
}

void Screen::Leave() {
  if (!std::exchange(live_, false)) return;
  WriteOut(kLeave);
  if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  for (int signal : {SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
}

}  // namespace chat::tools
