// A scene to report on: snapshots over one table of nodes, and a listener.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "proxy/admin/scene.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::admin {

struct Stage {
  static constexpr std::size_t kWorkers = 2;

  std::shared_ptr<const Scene> scene(config::Config config) {
    auto made = std::make_shared<Scene>();
    made->snapshot = std::make_shared<const core::Snapshot>(std::move(config), nodes, core::ResolvedNames{});
    made->listeners.push_back({"web", "127.0.0.1:8080", listener});
    made->version = "1.2.3";
    made->reloads.hash = "0123456789abcdef";
    made->workers = kWorkers;
    made->started_ms = made->reloads.loaded_ms = 1'764'072'000'123;  // 2025-11-25T12:00:00.123Z
    made->dropped_access_lines = [] { return std::uint64_t{3}; };
    made->dropped_own_lines = [] { return std::uint64_t{0}; };
    made->forgiven_rate_keys = [] { return std::uint64_t{0}; };
    return made;
  }
  core::Endpoint& node(const std::string& address) {
    return *nodes.get("app", io::Address::parse(address).value(), 1);
  }

  core::NodeTable nodes{kWorkers};
  std::shared_ptr<observe::ListenerCounts> listener = std::make_shared<observe::ListenerCounts>(kWorkers);
};

}  // namespace weir::admin
