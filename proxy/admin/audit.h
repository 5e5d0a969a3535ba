// The line that Weir's own log gets of each request that was to change something: who, what, and what came of
// it. Made when the request comes, told when it is answered. A plain value.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/message.h"

namespace weir::admin {

class Audit {
 public:
  explicit Audit(const Request& request);

  // "weir drain from 127.0.0.1", of Weir's own commands; "the API from a unix socket".
  const std::string& author() const { return author_; }
  // "AUTHOR: METHOD PATH BODY: OUTCOME", in printable ASCII.
  std::string line(std::string_view outcome) const;
  void tell(std::string_view outcome) const;

 private:
  std::string author_;
  std::string asked_;
};

}  // namespace weir::admin
