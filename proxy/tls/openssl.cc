#include "proxy/tls/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace weir::tls {

std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

bool ends_well(const std::string& error) {
  static const std::string end = ERR_reason_error_string(ERR_PACK(ERR_LIB_PEM, 0, PEM_R_NO_START_LINE));
  return error == end;
}

}  // namespace weir::tls
