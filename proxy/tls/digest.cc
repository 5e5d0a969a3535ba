#include "proxy/tls/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "proxy/base/check.h"

namespace weir::tls {

std::string sha1(std::string_view text) {
  std::string digest(20, '\0');
  unsigned size = 0;
  const int done = EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()),
                              &size, EVP_sha1(), nullptr);
  WEIR_CHECK(done == 1 && size == digest.size());
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string digest(32, '\0');
  unsigned size = 0;
  const unsigned char* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                   reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                   reinterpret_cast<unsigned char*>(digest.data()), &size);
  WEIR_CHECK(done != nullptr && size == digest.size());
  return digest;
}

}  // namespace weir::tls
