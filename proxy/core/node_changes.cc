#include "proxy/core/node_changes.h"

#include <utility>

namespace weir::core {

NodeChangeBatch::NodeChangeBatch(io::Runtime& runtime, Tell tell)
    : runtime_(runtime), tell_(std::move(tell)), pause_(runtime.timers(), *this) {}

void NodeChangeBatch::note(const std::string& pool, const std::shared_ptr<Endpoint>& endpoint) {
  gathered_.pools.insert(pool);
  gathered_.endpoints.push_back(endpoint);
  if (pause_.at() == base::kNever) runtime_.defer(*this);
  if (witness_ != nullptr) witness_->on_noted(pool, endpoint);
}

void NodeChangeBatch::run_deferred() {
  pause_.set(base::deadline(runtime_.now(), kPause));
  tell_(std::make_shared<const NodeChanges>(std::exchange(gathered_, {})));
}

void NodeChangeBatch::on_timer() {
  if (!gathered_.endpoints.empty()) run_deferred();
}

}  // namespace weir::core
