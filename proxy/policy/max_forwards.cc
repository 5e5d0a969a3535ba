#include "proxy/policy/max_forwards.h"

#include <charconv>
#include <cstdint>
#include <string>

namespace weir::policy {
namespace {

constexpr std::string_view kName = "Max-Forwards";

// Digits only; what is too much for the type is its greatest value.
std::optional<std::uint32_t> parse(std::string_view text) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (at != end || error == std::errc::invalid_argument) return std::nullopt;
  return error == std::errc::result_out_of_range ? UINT32_MAX : value;
}

}  // namespace

std::optional<base::Error> spend_forward(http::Request& request) {
  using base::Error;
  if (request.method != http::Method::options && request.method != http::Method::trace) return std::nullopt;
  const auto field = request.fields.get(kName);
  const auto left = field ? parse(*field) : std::nullopt;
  if (!left) return std::nullopt;
  if (*left > 0) {
    request.fields.set(kName, std::to_string(*left - 1));
    return std::nullopt;
  }
  if (request.method == http::Method::options)
    return Error{base::Reason::none, base::Fault::downstream, base::Retry::never, 204, "Max-Forwards is 0"};
  return Error{base::Reason::bad_request, base::Fault::downstream, base::Retry::never, 405,
               "Max-Forwards is 0, and TRACE is not reflected here"};
}

}  // namespace weir::policy
