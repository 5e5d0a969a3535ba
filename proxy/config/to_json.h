// A configuration as JSON, with its defaults filled in and its keys those of the YAML, so that it is a file
// that read() takes: it reads back as the same Config. Nothing is left out, not even what came from an
// environment variable; only the admin port's token and the secrets of sticky sessions are masked, unless
// they are asked for, and then the reader wants one in its place. A pure function, for any thread; 10,000
// nodes take some 10 ms.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/config/config.h"

namespace weir::config {

inline constexpr const char* kMasked = "***";
enum class Secrets : std::uint8_t { masked, shown };
std::string to_json(const Config& config, Secrets secrets = Secrets::masked);

}  // namespace weir::config
