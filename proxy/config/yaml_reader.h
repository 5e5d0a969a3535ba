// YAML text into a tree of values; the one place that knows the YAML library. Refuses what a configuration
// has no use for: several documents, tags, merge keys, keys that are not text, and nesting and aliases beyond
// a bound. Takes environment variables into scalars.
#pragma once

#include <string_view>

#include "proxy/config/value.h"

namespace weir::config {

inline constexpr std::size_t kMaxAliasValues = 10'000;  // over all aliases of a file
inline constexpr std::size_t kMaxNesting = 100;         // of lists and maps

// The text is such as check_text() lets pass.

// Null if the text is no YAML, or empty; the report then says so.
ValuePtr read_yaml(std::string_view text, Report& report);

// The same for who edits the text: scalars as they are written, ${NAME} and all, and each alias as a value of
// its own, at its own place.
ValuePtr read_written(std::string_view text, Report& report);

}  // namespace weir::config
