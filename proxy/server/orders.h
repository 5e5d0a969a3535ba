// Carries out what operators say of single nodes: what lasts goes into the file, through the Reloader; what
// is for the time being goes to the fleet alone. An order that lasts ends what was for the time being of the
// same. Owned by the supervisor; control thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proxy/admin/operations.h"
#include "proxy/core/fleet.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/server/reloader.h"

namespace weir::server {

class Orders {
 public:
  using Done = std::function<void(const admin::OrderReport&)>;

  Orders(epoll::EpollRuntime& runtime, core::Fleet& fleet, Reloader& reloader)
      : runtime_(runtime), fleet_(fleet), reloader_(reloader) {}
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  void take(const admin::NodeOrder& order, Done done);
  // All workers use what of operators' words has been in force at this revision.
  void on_taken(std::uint64_t revision);
  // Another configuration is in force: what was said of nodes that it has no more is forgotten.
  void forget_gone_nodes();

 private:
  struct Waiting {
    std::uint64_t revision;
    admin::OrderReport report;
    Done done;
  };
  // How a node is listed now.
  struct Listed {
    balancer::Operator state{};
    std::uint32_t weight = 1;
    balancer::Level tier = 0;
    std::uint64_t max_in_flight = config::kUnlimited, max_connections = config::kUnlimited;
  };

  void take_temporary(const admin::NodeOrder& order, Done done);
  void on_written(const admin::NodeOrder& order, admin::OrderReport report, Done done);
  // What was for the time being of the same is over.
  void end_temporary(const admin::NodeOrder& order, admin::OrderReport report, Done done);
  void override_nodes(core::Overrides overrides, const std::string& reason, admin::OrderReport report,
                      Done done);
  // As it is in force: how the configuration, or the snapshot, calls the node.
  std::optional<core::Overrides::Name> find(const admin::NodeOrder& order) const;
  Listed listed(const core::Overrides::Name& name) const;
  // The node, or the nodes that its name stands for now and the name itself.
  std::vector<core::Overrides::Name> all_of(const admin::NodeOrder& order) const;
  // It gives work to an address of a host name, which has it but for what was said for the time being.
  bool frees_address(const admin::NodeOrder& order) const;
  // Why its pool has no such limit; "": it may.
  std::string objection_to(const admin::NodeOrder& order) const;
  admin::OrderReport not_found(const admin::NodeOrder& order) const;

  epoll::EpollRuntime& runtime_;
  core::Fleet& fleet_;
  Reloader& reloader_;
  std::deque<Waiting> waiting_;  // by revision
};

}  // namespace weir::server
