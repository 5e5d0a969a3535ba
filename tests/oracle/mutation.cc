#include "tests/oracle/mutation.h"

#include <algorithm>
#include <array>

namespace weir::oracle {
namespace {

using namespace std::string_view_literals;

constexpr std::array kTokens = {"\r\n"sv,
                                "\n"sv,
                                "\r"sv,
                                "\0"sv,
                                " "sv,
                                "\t"sv,
                                ":"sv,
                                ","sv,
                                ";"sv,
                                "="sv,
                                "\""sv,
                                "\\"sv,
                                "/"sv,
                                "?"sv,
                                "%2e"sv,
                                "%00"sv,
                                "..\x2f"sv,
                                "\x0b"sv,
                                "\x7f"sv,
                                "\x80"sv,
                                "\xff"sv,
                                "\r\n\r\n"sv,
                                "\r\n "sv,
                                "0"sv,
                                "0\r\n\r\n"sv,
                                "5\r\nhello\r\n"sv,
                                "chunked"sv,
                                "identity"sv,
                                "close"sv,
                                "keep-alive"sv,
                                "Content-Length: 5\r\n"sv,
                                "Content-Length: 0\r\n"sv,
                                "Transfer-Encoding: chunked\r\n"sv,
                                "Connection: close\r\n"sv,
                                "Connection: upgrade\r\nUpgrade: websocket\r\n"sv,
                                "Connection: X-A\r\nX-A: 1\r\n"sv,
                                "TE: trailers\r\n"sv,
                                "Expect: 100-continue\r\n"sv,
                                "Host: b.test\r\n"sv,
                                "X-A: 1\r\n"sv,
                                "X-A:1 \r\n"sv,
                                "Trailer: X-T\r\n"sv,
                                "HTTP/1.1"sv,
                                "HTTP/1.0"sv,
                                "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"sv,
                                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"sv,
                                "HTTP/1.1 103 Early Hints\r\n\r\n"sv,
                                "HEAD"sv,
                                "OPTIONS *"sv};

}  // namespace

std::string Mutation::of(std::string bytes, std::string_view other) {
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(bytes, other);
  return bytes;
}

void Mutation::change(std::string& bytes, std::string_view other) {
  const std::size_t at = below(bytes.size() + 1);
  const std::size_t size = std::min<std::size_t>(1 + below(12), bytes.size() - at);
  switch (below(7)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(below(256));
      break;
    case 1:
      bytes.insert(at, kTokens[below(kTokens.size())]);
      break;
    case 2:
      bytes.erase(at, size);
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, size));
      break;
    case 4:
      bytes.replace(at, size, kTokens[below(kTokens.size())]);
      break;
    case 5:
      // A whole line again, or gone: where fields and chunks are.
      if (const std::size_t line = bytes.find("\r\n", at); line != bytes.npos) {
        const std::size_t end = std::min(bytes.find("\r\n", line + 2), bytes.size() - 2) + 2;
        if (below(2) == 0)
          bytes.insert(line + 2, bytes.substr(line + 2, end - line - 2));
        else
          bytes.erase(line + 2, end - line - 2);
      }
      break;
    default:
      if (!other.empty()) {
        const std::size_t from = below(other.size());
        bytes.insert(at, other.substr(from, 1 + below(40)));
      }
  }
}

}  // namespace weir::oracle
