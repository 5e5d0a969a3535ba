// A node as the requests' plans and the trial's events say: it reads what Weir sends with the strictest eyes,
// answers, and fails in every way. It may be reached only where the rules of replay allow it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/message_reader.h"
#include "tests/sim/sim_runtime.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

class ModelNode final : io::AcceptHandler {
 public:
  ModelNode(SimRuntime& runtime, const io::Address& address, TrialBook& book, std::uint32_t attempts);
  ~ModelNode();
  ModelNode(const ModelNode&) = delete;
  ModelNode& operator=(const ModelNode&) = delete;

  const io::Address& address() const { return address_; }
  void be_ill(bool ill) { ill_since_ = ill ? runtime_.now() : base::kNever; }
  // Its operator has told Weir so.
  void drain(bool drains) { drained_since_ = drains ? runtime_.now() : base::kNever; }
  void die();  // resets its connections, and nobody listens there any more
  void live();

 private:
  class Visit;

  void on_accept(io::TransportPtr transport) override;

  SimRuntime& runtime_;
  const io::Address address_;
  TrialBook& book_;
  const std::uint32_t attempts_;
  base::Time ill_since_ = base::kNever;
  base::Time drained_since_ = base::kNever;
  io::ListenSocket socket_;
  std::unique_ptr<io::Listener> listener_;
  std::set<std::uint32_t> well_to_;  // processes that it has answered a check of as it should
  std::vector<std::unique_ptr<Visit>> visits_;
};

}  // namespace weir::sim
