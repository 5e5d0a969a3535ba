#include "proxy/core/overrides.h"

#include <algorithm>

namespace weir::core {
namespace {

// `f` names its result: clang 19 does not deduce it where two parts have one type.
template <class Said, class F>
void each_part(Said& said, F&& f) {
  f(said.state);
  f(said.weight);
  f(said.tier);
  f(said.max_in_flight);
  f(said.max_connections);
}

template <class T>
void put(std::optional<T>& part, std::optional<T> said) {
  if (said) part = std::move(said);
}

// Over what is there.
void put(Override& present, Override parts) {
  put(present.state, std::move(parts.state));
  put(present.weight, std::move(parts.weight));
  put(present.tier, std::move(parts.tier));
  put(present.max_in_flight, std::move(parts.max_in_flight));
  put(present.max_connections, std::move(parts.max_connections));
}

}  // namespace

void Overrides::set(const Name& name, Override parts) {
  if (!parts.empty()) put(all_[name], std::move(parts));
}

Override Overrides::of(const std::string& pool, const std::string& configured,
                       const std::string& address) const {
  Override said;
  if (all_.empty()) return said;
  for (const std::string* node : {&configured, &address})
    if (const auto found = all_.find({pool, *node}); found != all_.end()) put(said, found->second);
  return said;
}

base::Time Overrides::next_end() const {
  base::Time next = base::kNever;
  for (const auto& [name, said] : all_)
    each_part(said, [&](const auto& part) -> void {
      if (part) next = std::min(next, part->until);
    });
  return next;
}

bool Overrides::drop_over(base::Time now) {
  bool dropped = false;
  for (auto& [name, said] : all_)
    each_part(said, [&](auto& part) -> void {
      if (!part || part->until > now) return;
      part.reset();
      dropped = true;
    });
  std::erase_if(all_, [](const auto& item) { return item.second.empty(); });
  return dropped;
}

}  // namespace weir::core
