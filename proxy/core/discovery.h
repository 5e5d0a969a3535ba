// Host names of nodes, looked up off the data path at start and again at each pool's resolve_interval. The
// last good answer is kept when a lookup fails; until the first one a name stands for no node. Control thread
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "proxy/core/snapshot.h"
#include "proxy/io/runtime.h"

namespace weir::core {

class Discovery {
 public:
  // Each is called in a callback of its own: `changed` whenever what names() gives has changed, `failed` when
  // a name could not be resolved. `names` are good answers from before.
  Discovery(
      io::Runtime& runtime, std::function<void()> changed, std::function<void()> failed = [] {},
      ResolvedNames names = {})
      : runtime_(runtime),
        changed_(std::move(changed)),
        failed_(std::move(failed)),
        names_(std::move(names)) {}
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Watches exactly the names in `config` from now on; those known keep their answers.
  void watch(const config::Config& config);
  const ResolvedNames& names() const { return names_; }
  // Whether each name has been resolved, or could not be.
  bool all_asked() const;

 private:
  class Name;
  void answered(Name& name, base::Result<std::vector<io::Ip>, std::string> answer);

  io::Runtime& runtime_;
  std::function<void()> changed_, failed_;
  std::map<std::string, std::shared_ptr<Name>> watched_;
  ResolvedNames names_;
};

}  // namespace weir::core
