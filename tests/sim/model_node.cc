#include "tests/sim/model_node.h"

#include <utility>

namespace weir::sim {

ModelNode::ModelNode(SimRuntime& runtime, const io::Address& address, TrialBook& book, std::uint32_t attempts)
    : runtime_(runtime), address_(address), book_(book), attempts_(attempts) {
  live();
}

ModelNode::~ModelNode() {
  die();
}

void ModelNode::live() {
  if (listener_) return;
  socket_ = runtime_.world().listen(address_);
  listener_ = runtime_.listen(socket_, *this);
}

void ModelNode::die() {
  if (!listener_) return;
  for (const auto& visit : visits_) visit->reset();
  listener_.reset();
  runtime_.world().close(socket_);
}

std::pair<std::string_view, std::string_view> ModelNode::tell(std::uint32_t process) {
  std::vector<base::Time>& times = said_to_[process];
  if (times.size() < kHeard) times.push_back(runtime_.now());
  switch (word_) {
    case OwnWord::none:
      break;
    case OwnWord::drain:
      return {"x-weir-state", "drain"};
    case OwnWord::maint:
      return {"x-weir-state", "maint"};
    case OwnWord::weight:
      return {"x-weir-weight", "7"};
  }
  return {};
}

void ModelNode::on_accept(io::TransportPtr transport) {
  std::erase_if(visits_, [](const auto& visit) { return visit->over(); });
  const TrialPlan& plan = book_.plan();
  auto& wire = static_cast<SimTransport&>(*transport);
  Line line{.transport = std::move(transport), .wire = wire};
  if (!plan.tls_nodes.empty())
    visits_.push_back(welcome_tls(std::move(line), accepted_));
  else
    visits_.push_back(plan.h2_nodes.empty()
                          ? welcome_h1(std::move(line))
                          : welcome_h2(std::move(line), plan.h2_nodes[accepted_ % plan.h2_nodes.size()]));
  ++accepted_;
}

}  // namespace weir::sim
