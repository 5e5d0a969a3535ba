#include "proxy/codec/h1_writer.h"

#include <charconv>

#include "proxy/base/put.h"

namespace weir::codec {
namespace {

using base::put;
using http::BodyLength;

// The most that a head takes besides its texts and fields.
constexpr std::size_t kBesides = 256;

char* put_fields(char* at, const http::Fields& fields) {
  fields.for_each_piece([&at](std::string_view piece) { at = put(at, piece); });
  return at;
}

char* put_content_length(char* at, std::uint64_t bytes) {
  at = put(at, "Content-Length: ");
  at = std::to_chars(at, at + 20, bytes).ptr;
  return put(at, "\r\n");
}

// Rare, and kept apart so that what every head needs stays inline.
[[gnu::noinline]] char* put_upgrade(char* at, std::string_view protocols, Persistence persistence) {
  at = put(at, persistence == Persistence::close        ? "Connection: Upgrade, close\r\nUpgrade: "
               : persistence == Persistence::keep_alive ? "Connection: Upgrade, keep-alive\r\nUpgrade: "
                                                        : "Connection: Upgrade\r\nUpgrade: ");
  at = put(at, protocols);
  return put(at, "\r\n");
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
    case 403:
      return "Forbidden";
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
  const std::size_t most = kBesides + request.method_text.size() + request.target.size() +
                           request.authority.size() + request.upgrade.size() + request.fields.most_bytes();
  out.write(most, [&](char* at) {
    at = put(at, request.method_text);
    *at++ = ' ';
    at = put(at, request.target);
    at = put(at, " HTTP/1.1\r\nHost: ");
    at = put(at, request.authority);
    at = put(at, "\r\n");
    at = put_fields(at, request.fields);
    if (framing == Framing::chunked) at = put(at, "Transfer-Encoding: chunked\r\n");
    if (framing == Framing::counted) at = put_content_length(at, request.length.bytes);
    if (request.expects_continue) at = put(at, "Expect: 100-continue\r\n");
    if (!request.upgrade.empty())
      at = put_upgrade(at, request.upgrade, Persistence::implied);
    else if (request.accepts_trailers)
      at = put(at, "TE: trailers\r\nConnection: TE\r\n");
    return put(at, "\r\n");
  });
}

void write_response(const http::Response& response, Framing framing, Persistence persistence, Output& out) {
  const std::string_view phrase =
      response.reason_phrase.empty() ? usual_phrase(response.status) : response.reason_phrase;
  const std::size_t most = kBesides + phrase.size() + response.upgrade.size() + response.fields.most_bytes();
  out.write(most, [&](char* at) {
    at = put(at, "HTTP/1.1 ");
    *at++ = static_cast<char>('0' + response.status / 100);
    *at++ = static_cast<char>('0' + response.status / 10 % 10);
    *at++ = static_cast<char>('0' + response.status % 10);
    *at++ = ' ';
    at = put(at, phrase);
    at = put(at, "\r\n");
    at = put_fields(at, response.fields);
    if (framing == Framing::chunked) at = put(at, "Transfer-Encoding: chunked\r\n");
    // A response without a body may still tell the length that one would have: to HEAD, and in a 304.
    if (response.length.kind == BodyLength::Kind::bytes &&
        (framing == Framing::counted || framing == Framing::none) && response.status >= 200 &&
        response.status != 204)
      at = put_content_length(at, response.length.bytes);
    if (!response.upgrade.empty())
      at = put_upgrade(at, response.upgrade, persistence);
    else if (persistence == Persistence::close)
      at = put(at, "Connection: close\r\n");
    else if (persistence == Persistence::keep_alive)
      at = put(at, "Connection: keep-alive\r\n");
    return put(at, "\r\n");
  });
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
  if (trailers) out.write(trailers->most_bytes(), [trailers](char* at) { return put_fields(at, *trailers); });
  out.copy("\r\n");
}

}  // namespace weir::codec
