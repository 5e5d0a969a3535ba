// What the names mean that carry no FieldId: rare ones, so that telling them costs nothing where none of them
// is. Pure functions; names in any case.
#pragma once

#include <string_view>

namespace weir::http {

// Whether a name without FieldId is registered (IANA's HTTP Field Name Registry) for a field that is meant
// for the far end, so that no Connection field may name it (RFC 9110 7.6.1).
bool is_end_to_end(std::string_view name);

// Whether a field of that name tells a node who the client is and what it asked for: X-Forwarded-*,
// X-Real-IP, X-Request-Id. An underscore is as good as a hyphen, since CGI, WSGI and their like cannot tell
// the two apart.
bool vouches_for_client(std::string_view name);

}  // namespace weir::http
