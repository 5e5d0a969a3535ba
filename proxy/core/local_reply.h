// The answers that Weir gives itself: short text, or JSON where the client prefers it, with Date,
// Content-Length and X-Request-Id. Pure but for the messages it is given.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/http/message.h"

namespace weir::core {

struct LocalReply {
  const base::Error& error;
  int status;
  std::string_view date;
  std::string_view request_id;
  std::string_view accept;  // the request's Accept; "" if none
};

// Fills head and body; both are cleared first.
void make_reply(const LocalReply& reply, http::Response& head, std::string& body);

// The status for an error that does not carry one.
int status_of(const base::Error& error);

}  // namespace weir::core
