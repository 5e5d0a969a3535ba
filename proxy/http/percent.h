// Percent-encoding of one segment of a path (RFC 3986 2.1). Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace weir::http {

// Each triplet becomes its byte, once: %2525 is %25. What is no triplet stays as it is.
std::string percent_decoded(std::string_view segment);
// Whatever a segment may not hold as it stands, "/" among it, becomes a triplet; ":" stays.
std::string percent_encoded(std::string_view text);

}  // namespace weir::http
