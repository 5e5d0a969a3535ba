// How often each cell of the exchange's table (exchange.h) was reached, by state and event: what a simulation
// asks to know what it has tried. One of each data path, counted by its thread alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::core {

enum class ExchangeState : std::uint8_t { Choosing, Queued, Trying, Relaying, Tunnel, Closed };
enum class ExchangeEvent : std::uint8_t {
  attempt_ready,
  attempt_failed,
  final_head,
  request_cut,
  client_gone,
  halves_ended,
};

class ExchangeTable {
 public:
  static constexpr std::size_t kStates = 6, kEvents = 6;
  static constexpr std::array<std::string_view, kStates> kStateNames = {"Choosing", "Queued", "Trying",
                                                                        "Relaying", "Tunnel", "Closed"};
  static constexpr std::array<std::string_view, kEvents> kEventNames = {
      "attempt ready", "attempt failed", "final head", "request cut", "client gone", "halves ended"};
  // Cells that no bytes from outside can reach.
  static constexpr bool is_empty(std::size_t state, std::size_t event) {
    constexpr bool kReached[kStates][kEvents] = {
        {true, true, false, true, true, false},    // Choosing
        {false, false, false, true, true, false},  // Queued
        {true, true, true, true, true, false},     // Trying
        {false, true, false, true, true, true},    // Relaying
        {false, true, false, true, true, true},    // Tunnel
        {false, false, false, false, false, false},
    };
    return !kReached[state][event];
  }

  void add(ExchangeState state, ExchangeEvent event) {
    ++cells_[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
  }
  std::uint64_t get(std::size_t state, std::size_t event) const { return cells_[state][event]; }

 private:
  std::array<std::array<std::uint64_t, kEvents>, kStates> cells_{};
};

}  // namespace weir::core
