#include "tests/sim/checked_world.h"

#include <array>
#include <utility>

#include "tests/unit/catch.h"

namespace weir::sim {

class SimNode::Visit final : io::TransportHandler, io::TimerHandler {
 public:
  Visit(SimNode& node, io::TransportPtr transport)
      : node_(node), transport_(std::move(transport)), timer_(node.runtime_.timers(), *this) {
    transport_->set_handler(*this);
    if (node_.conduct == Conduct::resetting) transport_->reset();
    if (node_.conduct == Conduct::closing) transport_->shutdown_write();
  }

 private:
  void on_read(std::string_view bytes) override {
    request_.append(bytes);
    if (asked_ || request_.find("\r\n\r\n") == std::string::npos) return;
    asked_ = true;
    node_.requests.push_back(request_);
    node_.take_step();
    answer_ = node_.answer;
    if (node_.conduct == Conduct::answer) {
      send(answer_);
      transport_->shutdown_write();
    } else if (node_.conduct == Conduct::dripping) {
      on_timer();
    } else if (node_.conduct == Conduct::endless) {
      send("HTTP/1.1 200 OK\r\n\r\n");
      flood();
    }
  }
  void on_read_end() override { transport_.reset(); }
  void on_read_error(const base::Error&) override { transport_.reset(); }
  void on_sent(std::size_t) override {
    if (asked_ && node_.conduct == Conduct::endless) flood();
  }
  void on_write_error(const base::Error&) override {}
  void on_timer() override {
    if (!transport_ || dripped_ == answer_.size()) return;
    send(std::string_view(answer_).substr(dripped_++, 1));
    timer_.set(node_.runtime_.now() + 100ms);
  }
  void flood() {
    const std::string piece(10'000, 'x');
    while (transport_->pending() == 0) send(piece);
  }
  void send(std::string_view bytes) { transport_->write(std::span(&bytes, 1)); }

  SimNode& node_;
  io::TransportPtr transport_;
  io::Timer timer_;
  std::string request_, answer_;
  std::size_t dripped_ = 0;
  bool asked_ = false;
};

SimNode::SimNode(SimWorld& world, SimRuntime& runtime, const io::Address& where)
    : address(where), world_(world), runtime_(runtime), socket_(world.listen(where)) {
  listener_ = runtime_.listen(socket_, *this);
}

SimNode::~SimNode() {
  visits_.clear();
  listener_.reset();
  world_.close(socket_);
}

void SimNode::on_accept(io::TransportPtr transport) {
  asked.push_back(runtime_.now());
  visits_.push_back(std::make_unique<Visit>(*this, std::move(transport)));
  if (visits_.size() > 4) visits_.erase(visits_.begin());  // long over, or as good as
}

void SimNode::take_step() {
  if (!course_.empty()) say(course_[step_++ % course_.size()] == '+' ? 200 : 500);
}

CheckedWorld::CheckedWorld(std::size_t count, SimRules rules, std::uint64_t seed, std::size_t most_at_once)
    : world(seed, rules) {
  config.pools.emplace_back();
  pool().name = "app";
  pool().health.emplace().http.emplace().target = "/healthz";
  health().jitter = 0;
  for (std::size_t i = 0; i < count; ++i) {
    io::Address address;
    address.ip.family = io::Ip::Family::v4;
    address.ip.bytes = {10, 0, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250 + 1)};
    address.port = 8000;
    nodes.push_back(std::make_unique<SimNode>(world, servers, address));
    pool().nodes.push_back({address, 1});
  }
  config.routes.emplace_back();
  config.routes.back().pool = "app";
  prober = std::make_unique<core::Prober>(
      control, seed, most_at_once,
      [this](std::shared_ptr<const core::NodeChanges> changes) {
        told.push_back(std::move(changes));
        told_at.push_back(world.now());
      },
      [this] { ++begun; });
}

CheckedWorld::~CheckedWorld() {
  prober.reset();
  nodes.clear();
}

void CheckedWorld::watch() {
  auto next = std::make_shared<const core::Snapshot>(config, table, core::ResolvedNames{});
  prober->watch(*next);
  snapshot = std::move(next);
  table.drop_unused();
}

base::Duration CheckedWorld::until(std::size_t node, balancer::Health expected, base::Duration at_most) {
  const base::Time begin = world.now();
  INFO("node " << node << " is " << balancer::word(word(node)) << ": " << reason(node));
  REQUIRE(world.run_until([&] { return word(node) == expected; }, begin + at_most));
  return world.now() - begin;
}

base::Duration CheckedWorld::until_asked(std::size_t node, std::size_t times) {
  const base::Time begin = world.now();
  const std::size_t target = nodes[node]->asked.size() + times;
  REQUIRE(world.run_until([&] { return nodes[node]->asked.size() >= target; }, begin + 1min));
  run(0s);  // and, on a calm network, answered
  return world.now() - begin;
}

std::size_t CheckedWorld::how_many(balancer::Health expected) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (word(i) == expected) ++count;
  return count;
}

}  // namespace weir::sim
