#include "proxy/policy/grpc.h"

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/http/fields.h"

namespace weir::policy {
namespace {

constexpr std::size_t kMostDigits = 8;

enum GrpcStatus : std::uint8_t {
  kUnknown = 2,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

std::optional<base::Duration> unit_of(char unit) {
  using namespace std::chrono_literals;
  switch (unit) {
    case 'H':
      return 1h;
    case 'M':
      return 1min;
    case 'S':
      return 1s;
    case 'm':
      return 1ms;
    case 'u':
      return 1us;
    case 'n':
      return 1ns;
    default:
      return std::nullopt;
  }
}

// Whether it is that type, whatever its message format and parameters.
bool names(std::string_view content_type, std::string_view type) {
  if (!http::same_name(content_type.substr(0, type.size()), type)) return false;
  const std::string_view rest = content_type.substr(type.size());
  return rest.empty() || std::string_view("; \t+").find(rest.front()) != std::string_view::npos;
}

}  // namespace

bool is_grpc(std::string_view content_type) {
  return names(content_type, "application/grpc");
}

bool is_grpc_web(std::string_view content_type) {
  return names(content_type, "application/grpc-web") || names(content_type, "application/grpc-web-text");
}

std::optional<base::Duration> grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const std::string_view digits = text.substr(0, text.size() - 1);
  const auto unit = unit_of(text.back());
  if (!unit || !std::all_of(digits.begin(), digits.end(), base::is_digit)) return std::nullopt;
  std::int64_t count = 0;
  for (const char digit : digits) count = count * 10 + (digit - '0');
  const std::int64_t most = base::Duration::max() / *unit;
  return count > most ? base::Duration::max() : *unit * count;
}

std::string grpc_timeout_text(base::Duration left) {
  constexpr std::int64_t kMost = 99'999'999;  // eight digits
  const base::Duration some = std::max<base::Duration>(left, std::chrono::microseconds(1));
  for (const char unit : {'u', 'm', 'S', 'M'})
    if (const std::int64_t count = some / *unit_of(unit); count <= kMost) return std::to_string(count) + unit;
  return std::to_string(std::min(kMost, some / *unit_of('H'))) + 'H';
}

int grpc_status_of(const base::Error& error, int http_status) {
  using base::Reason;
  switch (error.reason) {
    case Reason::response_timeout:
    case Reason::request_timeout:
    case Reason::client_timeout:
      return kDeadlineExceeded;
    case Reason::too_large:
      return kResourceExhausted;
    default:
      break;
  }
  switch (http_status) {
    case 400:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kUnavailable;
    default:
      return kUnknown;
  }
}

std::string grpc_message(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string message;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      message += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    message += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return message;
}

int status_of_node(const http::Response& head) {
  const auto type = head.status == 200 ? head.fields.get(http::FieldId::content_type) : std::nullopt;
  if (!type || !is_grpc(*type)) return head.status;
  const std::string_view said = head.fields.get("grpc-status").value_or("");
  if (said == "14") return 503;
  return said == "2" || said == "13" || said == "15" ? 500 : head.status;
}

}  // namespace weir::policy
