#include "proxy/policy/media_type.h"

#include "proxy/http/fields.h"

namespace weir::policy {
namespace {

bool take(std::string_view& text, std::string_view start) {
  if (!http::same_name(text.substr(0, start.size()), start)) return false;
  text.remove_prefix(start.size());
  return true;
}

}  // namespace

bool is_endless(std::string_view content_type) {
  // One letter each tells nearly all other types from text/event-stream and application/grpc.
  if (content_type.size() < 16 || ((content_type[5] | 0x20) != 'e' && (content_type[12] | 0x20) != 'g'))
    return false;
  std::string_view rest = content_type;
  std::string_view ends = "; \t";
  if (take(rest, "application/grpc")) {
    if (take(rest, "-web")) take(rest, "-text");
    ends = "; \t+";  // application/grpc+proto, say
  } else if (!take(rest, "text/event-stream")) {
    return false;
  }
  return rest.empty() || ends.find(rest.front()) != ends.npos;
}

}  // namespace weir::policy
