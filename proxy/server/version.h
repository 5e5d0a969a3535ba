// Which Weir this is.
#pragma once

#include <string_view>

namespace weir::server {

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif
inline constexpr std::string_view kVersion = WEIR_VERSION;

}  // namespace weir::server
