#include "proxy/observe/log_line.h"

#include <charconv>
#include <cstdint>
#include <string_view>

#include "proxy/observe/escape.h"

namespace weir::observe {
namespace {

using config::LogField;
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

void append_time(std::string& out, const Stamp& when) {
  out += when.second;
  const unsigned ms = when.ms;
  char fraction[5] = {'.', static_cast<char>('0' + ms / 100), static_cast<char>('0' + ms / 10 % 10),
                      static_cast<char>('0' + ms % 10), 'Z'};
  out.append(fraction, 5);
}

void append_member(std::string& out, string_view key, string_view text) {
  out += key;
  append_escaped(out, text);
  out += '"';
}

void append_or_dash(std::string& out, string_view text) {
  if (text.empty())
    out += '-';
  else
    append_escaped(out, text);
}

void append_field(std::string& out, LogField field, const ExchangeRecord& r, const Stamp& when) {
  switch (field) {
    case LogField::time:
      return append_time(out, when);
    case LogField::client:
      return append_or_dash(out, r.client.peer_text());
    case LogField::method:
      return append_or_dash(out, r.method);
    case LogField::host:
      return append_or_dash(out, r.host);
    case LogField::path:
      return append_or_dash(out, r.target);
    case LogField::protocol:
      return append_or_dash(out, r.protocol);
    case LogField::status:
      return append(out, static_cast<std::uint64_t>(r.status));
    case LogField::bytes_in:
      return append(out, r.request_bytes);
    case LogField::bytes_out:
      return append(out, r.response_bytes);
    case LogField::total_ms:
      return append_ms(out, r.total);
    case LogField::upstream_ms:
      return append_ms(out, r.upstream);
    case LogField::route:
      return append_or_dash(out, r.route);
    case LogField::pool:
      return append_or_dash(out, r.pool);
    case LogField::node:
      return append_or_dash(out, r.node);
    case LogField::attempts:
      return append(out, r.attempts);
    case LogField::request_id:
      return append_or_dash(out, r.request_id);
    case LogField::reason:
      return append_or_dash(out, word(r.reason));
    case LogField::user_agent:
      return append_or_dash(out, r.user_agent);
    case LogField::referer:
      return append_or_dash(out, r.referer);
    case LogField::client_subject:
      return append_or_dash(out, r.client_subject);
    case LogField::queued_ms:
      return append_ms(out, r.queued);
  }
}

// Of a request that could not be read, "-" for what is not known.
void append_request_line(std::string& out, const ExchangeRecord& r) {
  if (!r.method.empty() || !r.target.empty()) {
    append_escaped(out, r.method.empty() ? "-" : r.method);
    out += ' ';
    append_escaped(out, r.target.empty() ? "-" : r.target);
    out += ' ';
  }
  out += r.protocol;
}

}  // namespace

void append_json(std::string& out, const ExchangeRecord& r, const Stamp& when) {
  out += "{\"time\":\"";
  append_time(out, when);
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
  if (!r.client_subject.empty()) append_member(out, ",\"client_subject\":\"", r.client_subject);
  if (r.queued > base::Duration::zero()) {
    out += ",\"queued_ms\":";
    append_ms(out, r.queued);
  }
  out += "}\n";
}

void append_combined(std::string& out, const ExchangeRecord& r, const Stamp& when) {
  out += r.client.peer_text();
  out += " - - [";
  out += when.second;
  out += "] \"";
  append_request_line(out, r);
  out += "\" ";
  append(out, static_cast<std::uint64_t>(r.status));
  out += ' ';
  append(out, r.response_bytes);
  append_member(out, " \"", r.referer.empty() ? "-" : r.referer);
  append_member(out, " \"", r.user_agent.empty() ? "-" : r.user_agent);
  out += '\n';
}

void append_custom(std::string& out, const config::LogTemplate& line, const ExchangeRecord& r,
                   const Stamp& when) {
  for (const config::LogTemplate::Piece& piece : line.pieces) {
    out += piece.before;
    append_field(out, piece.field, r, when);
  }
  out += line.after;
  out += '\n';
}

}  // namespace weir::observe
