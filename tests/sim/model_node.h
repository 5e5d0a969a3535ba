// A node as the requests' plans and the trial's events say: it reads what Weir sends with the strictest eyes,
// answers, and fails in every way, over HTTP/1.1 or HTTP/2. It may be reached only where the rules of replay
// allow it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/model_tls.h"
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
  // Whatever it is asked, but for checks; none: as the requests' plans say.
  void answer_with(AnswerFault fault) { fault_ = fault; }
  // Its operator has told Weir so.
  void drain(bool drains) { drained_since_ = drains ? runtime_.now() : base::kNever; }
  // Of itself, in its answers to checks.
  void say(OwnWord word) {
    word_ = word;
    said_to_.clear();
  }
  void die();  // resets its connections, and nobody listens there any more
  void live();

 private:
  class Try;
  class H1Visit;
  class H2Visit;
  class TlsVisit;
  // A connection of Weir's, whose transport is `wire`, or `tls` around it.
  struct Line {
    io::TransportPtr transport;
    SimTransport& wire;
    ModelTls* tls = nullptr;
  };
  // One connection.
  class Visit {
   public:
    virtual ~Visit() = default;
    virtual bool over() const = 0;
    virtual void reset() = 0;
  };

  void on_accept(io::TransportPtr transport) override;
  std::unique_ptr<Visit> welcome_h1(Line line);
  std::unique_ptr<Visit> welcome_h2(Line line, const H2Manners& manners);
  std::unique_ptr<Visit> welcome_tls(Line line, std::size_t turn);
  // The field that answers to checks of a process have, which learns of the node's word by that; "": none.
  std::pair<std::string_view, std::string_view> tell(std::uint32_t process);
  bool is_ill() const { return ill_since_ != base::kNever; }

  SimRuntime& runtime_;
  const io::Address address_;
  TrialBook& book_;
  const std::uint32_t attempts_;
  AnswerFault fault_ = AnswerFault::none;
  base::Time ill_since_ = base::kNever;
  base::Time drained_since_ = base::kNever;
  io::ListenSocket socket_;
  std::unique_ptr<io::Listener> listener_;
  // After so many answers a process has read one: others may have been too late.
  static constexpr std::size_t kHeard = 3;
  OwnWord word_ = OwnWord::none;
  std::map<std::uint32_t, std::vector<base::Time>> said_to_;  // by process, when, since it has that word
  std::set<std::uint32_t> well_to_;  // processes that it has answered a check of as it should
  std::vector<std::unique_ptr<Visit>> visits_;
  std::size_t accepted_ = 0;
};

}  // namespace weir::sim
