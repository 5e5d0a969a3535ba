#include "proxy/admin/api_path.h"

#include "proxy/http/percent.h"

namespace weir::admin {
namespace {

// The first segment of what is left of a path, without its slash.
std::string_view take_segment(std::string_view& rest) {
  rest.remove_prefix(1);
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

}  // namespace

std::optional<PathNames> match_path(std::string_view pattern, std::string_view path) {
  PathNames names;
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const std::string_view wanted = take_segment(pattern), segment = take_segment(path);
    if (wanted == "{pool}" && !segment.empty())
      names.pool = http::percent_decoded(segment);
    else if (wanted == "{address}" && !segment.empty())
      names.address = http::percent_decoded(segment);
    else if (wanted != segment)
      return std::nullopt;
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return names;
}

std::string_view name_of(http::Method method) {
  switch (method) {
    case http::Method::get:
      return "GET";
    case http::Method::head:
      return "HEAD";
    case http::Method::post:
      return "POST";
    case http::Method::put:
      return "PUT";
    case http::Method::patch:
      return "PATCH";
    case http::Method::del:
      return "DELETE";
    default:
      return "";
  }
}

}  // namespace weir::admin
