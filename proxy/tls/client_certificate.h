// What a client's certificate says, once the handshake has believed it, and why it was not believed.
#pragma once

#include <optional>

#include "proxy/io/identity.h"
#include "proxy/tls/handshake.h"

struct ssl_st;

namespace weir::tls {

// Nobody's if the client has shown none. The handshake is over.
std::optional<io::Identity> identity_of(const ssl_st& connection);

// `verdict` is what the library says of the client's certificate (X509_V_ERR_...).
Failure failure_of_certificate(long verdict);

}  // namespace weir::tls
