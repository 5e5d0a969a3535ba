// gRPC's health checking protocol (grpc.health.v1.Health/Check), as far as a check speaks it: the message
// that asks after a service, and what the answer to it says. Pure; the answer comes piece by piece and is
// bounded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::health {

inline constexpr std::string_view kGrpcHealthMethod = "/grpc.health.v1.Health/Check";

// HealthCheckRequest, framed as a gRPC message. `service`: "" asks after the server as a whole; 127 bytes at
// most.
std::string grpc_health_request(std::string_view service);

class GrpcHealthAnswer {
 public:
  enum class Word : std::uint8_t { unknown, serving, not_serving, service_unknown, none };

  void see(std::string_view piece);
  // Once all has been seen. none: it is no HealthCheckResponse.
  Word word() const;

 private:
  static constexpr std::size_t kMost = 1024;  // bytes; an answer takes seven

  std::string seen_;  // kMost + 1 at most
};

std::string_view word(GrpcHealthAnswer::Word word);

}  // namespace weir::health
