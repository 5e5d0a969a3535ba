// ${NAME} in a value stands for an environment variable; $${ is a plain ${. What a variable holds is a value,
// never YAML.
#pragma once

#include <string>

namespace weir::config {

// Returns why it can't be done, or "".
std::string expand_environment(std::string& text);

}  // namespace weir::config
