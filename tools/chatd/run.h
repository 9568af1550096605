// chatd from its flags to its exit code.

#ifndef TOOLS_CHATD_RUN_H_
#define TOOLS_CHATD_RUN_H_

#include <string>

#include "tools/chatd/config.h"

namespace chat::tools {

struct Flags {
  SettingTexts settings;
  std::string config;  // the file's path; empty: none
  bool check_config = false;
  bool print_config = false;
  // Gets, once clients can connect, the URL of each listener on a line of its own, then an empty
  // line, and is closed. -1: none.
  int ready_fd = -1;
};

// Runs until SIGTERM, SIGINT or the admin API drains the server; a second signal ends the process
// at once. SIGHUP reloads the config. Returns the exit code. The environment counts below the
// flags (see config.h).
//
// Called once, by a process that has no other threads yet.
int Run(const Flags& flags);

}  // namespace chat::tools

#endif  // TOOLS_CHATD_RUN_H_
