// The paths of the API, as docs/openapi.json writes them: {pool} and {address} stand for one segment each. A
// request's path comes in its normal form, in which %2F is no slash; each segment is decoded once, here. Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/message.h"

namespace weir::admin {

// What a path names, decoded.
struct PathNames {
  std::string pool;
  std::string address;
};

// Nothing if the path is not one of the pattern's.
std::optional<PathNames> match_path(std::string_view pattern, std::string_view path);

std::string_view name_of(http::Method method);  // "GET"; "" for those that no path of the API has

}  // namespace weir::admin
