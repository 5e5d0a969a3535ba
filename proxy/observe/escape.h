// Text from outside, made fit for a line of a log, a JSON string and a terminal alike: printable ASCII alone.
#pragma once

#include <string>
#include <string_view>

namespace weir::observe {

// Quotes and backslashes get a backslash; every other byte that is no printable ASCII becomes \u00XX.
void append_escaped(std::string& out, std::string_view text);

}  // namespace weir::observe
