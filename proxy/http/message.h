// A request's or response's head, free of any protocol version's framing. Codecs fill it from bytes and write
// bytes from it; hop-by-hop fields never stand in `fields`, and the framing fields (Content-Length,
// Transfer-Encoding) neither: `length` says it, and the writing codec makes them anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/fields.h"

namespace weir::http {

enum class Method : std::uint8_t { get, head, post, put, del, connect, options, trace, patch, other };

Method method_of(std::string_view text);  // exact case, as RFC 9110 9.1 wants
bool is_safe(Method method);              // RFC 9110 9.2.1
bool is_idempotent(Method method);        // RFC 9110 9.2.2

enum class Version : std::uint8_t { http10, http11, http2, http3 };

std::string_view name_of(Version version);    // "HTTP/1.1", "HTTP/2.0"
std::string_view number_of(Version version);  // "1.1", "2"

// The fields that RFC 9110 7.6.1 and Weir itself treat as belonging to one connection only.
inline constexpr FieldSet kHopByHop = {
    FieldId::connection,        FieldId::keep_alive, FieldId::proxy_connection, FieldId::te,
    FieldId::transfer_encoding, FieldId::upgrade,    FieldId::http2_settings};

// How long a body is: none at all, a number of bytes, or known only at its end.
struct BodyLength {
  enum class Kind : std::uint8_t { none, bytes, unknown } kind = Kind::none;
  std::uint64_t bytes = 0;
};

struct Request {
  Method method = Method::get;
  Version version = Version::http11;
  BodyLength length;
  bool expects_continue = false;  // Expect: 100-continue
  bool accepts_trailers = false;  // TE: trailers
  std::string method_text;        // as received
  std::string scheme;             // of an absolute-form target, lower case; "" if the request named none
  std::string authority;          // Host, or the authority of an absolute-form target
  std::string target;             // path and query in normal form (uri.h); "*" for OPTIONS *
  std::string upgrade;            // the Upgrade field's protocols; "" if none is asked for
  Fields fields;                  // without Host: authority is it

  void clear();
  void take(Request& other);  // all of it; `other` is to be cleared, and keeps memory to be used again
};

struct Response {
  int status = 0;  // 1xx but 101 is an interim head: more heads follow
  Version version = Version::http11;
  BodyLength length;          // what the fields say; for HEAD and 304 the length that a body would have
  std::string reason_phrase;  // may be empty
  std::string upgrade;        // of a 101, and of a 426, which has to say what it wants
  Fields fields;

  void clear();
  bool interim() const { return status < 200 && status != 101; }
};

}  // namespace weir::http
