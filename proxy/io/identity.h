// Who the client at the other end of a connection has proven to be, by a certificate that is believed. A
// value, made once for a connection.
#pragma once

#include <string>

namespace weir::io {

struct Identity {
  // The certificate's subject as RFC 4514 writes it, printable ASCII; "": it has none, or one that is too
  // long to be handed on. It is never cut, since what is cut may be somebody else's.
  std::string subject;
  std::string fingerprint;  // SHA-256 of the certificate, in hex
};

}  // namespace weir::io
