// The character classes and small productions of RFC 9110 5.6 and RFC 9112, as branch-free as they can be:
// everything that decides whether bytes are well-formed HTTP/1.1 starts here. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/codec/byte_scan.h"
#include "proxy/http/list.h"
#include "proxy/http/token.h"

namespace weir::codec {

using base::is_blank;
using base::trim;  // of OWS
using http::for_each_element;
using http::is_token;
using http::is_token_char;

// field-value: no control character but HTAB.
inline bool is_field_value(std::string_view text) {
  return find_first<Control>(text, 0) == text.size();
}

// Decimal digits only, at most 19 of them, and at most 2^63 - 1.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

// A chunk's first line without its CRLF (RFC 9112 7.1): the size, or nothing where the line is not strictly
// one.
std::optional<std::uint64_t> parse_chunk_line(std::string_view line);

}  // namespace weir::codec
