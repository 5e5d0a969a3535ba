// What the names mean that carry no FieldId: rare ones, so that telling them costs nothing where none of them
// is. Pure functions; names in any case.
#pragma once

#include <string_view>

namespace weir::http {

// Whether a name without FieldId is registered (IANA's HTTP Field Name Registry) for a field that is meant
// for the far end, so that no Connection field may name it (RFC 9110 7.6.1).
bool is_end_to_end(std::string_view name);

// Whether a field of that name tells a node who the client is and what it asked for: X-Forwarded-*,
// X-Real-IP, X-Request-Id, and what tells_certificate(). Whatever is no letter and no digit is as good as a
// hyphen, since CGI, WSGI, PHP and their like cannot tell an underscore, or a dot, from one.
bool vouches_for_client(std::string_view name);

// Whether a field of that name tells a node of a client's certificate: X-Client-Cert-Subject and
// X-Client-Cert-Fingerprint, which nobody says but Weir. Spelled likewise.
bool tells_certificate(std::string_view name);

}  // namespace weir::http
