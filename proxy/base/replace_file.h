// Writes a small file of Weir's own so that whoever reads it finds the old text or the new one, and no half.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace weir::base {

// By a rename of a file beside it. Blocking. The error is a sentence for the log; nothing has changed then.
Result<void, std::string> replace_file(const std::string& path, std::string_view text, mode_t mode = 0644);

}  // namespace weir::base
