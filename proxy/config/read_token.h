// Reads a secret that requests must bear: the text itself, an environment variable's, or a file's. What it
// says stands in no diagnostic.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/config/section.h"

namespace weir::config {

// "" for off.
void read_token(const Field& field, std::optional<std::string>& out);

// The token that a file holds, without the newline at its end; the error says in words why there is none.
base::Result<std::string, std::string> token_of_file(const std::string& path);
// Why the text can be no token; "" if it can (RFC 6750 2.1, and long enough not to be guessed).
std::string_view objection_to_token(std::string_view text);

}  // namespace weir::config
