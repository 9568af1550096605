// A terminal that shows one frame after the other, or a pipe that gets them all.

#ifndef TOOLS_CHAT_ADMIN_SCREEN_H_
#define TOOLS_CHAT_ADMIN_SCREEN_H_

#include <termios.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace chat::tools {

// One at a time: while it is live it handles SIGINT and SIGTERM, so that the terminal is as it was
// when they end the process.
class Screen {
 public:
  // True if stdout is a terminal that can be drawn on.
  static bool Possible();

  explicit Screen(bool live);
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { Leave(); }

  // How many lines a frame may have.
  size_t lines() const;

  // What to write to show `frame`: in the place of the last one, cut to the width of the terminal;
  // or, not live, behind it and an empty line.
  std::string Draw(const std::vector<std::string>& frame) const;

  // Waits for `delay`. False if the user has asked to end (q).
  bool Wait(absl::Duration delay);

  // Makes the terminal what it was.
  void Leave();

 private:
  bool live_;
  bool keys_ = false;  // stdin is a terminal, whose settings were:
  termios before_ = {};
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_SCREEN_H_
