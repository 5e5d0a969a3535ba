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
  std::optional<Part<std::uint32_t>> weight;
  bool empty() const { return !state && !weight; }
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
  enum class What : std::uint8_t { state, weight };
  // False if nothing was said of it.
  bool clear(const Name& name, What what);
  // What is said of the node with this address that is configured like this; by its address, if both are
  // said.
  std::optional<Override::Part<balancer::Operator>> state_of(const std::string& pool,
                                                             const std::string& configured,
                                                             const std::string& address) const;
  std::optional<Override::Part<std::uint32_t>> weight_of(const std::string& pool,
                                                         const std::string& configured,
                                                         const std::string& address) const;
  base::Time next_end() const;  // kNever: there is none
  // Those whose time is over are gone. False if there was none.
  bool drop_over(base::Time now);
  const std::map<Name, Override>& all() const { return all_; }
  friend bool operator==(const Overrides&, const Overrides&) = default;

 private:
  template <class Part>
  auto find(Part Override::* part, const std::string& pool, const std::string& configured,
            const std::string& address) const -> Part;

  std::map<Name, Override> all_;
};

}  // namespace weir::core
