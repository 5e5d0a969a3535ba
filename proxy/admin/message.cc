#include "proxy/admin/message.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir::admin {

Answer error_answer(int status, std::string_view text) {
  const nlohmann::json error = {{"error", text}};
  Answer answer;
  answer.status = status;
  answer.text = error.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  return answer;
}

Answer method_refused(std::string_view allowed) {
  Answer answer = error_answer(405, fmt::format("this method is not served here; these are: {}", allowed));
  answer.allow = allowed;
  return answer;
}

}  // namespace weir::admin
