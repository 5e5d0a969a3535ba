// What a response's Content-Type tells of how its body comes. Pure functions.
#pragma once

#include <string_view>

namespace weir::policy {

// Whether a body of this type may be silent for as long as it likes: server-sent events, gRPC.
bool is_endless(std::string_view content_type);

}  // namespace weir::policy
