#include "tests/sim/trial_totals.h"

#include <algorithm>

namespace weir::sim {

using core::ExchangeTable;

TrialTotals::TrialTotals() {
  for (std::size_t i = 1; i < kAnswerFaults; ++i) faults_[std::string(name_of(static_cast<AnswerFault>(i)))];
  for (std::size_t i = 1; i < kH2Faults; ++i) faults_[std::string(name_of(static_cast<H2Fault>(i)))];
  for (std::size_t i = 1; i < kH2ClientFaults; ++i)
    faults_[std::string(name_of(static_cast<H2ClientFault>(i)))];
  for (const std::string_view trouble : kH2Troubles) faults_[std::string(trouble)];
  for (const TlsSide side : {TlsSide::client, TlsSide::node})
    for (std::size_t i = 1; i < kTlsFaults; ++i)
      if (const auto fault = static_cast<TlsFault>(i); has(side, fault))
        faults_[std::string(name_of(side, fault))];
  for (const std::string_view trouble : kTlsTroubles) faults_[std::string(trouble)];
  for (const std::string_view trouble : kSessionTroubles) faults_[std::string(trouble)];
  for (std::size_t i = 1; i < kClientFaults; ++i) faults_[std::string(name_of(static_cast<ClientFault>(i)))];
  for (std::size_t i = 0; i < kWorldFaults; ++i) faults_[std::string(name_of(static_cast<WorldFault>(i)))];
  faults_["taken back"];
  for (const std::string_view mischief : kMischief) faults_[std::string(mischief)];
}

std::vector<std::string> TrialTotals::unseen_faults() const {
  std::vector<std::string> names;
  for (const auto& [name, count] : faults_)
    if (count == 0) names.push_back(name);
  return names;
}

void TrialTotals::add(std::uint64_t seed, const TrialResult& result) {
  const std::lock_guard lock(mutex_);
  ++seeds_;
  requests_ += result.requests;
  answered_ += result.answered;
  at_atomics_ += result.at_atomics;
  for (const auto& [name, count] : result.faults) faults_[std::string(name)] += count;
  for (std::size_t state = 0; state < cells_.size(); ++state)
    for (std::size_t event = 0; event < cells_[state].size(); ++event)
      cells_[state][event] += result.cells[state][event];
  if (!result.good()) failed_ = std::min(failed_.load(), seed);
}

std::string TrialTotals::text(double seconds, double processor) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t faults = 0;
  std::string kinds;
  for (const auto& [name, count] : faults_) {
    faults += count;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", name, count);
  }
  return fmt::format(
      "{} seeds, {} requests ({} answered by nodes), {} faults of {} kinds ({}); {:.1f} s, {:.0f} requests a "
      "second, {:.0f} a second of a core",
      seeds_, requests_, answered_, faults, faults_.size(), kinds, seconds,
      static_cast<double>(requests_) / seconds, static_cast<double>(requests_) / processor);
}

template <class F>
void TrialTotals::each_cell(F&& f) const {
  for (std::size_t state = 0; state < ExchangeTable::kStates; ++state)
    for (std::size_t event = 0; event < ExchangeTable::kEvents; ++event)
      f(fmt::format("{}, {}", ExchangeTable::kStateNames[state], ExchangeTable::kEventNames[event]),
        cells_[state][event], ExchangeTable::is_empty(state, event));
}

std::string TrialTotals::cells_text() const {
  std::string text;
  each_cell([&](const std::string& name, std::uint64_t count, bool empty) {
    if (!empty || count > 0) text += fmt::format("{:12}  {}\n", count, name);
  });
  return text;
}

std::vector<std::string> TrialTotals::wrong_cells() const {
  std::vector<std::string> names;
  each_cell([&](const std::string& name, std::uint64_t count, bool empty) {
    if (empty != (count == 0)) names.push_back(name);
  });
  return names;
}

}  // namespace weir::sim
