#include "tests/unit/codec/transcript.h"

#include <fmt/format.h>

namespace weir::codec {
namespace {

std::string told(const http::BodyLength& length) {
  using Kind = http::BodyLength::Kind;
  if (length.kind == Kind::none) return "none";
  return length.kind == Kind::bytes ? std::to_string(length.bytes) : "unknown";
}

std::string_view told(http::Version version) {
  switch (version) {
    case http::Version::http10:
      return "1.0";
    case http::Version::http11:
      return "1.1";
    case http::Version::http2:
      return "2";
    case http::Version::http3:
      break;
  }
  return "3";
}

}  // namespace

std::string told(const http::Fields& fields) {
  std::string text;
  fields.for_each([&](const http::Field& field) {
    if (!text.empty()) text += "|";
    text.append(field.name).append("=").append(field.value);
  });
  return text;
}

std::string told(const http::Request& request) {
  return fmt::format("{} {} at {} {} length={}{}{}{}{} [{}]", request.method_text, request.target,
                     request.authority, told(request.version), told(request.length),
                     request.expects_continue ? " expects" : "", request.accepts_trailers ? " trailers" : "",
                     request.upgrade.empty() ? "" : " upgrade=" + request.upgrade,
                     request.scheme.empty() ? "" : " scheme=" + request.scheme, told(request.fields));
}

std::string told(const http::Response& response) {
  return fmt::format("{} {} {} length={}{} [{}]", response.status, response.reason_phrase,
                     told(response.version), told(response.length),
                     response.upgrade.empty() ? "" : " upgrade=" + response.upgrade, told(response.fields));
}

}  // namespace weir::codec
