// What operators have said of nodes for the time being: it comes before what the configuration says, outlives
// reloads, and ends by itself or by another word. Values; a snapshot is made of one, as it is of a
// configuration.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balancer/node.h"
#include "balancer/node_set.h"
#include "proxy/base/time.h"

namespace weir::core {

// Of one node: each part for a time of its own.
struct Override {
  template <class T>
  struct Part {
    T value;
    base::Time until = base::kNever;
    std::string reason;  // for those who ask why: who said so
    friend bool operator==(const Part&, const Part&) = default;
  };

  std::optional<Part<balancer::Operator>> state;
  std::optional<Part<std::uint32_t>> weight{};
  std::optional<Part<balancer::Level>> tier{};
  std::optional<Part<std::uint64_t>> max_in_flight{}, max_connections{};  // as config::Node has them
  bool empty() const { return *this == Override{}; }
  friend bool operator==(const Override&, const Override&) = default;
};

class Overrides {
 public:
  struct Name {
    std::string pool;
    std::string node;  // an address; or a host name with its port, which stands for all of its addresses
    friend auto operator<=>(const Name&, const Name&) = default;
  };

  // Puts in what `parts` has; the rest of what was said of the node stays.
  void set(const Name& name, Override parts);
  // False if nothing was said of it.
  template <class T>
  bool clear(const Name& name, std::optional<T> Override::* part) {
    const auto found = all_.find(name);
    if (found == all_.end() || !(found->second.*part)) return false;
    (found->second.*part).reset();
    if (found->second.empty()) all_.erase(found);
    return true;
  }
  bool forget(const Name& name) { return all_.erase(name) > 0; }
  // What is said of the node with this address that is configured like this; each part by its address, if
  // both are said.
  Override of(const std::string& pool, const std::string& configured, const std::string& address) const;
  base::Time next_end() const;  // kNever: there is none
  // Those whose time is over are gone. False if there was none.
  bool drop_over(base::Time now);
  const std::map<Name, Override>& all() const { return all_; }
  friend bool operator==(const Overrides&, const Overrides&) = default;

 private:
  std::map<Name, Override> all_;
};

}  // namespace weir::core
