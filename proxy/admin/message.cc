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

}  // namespace weir::admin
