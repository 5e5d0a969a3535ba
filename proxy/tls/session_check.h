// Which sessions of clients go on: of the same host, and with a certificate that is still good.
#pragma once

#include <cstdint>
#include <optional>

struct ssl_ctx_st;

namespace weir::tls {

// From now on tickets that clients of `context` bring are looked at so. `crl_until`: when the first of the
// lists of revoked certificates is due, in seconds since 1970; none: there are none. False: OpenSSL says why.
bool check_sessions(ssl_ctx_st& context, std::optional<std::int64_t> crl_until);

}  // namespace weir::tls
