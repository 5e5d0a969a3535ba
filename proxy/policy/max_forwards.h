// Max-Forwards (RFC 9110 7.6.2): how many more times an OPTIONS or TRACE may be forwarded. Pure but for the
// request it is given.
#pragma once

#include <optional>

#include "proxy/base/error.h"
#include "proxy/http/message.h"

namespace weir::policy {

// Takes one off the request's Max-Forwards. Where there is none left to take, the answer that Weir gives as
// the final recipient: 204 to OPTIONS, and 405 to TRACE, since reflecting a request shows its client what
// others put into it. Other methods may have any Max-Forwards, and what is not digits says nothing.
std::optional<base::Error> spend_forward(http::Request& request);

}  // namespace weir::policy
