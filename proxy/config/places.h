// Where pools and routes stand in the file, for what can be said only once both are read.
#pragma once

#include <vector>

#include "proxy/config/diagnostic.h"

namespace weir::config {

struct Places {
  std::vector<Position> pools;        // of each pool's name
  std::vector<Position> routes;       // of each route
  std::vector<Position> route_pools;  // of each route's pool
  bool routes_unreadable = false;     // they are there, but not as a list
};

}  // namespace weir::config
