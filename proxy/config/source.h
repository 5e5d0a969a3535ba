// The text of a configuration: a file's bytes, and whether they can be text at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/diagnostic.h"

namespace weir::config {

// The file's bytes; nullopt, and reported, if it can't be read or is too big.
std::optional<std::string> load(const std::string& path, Report& report);

// What tells one text from another: Loaded::hash, 16 hexadecimal digits.
std::string hash_of(std::string_view text);

// Whether the text is UTF-8 without control characters; the first that is not is reported with its place.
bool check_text(std::string_view text, Report& report);

}  // namespace weir::config
