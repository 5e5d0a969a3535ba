// How this process was started: by which path, with what. Enough to start another one in the same way, of
// whatever binary is at that path by then. A plain value, made before anything that it holds is changed.
#pragma once

#include <csignal>
#include <string>
#include <vector>

namespace weir::server {

struct Program {
  std::string path;                    // absolute; links in it are followed when it is started
  std::vector<std::string> arguments;  // the name that it was called by among them
  sigset_t blocked_signals{};

  static Program of_this_process(int argc, char** argv);
};

}  // namespace weir::server
