// A request to the admin port and its answer, whole: both are small or made by Weir itself.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/message.h"

namespace weir::admin {

struct Request {
  http::Method method = http::Method::get;
  std::string path;   // in normal form, without the query
  std::string query;  // behind the "?"
  std::string host;   // as the client wrote it
  std::string content_type;
  std::string authorization;
  std::string user_agent;
  std::string client;  // "127.0.0.1", "a unix socket"
  std::string body;
};

struct Answer {
  int status = 200;
  std::string type = "application/json";
  std::string text;
  std::string allow;      // of a 405
  std::string challenge;  // WWW-Authenticate, of a 401
  std::string policy;     // Content-Security-Policy; empty: nothing may be loaded
};

// {"error": TEXT}
Answer error_answer(int status, std::string_view text);
// The methods that there are, as Allow has them.
inline constexpr std::string_view kReadMethods = "GET, HEAD";
Answer method_refused(std::string_view allowed = kReadMethods);

}  // namespace weir::admin
