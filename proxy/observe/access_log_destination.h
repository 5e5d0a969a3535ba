// Where the access log's lines go, by its path in the configuration: stdout, a file or pipe, or
// syslog:SOCKET. What becomes of it (lines lost, files reopened) stands in Weir's own log.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/log_writer.h"
#include "proxy/base/result.h"

namespace weir::observe {

// "off" opens nothing, and nobody may submit lines. Error: why it cannot be written, in words. A syslog that
// is absent is none: its lines wait for it.
base::Result<base::LogWriter::Destination, std::string> open_destination(const std::string& path);
base::Result<std::unique_ptr<base::LogWriter>, std::string> open_access_log(const std::string& path);

}  // namespace weir::observe
