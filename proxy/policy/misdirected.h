// Whether a request may come over the connection that it came over (RFC 9110 7.4): an https URI that is asked
// for in clear may be anybody's doing on the way, so it is refused, unless it comes from a trusted proxy,
// which has ended the client's TLS. And no connection is asked for a host that another certificate is for
// than the one that it was made with. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/policy/rewrite.h"

namespace weir::policy {

// `target` is the scheme of an absolute-form target, "" if the request named none; `listener` is how it came.
inline std::optional<base::Error> misdirected(std::string_view target, std::string_view listener,
                                              Trust trust) {
  if (target != "https" || listener == "https" || trust == Trust::proxy) return std::nullopt;
  return base::Error{base::Reason::bad_request, base::Fault::downstream, base::Retry::never, 421,
                     "an https target on a connection without TLS"};
}

inline constexpr base::Error kOtherCertificate{base::Reason::bad_request, base::Fault::downstream,
                                               base::Retry::never, 421,
                                               "the host has another certificate than this connection"};

}  // namespace weir::policy
