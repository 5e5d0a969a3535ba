// What an authority says of a certificate (OCSP, RFC 6960), to be handed to clients together with it (RFC
// 6066 8): how it is read, and how it is asked for. Pure functions over what they are given.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/base/result.h"

struct x509_st;

namespace weir::tls {

struct Staple {
  std::string der;         // as it came
  std::int64_t from = 0;   // seconds since 1970
  std::int64_t until = 0;  // likewise; from then on it says nothing

  bool holds_at(std::int64_t now) const { return now < until; }
};
using StaplePtr = std::shared_ptr<const Staple>;

// What `der` says of `leaf`. The error: it is nothing that clients could use, that is, not signed by its
// issuer or who that has ordered to, not of this certificate, not "good", or not of now. `now`: seconds since
// 1970.
base::Result<StaplePtr, std::string> read_staple(std::string der, const x509_st& leaf, const x509_st& issuer,
                                                 std::int64_t now);

// Whom to ask, by HTTP, and what.
struct StapleQuestion {
  std::string host;  // a name or an address
  std::uint16_t port = 80;
  std::string authority;  // both, for Host
  std::string target;
  std::string body;  // for POST (RFC 6960 A.1)
};
base::Result<StapleQuestion, std::string> question_for(const x509_st& leaf, const x509_st& issuer);

}  // namespace weir::tls
