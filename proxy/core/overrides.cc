#include "proxy/core/overrides.h"

#include <algorithm>

namespace weir::core {

void Overrides::set(const Name& name, Override parts) {
  Override& present = all_[name];
  if (parts.state) present.state = std::move(parts.state);
  if (parts.weight) present.weight = std::move(parts.weight);
  if (present.empty()) all_.erase(name);
}

bool Overrides::clear(const Name& name, What what) {
  const auto found = all_.find(name);
  if (found == all_.end()) return false;
  Override& present = found->second;
  const bool had = what == What::state ? present.state.has_value() : present.weight.has_value();
  if (what == What::state)
    present.state.reset();
  else
    present.weight.reset();
  if (present.empty()) all_.erase(found);
  return had;
}

template <class Part>
auto Overrides::find(Part Override::* part, const std::string& pool, const std::string& configured,
                     const std::string& address) const -> Part {
  if (all_.empty()) return std::nullopt;
  for (const std::string* node : {&address, &configured})
    if (const auto found = all_.find({pool, *node}); found != all_.end() && found->second.*part)
      return found->second.*part;
  return std::nullopt;
}

std::optional<Override::Part<balancer::Operator>> Overrides::state_of(const std::string& pool,
                                                                      const std::string& configured,
                                                                      const std::string& address) const {
  return find(&Override::state, pool, configured, address);
}

std::optional<Override::Part<std::uint32_t>> Overrides::weight_of(const std::string& pool,
                                                                  const std::string& configured,
                                                                  const std::string& address) const {
  return find(&Override::weight, pool, configured, address);
}

base::Time Overrides::next_end() const {
  base::Time next = base::kNever;
  for (const auto& [name, override] : all_) {
    if (override.state) next = std::min(next, override.state->until);
    if (override.weight) next = std::min(next, override.weight->until);
  }
  return next;
}

bool Overrides::drop_over(base::Time now) {
  bool dropped = false;
  const auto drop = [&](auto& part) {
    if (!part || part->until > now) return;
    part.reset();
    dropped = true;
  };
  for (auto& [name, override] : all_) {
    drop(override.state);
    drop(override.weight);
  }
  std::erase_if(all_, [](const auto& item) { return item.second.empty(); });
  return dropped;
}

}  // namespace weir::core
