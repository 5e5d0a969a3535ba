// The answers that Weir gives itself: short text, or JSON where the client prefers it, with Date,
// Content-Length and X-Request-Id; to calls of gRPC a grpc-status and a grpc-message. Pure but for the
// messages it is given.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/http/message.h"

namespace weir::core {

// Of what is not begun, or ended, because Weir itself is overloaded.
inline constexpr base::Error kOverloaded{base::Reason::overloaded, base::Fault::ourselves, base::Retry::never,
                                         503, "Weir is overloaded"};

struct LocalReply {
  const base::Error& error;
  int status;
  std::string_view date;
  std::string_view request_id;
  std::string_view accept;        // the request's Accept; "" if none
  std::string_view content_type;  // likewise
};

// Fills head and body; both are cleared first.
void make_reply(const LocalReply& reply, http::Response& head, std::string& body);

// 308 (Permanent Redirect) to `location`; likewise.
void make_redirect(std::string_view location, std::string_view date, std::string_view request_id,
                   http::Response& head, std::string& body);

// Adds the grpc-status and the grpc-message of a call that fails so; others would see it with `http_status`.
void tell_status(const base::Error& error, int http_status, http::Fields& fields);

// The status for an error that does not carry one.
int status_of(const base::Error& error);

}  // namespace weir::core
