// From YAML to a valid Config, or to every reason why not. Reading has no side effect but the file's reading,
// and takes environment variables where the text says ${NAME}; it may run on any thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/diagnostic.h"

namespace weir::config {

inline constexpr std::size_t kMaxFileBytes = 16 * 1024 * 1024;

Loaded read_file(const std::string& path);

// `file` is what diagnostics call the text.
Loaded read_text(std::string_view text, const std::string& file);

}  // namespace weir::config
