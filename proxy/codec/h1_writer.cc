#include "proxy/codec/h1_writer.h"

#include <charconv>
#include <cstring>

namespace weir::codec {
namespace {

using http::BodyLength;

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

void write_fields(const http::Fields& fields, Output& out) {
  fields.for_each_piece([&](std::string_view piece) { out.copy(piece); });
}

void write_content_length(std::uint64_t bytes, Output& out) {
  char line[48] = "Content-Length: ";
  char* end = std::to_chars(line + 16, line + 40, bytes).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.copy({line, static_cast<std::size_t>(end - line)});
}

// Rare, and kept apart so that what every head needs stays inline.
[[gnu::noinline]] void write_upgrade(std::string_view protocols, Persistence persistence, Output& out) {
  out.copy(persistence == Persistence::close        ? "Connection: Upgrade, close\r\nUpgrade: "
           : persistence == Persistence::keep_alive ? "Connection: Upgrade, keep-alive\r\nUpgrade: "
                                                    : "Connection: Upgrade\r\nUpgrade: ");
  out.copy(protocols);
  out.copy("\r\n");
}

std::string_view usual_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace

void write_request(const http::Request& request, Framing framing, Output& out) {
  const bool asks_upgrade = !request.upgrade.empty();
  char* at = out.grow(request.method_text.size() + request.target.size() + request.authority.size() + 20);
  at = put(at, request.method_text);
  *at++ = ' ';
  at = put(at, request.target);
  at = put(at, " HTTP/1.1\r\nHost: ");
  at = put(at, request.authority);
  put(at, "\r\n");
  write_fields(request.fields, out);
  if (framing == Framing::chunked) out.copy("Transfer-Encoding: chunked\r\n");
  if (framing == Framing::counted) write_content_length(request.length.bytes, out);
  if (request.expects_continue) out.copy("Expect: 100-continue\r\n");
  if (asks_upgrade)
    write_upgrade(request.upgrade, Persistence::implied, out);
  else if (request.accepts_trailers)
    out.copy("TE: trailers\r\nConnection: TE\r\n");
  out.copy("\r\n");
}

void write_response(const http::Response& response, Framing framing, Persistence persistence, Output& out) {
  std::string_view phrase =
      response.reason_phrase.empty() ? usual_phrase(response.status) : response.reason_phrase;
  char* at = out.grow(15 + phrase.size());
  at = put(at, "HTTP/1.1 ");
  *at++ = static_cast<char>('0' + response.status / 100);
  *at++ = static_cast<char>('0' + response.status / 10 % 10);
  *at++ = static_cast<char>('0' + response.status % 10);
  *at++ = ' ';
  at = put(at, phrase);
  put(at, "\r\n");
  write_fields(response.fields, out);
  if (framing == Framing::chunked) out.copy("Transfer-Encoding: chunked\r\n");
  // A response without a body may still tell the length that one would have: to HEAD, and in a 304.
  if (response.length.kind == BodyLength::Kind::bytes &&
      (framing == Framing::counted || framing == Framing::none) && response.status >= 200 &&
      response.status != 204)
    write_content_length(response.length.bytes, out);
  if (!response.upgrade.empty())
    write_upgrade(response.upgrade, persistence, out);
  else if (persistence == Persistence::close)
    out.copy("Connection: close\r\n");
  else if (persistence == Persistence::keep_alive)
    out.copy("Connection: keep-alive\r\n");
  out.copy("\r\n");
}

void write_chunk(std::string_view payload, Output& out) {
  char line[20];
  char* end = std::to_chars(line, line + 16, payload.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.copy({line, static_cast<std::size_t>(end - line)});
  out.lend(payload);
  out.copy("\r\n");
}

void write_last_chunk(const http::Fields* trailers, Output& out) {
  out.copy("0\r\n");
  if (trailers) write_fields(*trailers, out);
  out.copy("\r\n");
}

}  // namespace weir::codec
