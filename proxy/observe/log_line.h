// One exchange as one line of the access log. Whatever comes from outside is escaped, so that a line stays
// one line and a terminal shows it as text.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/log_template.h"
#include "proxy/observe/record.h"

namespace weir::observe {

struct Stamp {
  std::string_view second;  // as the format has it, in UTC
  unsigned ms;
};

void append_json(std::string& out, const ExchangeRecord& r, const Stamp& when);
void append_combined(std::string& out, const ExchangeRecord& r, const Stamp& when);
// What is empty is written as "-".
void append_custom(std::string& out, const config::LogTemplate& line, const ExchangeRecord& r,
                   const Stamp& when);

}  // namespace weir::observe
