// A check that waits in the prober's queue until it is its turn.
#pragma once

#include "proxy/base/intrusive_list.h"

namespace weir::core {

struct DueTag;

class DueCheck : public base::ListHook<DueTag> {
 public:
  virtual void check() = 0;  // now; the prober hears of its end

 protected:
  ~DueCheck() = default;
};

}  // namespace weir::core
