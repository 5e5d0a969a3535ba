// An access log line as an operator writes it: text with fields in braces, '{time} {client} "{method} {path}"
// {status}', and {{ and }} for braces. Read once, into pieces.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace weir::config {

enum class LogField : std::uint8_t {
  time,
  client,
  method,
  host,
  path,
  protocol,
  status,
  bytes_in,
  bytes_out,
  total_ms,
  upstream_ms,
  route,
  pool,
  node,
  attempts,
  request_id,
  reason,
  user_agent,
  referer,
  client_subject,
  queued_ms,
};

// As they are spelled, in the order of the enum.
std::span<const std::string_view> log_field_names();

struct LogTemplate {
  struct Piece {
    std::string before;  // the text in front of the field
    LogField field;
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  static constexpr std::size_t kMostText = 4096;

  std::string text;  // as written
  std::vector<Piece> pieces;
  std::string after;  // the text behind the last field

  // Error: what is wrong, and what is allowed.
  static base::Result<LogTemplate, std::string> parse(std::string_view text);
  friend bool operator==(const LogTemplate&, const LogTemplate&) = default;
};

}  // namespace weir::config
