// What a worker tells the control thread of a node whose word it has changed itself. A value.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace weir::core {

struct Endpoint;

enum class EjectionCause : std::uint8_t { connect, gateway, success_rate, latency };
inline constexpr std::array<std::string_view, 4> kEjectionCauses = {"connect", "gateway", "success_rate",
                                                                    "latency"};

struct NodeNews {
  enum class Kind : std::uint8_t {
    ejected,
    acquitted,  // its probation is passed
    suspicion,  // it became suspect, or is no longer
    failing,    // it fails all requests, and may not be ejected
  };

  std::shared_ptr<Endpoint> endpoint;
  Kind kind = Kind::suspicion;
  EjectionCause cause = EjectionCause::connect;  // of an ejection
  std::string reason;                            // likewise
};

// Brings it to the control thread, from any other. Empty: nobody is there to hear it.
using NodeDesk = std::function<void(NodeNews)>;

}  // namespace weir::core
