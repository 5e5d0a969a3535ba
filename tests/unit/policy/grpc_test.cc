// What gRPC asks of whoever stands between.
#include "proxy/policy/grpc.h"

#include "tests/unit/catch.h"

namespace weir::policy {

using namespace std::chrono_literals;
using base::Reason;

TEST_CASE("calls are told by their type") {
  for (const std::string_view type : {"application/grpc", "application/grpc+proto", "application/grpc;x=y",
                                      "Application/gRPC ;v", "application/grpc\t"})
    CHECK(is_grpc(type));
  for (const std::string_view type :
       {"", "application/grpc-web", "application/grpc-web+proto", "application/grpcx", "application/json",
        "application/grp", "xapplication/grpc"})
    CHECK_FALSE(is_grpc(type));
}

TEST_CASE("a timeout is up to eight digits and a unit") {
  CHECK(grpc_timeout("100m") == 100ms);
  CHECK(grpc_timeout("1H") == 1h);
  CHECK(grpc_timeout("2M") == 2min);
  CHECK(grpc_timeout("3S") == 3s);
  CHECK(grpc_timeout("5u") == 5us);
  CHECK(grpc_timeout("7n") == 7ns);
  CHECK(grpc_timeout("0S") == 0s);
  CHECK(grpc_timeout("99999999n") == 99999999ns);
  CHECK(grpc_timeout("99999999H") == base::Duration::max());
  for (const std::string_view text :
       {"", "m", "1", "100", "123456789m", "-1S", "1s", "1 S", "1.5S", "x1S", "1SS"})
    CHECK_FALSE(grpc_timeout(text));
}

TEST_CASE("what went wrong has a status of gRPC") {
  const auto status = [](Reason reason, int http) { return grpc_status_of({.reason = reason}, http); };
  CHECK(status(Reason::no_node, 503) == 14);
  CHECK(status(Reason::connect_refused, 502) == 14);
  CHECK(status(Reason::upstream_reset, 502) == 14);
  CHECK(status(Reason::response_timeout, 504) == 4);
  CHECK(status(Reason::request_timeout, 504) == 4);
  CHECK(status(Reason::connect_timeout, 504) == 14);
  CHECK(status(Reason::no_route, 404) == 12);
  CHECK(status(Reason::too_large, 413) == 8);
  CHECK(status(Reason::bad_request, 400) == 13);
  CHECK(status(Reason::rate_limited, 429) == 14);
  CHECK(status(Reason::internal, 500) == 2);
}

TEST_CASE("a message is percent-encoded") {
  CHECK(grpc_message("no_node: all is well") == "no_node: all is well");
  CHECK(grpc_message("100 %\n\xc3\xbc") == "100 %25%0A%C3%BC");
}

TEST_CASE("a time is told to gRPC in eight digits, as fine as they allow") {
  CHECK(grpc_timeout_text(99'999'999ns) == "99999u");
  CHECK(grpc_timeout_text(100ms) == "100000u");
  CHECK(grpc_timeout_text(100s) == "100000m");
  CHECK(grpc_timeout_text(30h) == "108000S");
  CHECK(grpc_timeout_text(30'000h) == "1800000M");
  CHECK(grpc_timeout_text(0ns) == "1u");
  for (const base::Duration time :
       {base::Duration(1ms), base::Duration(123ms), base::Duration(77s), base::Duration(500h)})
    CHECK(grpc_timeout(grpc_timeout_text(time)) <= time);
}

}  // namespace weir::policy
