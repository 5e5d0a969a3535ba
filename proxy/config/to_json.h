// A configuration as JSON, with its defaults filled in and its keys those of the YAML, so that it is a file
// that read() takes: it reads back as the same Config. Nothing is left out or masked, not even what came from
// an environment variable. A pure function, for any thread; 10,000 nodes take some 10 ms.
#pragma once

#include <string>

#include "proxy/config/config.h"

namespace weir::config {

std::string to_json(const Config& config);

}  // namespace weir::config
