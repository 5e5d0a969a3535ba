// The command line: weir run | check | nodes | top | version.
#pragma once

namespace weir::server {

// Returns the process's exit code.
int run_command(int argc, char** argv);

}  // namespace weir::server
