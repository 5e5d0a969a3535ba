// The guard between a codec and the exchange: whatever order of events a codec comes up with, only legal ones
// pass, so that an empty cell of the exchange's table cannot be reached from outside. One for each direction
// of a stream.
#pragma once

#include <cstdint>
#include <variant>

#include "proxy/http/event.h"

namespace weir::core {

class OrderedEvents {
 public:
  enum class Side : std::uint8_t { request, response };
  explicit OrderedEvents(Side side) : side_(side) {}

  // Whether the event may come now; if so it counts as having come.
  bool admit(const http::Event& event) {
    if (std::holds_alternative<http::RequestHead>(event)) {
      if (side_ != Side::request || phase_ != Phase::head) return false;
      phase_ = Phase::body;
      return true;
    }
    if (auto* head = std::get_if<http::ResponseHead>(&event)) {
      if (side_ != Side::response || phase_ != Phase::head) return false;
      if (!head->head->interim()) phase_ = Phase::body;
      return true;
    }
    if (std::holds_alternative<http::Body>(event)) return phase_ == Phase::body;
    if (std::holds_alternative<http::Trailers>(event)) {
      if (phase_ != Phase::body) return false;
      phase_ = Phase::trailers;
      return true;
    }
    if (phase_ != Phase::body && phase_ != Phase::trailers) return false;
    phase_ = Phase::ended;
    return true;
  }
  // A tunnel's bytes follow a request that had ended.
  void begin_tunnel() { phase_ = Phase::body; }
  void reset() { phase_ = Phase::head; }

 private:
  enum class Phase : std::uint8_t { head, body, trailers, ended };
  Side side_;
  Phase phase_ = Phase::head;
};

}  // namespace weir::core
