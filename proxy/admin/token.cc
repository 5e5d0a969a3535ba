#include "proxy/admin/token.h"

#include "proxy/base/ascii.h"

namespace weir::admin {
namespace {

// Looks at every byte of `secret`, whatever `given` is.
bool same(std::string_view secret, std::string_view given) {
  volatile unsigned char differs = secret.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    const char other = i < given.size() ? given[i] : '\0';
    differs = static_cast<unsigned char>(differs | (secret[i] ^ other));
  }
  return differs == 0;
}

}  // namespace

bool Token::lets_in(std::string_view authorization) const {
  if (text_.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size() ||
      base::lowered(std::string(authorization.substr(0, kScheme.size()))) != kScheme)
    return false;
  return same(text_, base::trim(authorization.substr(kScheme.size())));
}

}  // namespace weir::admin
