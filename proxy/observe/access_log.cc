#include "proxy/observe/access_log.h"

#include <array>
#include <charconv>
#include <ctime>
#include <string_view>
#include <utility>

namespace weir::observe {
namespace {

using std::string_view;

void append(std::string& out, std::uint64_t number) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

// Milliseconds with microseconds behind the point.
void append_ms(std::string& out, base::Duration span) {
  auto us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(span).count());
  append(out, us / 1000);
  char fraction[4] = {'.', static_cast<char>('0' + us / 100 % 10), static_cast<char>('0' + us / 10 % 10),
                      static_cast<char>('0' + us % 10)};
  out.append(fraction, 4);
}

constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = true;
  for (std::size_t c = 0x7f; c < 256; ++c) table[c] = true;  // bytes that may not be UTF-8
  table['"'] = table['\\'] = true;
  return table;
}();

// Text from outside, fit for a JSON string and for a terminal alike.
void append_text(std::string& out, string_view text) {
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (!kEscaped[c]) continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else {
      constexpr string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  out.append(text.substr(plain));
}

void append_member(std::string& out, string_view key, string_view text) {
  out += key;
  append_text(out, text);
  out += '"';
}

void append_json(std::string& out, const ExchangeRecord& r, string_view stamp, std::int64_t wall_ms) {
  out += "{\"time\":\"";
  out += stamp;
  auto ms = static_cast<unsigned>(wall_ms % 1000);
  char fraction[5] = {'.', static_cast<char>('0' + ms / 100), static_cast<char>('0' + ms / 10 % 10),
                      static_cast<char>('0' + ms % 10), 'Z'};
  out.append(fraction, 5);
  append_member(out, "\",\"client\":\"", r.client.peer_text());
  append_member(out, ",\"method\":\"", r.method);
  append_member(out, ",\"host\":\"", r.host);
  append_member(out, ",\"path\":\"", r.target);
  append_member(out, ",\"protocol\":\"", r.protocol);
  out += ",\"status\":";
  append(out, static_cast<std::uint64_t>(r.status));
  out += ",\"bytes_in\":";
  append(out, r.request_bytes);
  out += ",\"bytes_out\":";
  append(out, r.response_bytes);
  out += ",\"total_ms\":";
  append_ms(out, r.total);
  out += ",\"upstream_ms\":";
  append_ms(out, r.upstream);
  append_member(out, ",\"route\":\"", r.route);
  append_member(out, ",\"pool\":\"", r.pool);
  append_member(out, ",\"node\":\"", r.node);
  out += ",\"attempts\":";
  append(out, r.attempts);
  append_member(out, ",\"request_id\":\"", r.request_id);
  append_member(out, ",\"reason\":\"", word(r.reason));
  out += "}\n";
}

void append_combined(std::string& out, const ExchangeRecord& r, string_view stamp) {
  out += r.client.peer_text();
  out += " - - [";
  out += stamp;
  out += "] \"";
  append_text(out, r.method);
  out += ' ';
  append_text(out, r.target);
  out += ' ';
  out += r.protocol;
  out += "\" ";
  append(out, static_cast<std::uint64_t>(r.status));
  out += ' ';
  append(out, r.response_bytes);
  append_member(out, " \"", r.referer.empty() ? "-" : r.referer);
  append_member(out, " \"", r.user_agent.empty() ? "-" : r.user_agent);
  out += '\n';
}

}  // namespace

void AccessLog::write(const ExchangeRecord& record, std::int64_t wall_ms) {
  const std::string& time = stamp(wall_ms / 1000);
  if (format_ == config::LogFormat::json)
    append_json(lines_, record, time, wall_ms);
  else
    append_combined(lines_, record, time);
  ++count_;
  if (lines_.size() >= kFull) hand_over();
}

void AccessLog::hand_over() {
  if (lines_.empty()) return;
  lines_ = writer_.submit(std::move(lines_), std::exchange(count_, 0));
  lines_.reserve(kFull + 4096);
}

const std::string& AccessLog::stamp(std::int64_t second) {
  if (second == stamp_second_) return stamp_;
  stamp_second_ = second;
  std::time_t time = second;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[40];
  const char* form = format_ == config::LogFormat::json ? "%Y-%m-%dT%H:%M:%S" : "%d/%b/%Y:%H:%M:%S +0000";
  stamp_.assign(text, std::strftime(text, sizeof text, form, &utc));
  return stamp_;
}

}  // namespace weir::observe
