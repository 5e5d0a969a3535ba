// The command line: weir run | check | version, and all that ask a running Weir.
#pragma once

namespace weir::server {

// Returns the process's exit code.
int run_command(int argc, char** argv);

}  // namespace weir::server
