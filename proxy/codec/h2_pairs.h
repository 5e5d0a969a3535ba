// A head or trailers as HTTP/2 sends them: names (nghttp2 brings them to lower case) and values, copied out
// of a message so that they may wait for their frame. Without anything that speaks of one connection (RFC
// 9113 8.2.2). Reused through a Scratch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/message.h"

namespace weir::codec {

class H2Pairs {
 public:
  struct Pair {
    std::string_view name;
    std::string_view value;
    enum class Keep : std::uint8_t { anywhere, nowhere } keep;  // whether HPACK may keep it in a table
  };

  void clear();
  bool empty() const { return pairs_.empty(); }
  std::size_t size() const { return pairs_.size(); }
  Pair operator[](std::size_t index) const;

  void add(std::string_view name, std::string_view value);
  void add(const http::Fields& fields, std::string_view without = {});  // one name

 private:
  struct Entry {
    std::uint32_t at;
    std::uint32_t name_size;
    std::uint32_t value_size;
    Pair::Keep keep;
  };
  std::string text_;
  std::vector<Entry> pairs_;
};

// `status` instead of the response's own. Content-Length where the response has one to tell.
void put_response(const http::Response& response, int status, H2Pairs& out);
// With a `protocol` it is an extended CONNECT (RFC 8441), without the handshake that HTTP/1.1 has for it.
void put_request(const http::Request& request, std::string_view scheme, std::string_view protocol,
                 H2Pairs& out);

}  // namespace weir::codec
