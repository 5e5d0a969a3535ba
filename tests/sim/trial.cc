#include "tests/sim/trial.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <tuple>

#include "proxy/base/log.h"
#include "tests/sim/model_client.h"
#include "tests/sim/model_h2_client.h"
#include "tests/sim/model_node.h"
#include "tests/sim/trial_chance.h"
#include "tests/sim/weir_rig.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kMostCourse = 30min;  // of virtual time; nothing has a reason to take longer
constexpr base::Duration kMostDrain = 60s;
constexpr base::Duration kMostHandOver = 10s;
constexpr base::Duration kMostHappening = 14s;  // from the beginning until the end of what befalls the world

io::Address node_address(std::size_t number) {
  return *io::Address::parse(fmt::format("10.1.0.{}:80", number + 1));
}

class Trial {
 public:
  Trial(const TrialPlan& plan, TrialBook::Trace trace)
      : plan_(plan), world_(plan.seed, plan.rules), book_(world_, plan, trace) {
    std::vector<io::Address> addresses;
    for (std::size_t i = 0; i < plan.nodes; ++i) addresses.push_back(node_address(i));
    for (const io::Address& address : addresses)
      nodes_.push_back(std::make_unique<ModelNode>(node_loop_, address, book_, plan.attempts));
    weir_ = std::make_unique<WeirRig>(world_, plan, addresses, book_);
    for (const ClientPlan& client : plan.clients) clients_.push_back(make_client(client));
    for (const WorldEvent& event : plan.events) new Happening(*this, event);
  }

