// What a request asks for: its target (RFC 9112 3.2) taken apart and checked byte by byte, the one normal
// form that is both routed on and forwarded, and the rules of the Host field. Ambiguous targets are refused,
// not repaired. Pure functions; all views point into what was passed in, or at static text; only normalise()
// writes, into a string that its caller reuses.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace weir::http {

struct Target {
  enum class Form : std::uint8_t { origin, absolute, authority, asterisk } form = Form::origin;
  std::string_view scheme;     // absolute: "http" or "https", lower case; else ""
  std::string_view authority;  // absolute, authority; else ""
  // origin and absolute: "/PATH?QUERY"; an absolute target without path gives "/" ("*" for OPTIONS), or
  // "?QUERY", before which normalise() puts the "/". asterisk: "*". authority: "".
  std::string_view path_and_query;
};

// Refused are: an empty target, a form that the method may not have, a scheme but http and https, userinfo,
// a bad host, a fragment, bytes that RFC 3986 has no place for (but [ ] | ^, and in a query ` { }, which
// browsers send), a broken percent-encoding, and %00. The error is a 400 with the reason in words.
base::Result<Target> parse_target(Method method, std::string_view raw);

// Replaces `out` by the normal form of a path and query that parse_target accepted: percent-encoded
// unreserved bytes are decoded, other triplets keep their meaning and get upper-case digits (%2f becomes %2F,
// never "/"), then dot segments go (RFC 3986 5.2.4; never above the root). Empty segments and the query stay
// as they are. Normalising twice changes nothing.
void normalise(std::string_view path_and_query, std::string& out);

// Whether the text may stand in a Host field: host[:port] of RFC 3986 3.2.2, the host not empty, the port
// empty or 0 to 65535.
bool valid_host(std::string_view host_and_port);

// Whether two valid host[:port] name the same place, where a missing or empty port is the scheme's own.
bool same_authority(std::string_view scheme, std::string_view a, std::string_view b);

// The host of a valid host[:port]; brackets of IPv6 stay.
std::string_view host_without_port(std::string_view host_and_port);

}  // namespace weir::http
