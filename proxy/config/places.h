// Where things stand in the file, for what can be said only once all is read.
#pragma once

#include <vector>

#include "proxy/config/diagnostic.h"

namespace weir::config {

struct Places {
  Position admin;                         // of its address
  std::vector<Position> listeners;        // of each listener
  std::vector<Position> pools;            // of each pool's name
  std::vector<Position> routes;           // of each route
  std::vector<Position> route_pools;      // of each route's pool
  std::vector<Position> route_listeners;  // of each route's match.listener
  bool routes_unreadable = false;         // they are there, but not as a list
};

}  // namespace weir::config
