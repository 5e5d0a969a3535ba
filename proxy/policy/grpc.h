// What gRPC over HTTP/2 asks of whoever stands between: which requests are calls, how long a caller waits,
// and how it is told that something failed (the gRPC project's PROTOCOL-HTTP2). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/http/message.h"

namespace weir::policy {

// A Content-Type of gRPC itself: application/grpc, application/grpc+proto and so on, but not gRPC-Web.
bool is_grpc(std::string_view content_type);

// One of gRPC-Web: application/grpc-web, application/grpc-web-text+proto and so on.
bool is_grpc_web(std::string_view content_type);

// A grpc-timeout, such as 100m (that is milliseconds); none: it is malformed.
std::optional<base::Duration> grpc_timeout(std::string_view text);

// So much of a time in that form, as fine as its eight digits allow; a microsecond at least.
std::string grpc_timeout_text(base::Duration left);

// The grpc-status of an answer of Weir's own, which other callers would see with this HTTP status.
int grpc_status_of(const base::Error& error, int http_status);

// What a node's answer to a call says of the node, as the HTTP status that says the same: of one that is over
// with its head. UNAVAILABLE is 503; UNKNOWN, INTERNAL and DATA_LOSS are 500; all else is what it is.
int status_of_node(const http::Response& head);

// A grpc-message: bytes that are not plain are percent-encoded.
std::string grpc_message(std::string_view text);

}  // namespace weir::policy
