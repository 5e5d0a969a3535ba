// A client of either version of HTTP, as far as a trial knows it.
#pragma once

#include <string>

namespace weir::sim {

class ModelCaller {
 public:
  virtual ~ModelCaller() = default;
  virtual bool over() const = 0;
  virtual std::string describe() const = 0;  // for one that is not over when it should be
};

}  // namespace weir::sim
