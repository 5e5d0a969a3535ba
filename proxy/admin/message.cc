#include "proxy/admin/message.h"

#include <nlohmann/json.hpp>

namespace weir::admin {

Answer error_answer(int status, std::string_view text) {
  const nlohmann::json error = {{"error", text}};
  Answer answer;
  answer.status = status;
  answer.text = error.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  return answer;
}

Answer method_refused() {
  Answer answer = error_answer(405, "the admin port is only read: GET or HEAD");
  answer.allow = "GET, HEAD";
  return answer;
}

}  // namespace weir::admin
