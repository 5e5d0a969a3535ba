// Base64 as RFC 4648 4 has it, with padding. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::base {

std::string to_base64(std::string_view bytes);

// Of whole groups of four; each of them may be padded, as where texts were put together. None: it is none.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace weir::base
