// Which bodies may be silent for as long as they like.
#include "proxy/policy/media_type.h"

#include "tests/unit/catch.h"

using weir::policy::is_endless;

TEST_CASE("event streams and gRPC have no end in sight") {
  for (std::string_view type :
       {"text/event-stream", "Text/Event-Stream", "text/event-stream;charset=utf-8", "text/event-stream ; x",
        "application/grpc", "application/GRPC+proto", "application/grpc;x", "application/grpc-web+proto",
        "application/grpc-web-text"})
    CHECK(is_endless(type));
  for (std::string_view type : {"", "text/event-streams", "text/event-stream+x", "text/event", "text/html",
                                "application/grpcs", "application/grpc-other", "x text/event-stream"})
    CHECK_FALSE(is_endless(type));
}
