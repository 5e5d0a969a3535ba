#include "proxy/policy/media_type.h"

#include "proxy/http/fields.h"

namespace weir::policy {

bool is_endless(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find_first_of("; \t"));
  if (http::same_name(type, "text/event-stream")) return true;
  const std::string_view carrier = type.substr(0, type.find('+'));  // application/grpc+proto, say
  return http::same_name(carrier, "application/grpc") || http::same_name(carrier, "application/grpc-web") ||
         http::same_name(carrier, "application/grpc-web-text");
}

}  // namespace weir::policy
