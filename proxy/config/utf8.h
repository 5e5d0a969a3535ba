// Characters of UTF-8 text (RFC 3629), and which of them YAML text may hold.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::config {

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The length in bytes of the sequence that begins at the byte `at`; 0: there is none.
std::size_t utf8_size(std::string_view text, std::size_t at);

// Of one whole sequence.
char32_t code_point(std::string_view sequence);

// Whether YAML text cannot hold the character as it stands: controls, and what only some readers take for the
// end of a line.
bool must_be_escaped(char32_t character);

}  // namespace weir::config