  ~Trial() {
    for (Happening* happening : happenings_) happening->retire();
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  TrialResult run() {
    if (!world_.run_until(
            [this] {
              weir_->on_step();
              return !book_.good() || clients_are_over();
            },
            begin_ + kMostCourse))
      for (const auto& client : clients_)
        if (!client->over()) book_.broken("it never ends: {}", client->describe());
    if (plan_.calm && book_.good() && book_.answered != plan_.requests())
      book_.broken("on a calm day {} of {} requests were answered by nodes", book_.answered,
                   plan_.requests());
    if (book_.good()) end();
    TrialResult result;
    result.took = world_.now() - begin_;
    const bool whole = book_.good();
    weir_.reset();
    clients_.clear();
    nodes_.clear();
    if (whole) {
      world_.run_until(world_.now() + 5s);  // what was under way between them
      if (!world_.links().empty()) book_.broken("a connection is left at the end");
    }
    result.violations = book_.violations();
    result.trace = book_.lines();
    result.faults = book_.faults();
    result.cells = cells_;
    const SimWorld::Mischief& mischief = world_.mischief();
    const std::array<std::uint64_t, kMischief.size()> counts = {mischief.splits, mischief.short_writes,
                                                                mischief.preemptions, mischief.late_mails};
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (counts[i] > 0) result.faults[kMischief[i]] = counts[i];
    result.requests = book_.answered + book_.refused + book_.cut + book_.lost;
    result.answered = book_.answered;
    result.refused = book_.refused;
    result.cut = book_.cut;
    result.lost = book_.lost;
    result.events = world_.events();
    result.at_atomics = mischief.at_atomics;
    result.digest = world_.random().next() ^ world_.events();
    return result;
  }

 private:
  enum What : std::uint32_t { kBegin, kEnd };

  // Something that befalls the world, and its end.
  class Happening final : public SimActor {
   public:
    Happening(Trial& trial, const WorldEvent& event) : trial_(trial), event_(event) {
      trial.happenings_.push_back(this);
      trial.world_.schedule(*this, trial.world_.now() + event.at, kBegin);
    }
    void on_event(std::uint32_t what) override {
      if (trial_.is_order(event_, what) && trial_.weir_->hands_over()) return ask_again(what);
      if (what == kBegin) {
        trial_.begin(event_);
        trial_.world_.schedule(*this, trial_.world_.now() + event_.span, kEnd);
      } else {
        trial_.end(event_);
        std::erase(trial_.happenings_, this);
        retire();
      }
    }

   private:
    // Weir takes no orders meanwhile. What is late lasts less long.
    void ask_again(std::uint32_t what) {
      constexpr base::Duration kWait = 50ms;
      if (what == kBegin) event_.span -= std::min(event_.span, kWait);
      trial_.world_.schedule(*this, trial_.world_.now() + kWait, what);
    }

    Trial& trial_;
    WorldEvent event_;
  };

  std::unique_ptr<ModelCaller> make_client(const ClientPlan& plan) {
    const io::Address& address = plan.tls ? weir_->tls_address() : weir_->address();
    if (plan.h2) return std::make_unique<ModelH2Client>(client_loop_, address, plan, book_);
    return std::make_unique<ModelClient>(client_loop_, address, plan, book_);
  }

  bool clients_are_over() {
    while (!clients_.empty() && first_ < clients_.size() && clients_[first_]->over()) ++first_;
    return first_ == clients_.size();
  }

  // To Weir, by an operator or who changes its configuration.
  bool is_order(const WorldEvent& event, std::uint32_t what) const {
    switch (event.fault) {
      case WorldFault::node_drains:
        return what == kBegin || !plan_.named;
      case WorldFault::names_change:
        return what == kBegin && !plan_.named;
      case WorldFault::swap:
        return what == kBegin;
      default:
        return false;
    }
  }

  void begin(const WorldEvent& event) {
    using Fate = SimWorld::Fate;
    if (event.fault == WorldFault::hand_over && !weir_->hand_over())
      return book_.tell("Weir hands over nothing now");
    note_unsettled(event);
    book_.struck(name_of(event.fault));
    book_.tell("{} (node {}, for {} ms)", name_of(event.fault), event.node + 1,
               std::chrono::duration_cast<std::chrono::milliseconds>(event.span).count());
    ModelNode& node = *nodes_[event.node];
    switch (event.fault) {
      case WorldFault::node_dies:
        return node.die();
      case WorldFault::node_vanishes:
        return world_.set_fate(node.address(), Fate::black_hole);
      case WorldFault::node_falls_ill:
        return node.be_ill(true);
      case WorldFault::node_refuses:
        return world_.set_fate(node.address(), Fate::refused);
      case WorldFault::node_drains:
        node.drain(plan_.named || weir_->lists(node.address()));
        if (plan_.named) return weir_->drain_for(node.address(), event.span);
        return weir_->set_operator(node.address(), balancer::Operator::drain);
      case WorldFault::names_change:
        return weir_->rename();
      case WorldFault::swap:
        return weir_->swap();
      case WorldFault::crew_changes:
        return weir_->move_entrances();
      case WorldFault::no_descriptors:
        return weir_->set_descriptors(false);
      case WorldFault::pause:
        return weir_->pause(event.span);
      case WorldFault::leap:
        return world_.leap(event.span);
      case WorldFault::wall_set:
        return world_.set_wall((event.node % 2 == 0 ? 20'000 : -20'000) * event.span);
      case WorldFault::hand_over:
        return;  // it goes on by itself
      case WorldFault::node_resets:
        return node.answer_with(AnswerFault::resets_unanswered);
      case WorldFault::node_is_quiet:
        return node.answer_with(AnswerFault::silent);
      case WorldFault::node_says_so:
        return node.say(event.word);
      case WorldFault::overload:
        return weir_->overload(static_cast<policy::Overload::Level>(1 + event.node % 3));
    }
  }

  // What makes Weir look at its nodes anew, or keeps it from looking.
  void note_unsettled(const WorldEvent& event) {
    switch (event.fault) {
      case WorldFault::node_drains:
      case WorldFault::names_change:
      case WorldFault::swap:
        return book_.unsettled(world_.now() + book_.most_making() + 1s);
      case WorldFault::no_descriptors:
        return book_.unsettled(world_.now() + event.span);
      default:
        return;
    }
  }

  void end(const WorldEvent& event) {
    note_unsettled(event);
    ModelNode& node = *nodes_[event.node];
    switch (event.fault) {
      case WorldFault::node_dies:
        return node.live();
      case WorldFault::node_vanishes:
      case WorldFault::node_refuses:
        return world_.set_fate(node.address(), SimWorld::Fate::natural);
      case WorldFault::node_falls_ill:
        return node.be_ill(false);
      case WorldFault::node_drains:
        node.drain(false);
        if (!plan_.named) weir_->set_operator(node.address(), balancer::Operator::active);
        return;
      case WorldFault::no_descriptors:
        return weir_->set_descriptors(true);
      case WorldFault::node_resets:
      case WorldFault::node_is_quiet:
        return node.answer_with(AnswerFault::none);
      case WorldFault::node_says_so:
        return node.say(OwnWord::none);
      case WorldFault::overload:
        return weir_->overload(0);
      case WorldFault::names_change:
      case WorldFault::swap:
      case WorldFault::crew_changes:
      case WorldFault::pause:
      case WorldFault::leap:
      case WorldFault::wall_set:
      case WorldFault::hand_over:
        return;
    }
  }

  // Every client has had its due: now Weir must come to rest, and keep nothing.
  void end() {
    if (!plan_.events.empty()) pass_until(begin_ + kMostHappening);
    if (weir_->hands_over() && !hand_over_ends()) return;
    book_.tell("the clients are done; Weir drains");
    weir_->drain();
    const auto over = [this] {
      weir_->on_step();
      return weir_->drained() || !book_.good();
    };
    if (!world_.run_until(over, world_.now() + kMostDrain))
      return book_.broken("Weir does not come to an end");
    pass_until(world_.now() + 5s);  // the last mail
    if (!book_.good()) return;
    weir_->check_balance();
    weir_->add_cells(cells_);
  }

  bool hand_over_ends() {
    const auto over = [this] {
      weir_->on_step();
      return !weir_->hands_over() || !book_.good();
    };
    if (!world_.run_until(over, world_.now() + kMostHandOver)) book_.broken("a hand-over does not end");
    return book_.good();
  }

  void pass_until(base::Time at) {
    const auto watch = [this] {
      weir_->on_step();
      return !book_.good();
    };
    world_.run_until(watch, at);
  }

  const TrialPlan& plan_;
  const TrialChance chance_{plan_.seed};
  SimWorld world_;
  const base::Time begin_ = world_.now();
  TrialBook book_;
  SimRuntime node_loop_{world_};
  SimRuntime client_loop_{world_};
  std::vector<std::unique_ptr<ModelNode>> nodes_;
  std::unique_ptr<WeirRig> weir_;
  std::vector<std::unique_ptr<ModelCaller>> clients_;
  TrialCells cells_{};
  std::vector<Happening*> happenings_;  // that are not over
  std::size_t first_ = 0;               // that may not be over
};

}  // namespace

TrialResult run_trial(const TrialPlan& plan, TrialBook::Trace trace) {
  static const bool quiet = [] {
    base::detail::least_logged = static_cast<base::LogLevel>(255);  // the trace says more
    return true;
  }();
  std::ignore = quiet;
  return Trial(plan, trace).run();
}

}  // namespace weir::sim
