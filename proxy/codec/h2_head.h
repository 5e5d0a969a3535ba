// A head, or trailers, while its fields arrive one by one; then a message. nghttp2 has checked each field and
// their order before (RFC 9113 8.2 and 8.3); this adds what HTTP/1.1 nodes rely on, and the limits. What is
// too large is no longer kept, but goes on being read, since the connection's compression depends on it.
// Borrowed from a Scratch by a connection, for as long as it reads one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/codec/h1_parser.h"
#include "proxy/http/message.h"

namespace weir::codec {

class H2Head {
 public:
  enum class Kind : std::uint8_t { request, response, trailers };
  enum class Ends : std::uint8_t { here, later };  // the message, behind this head

  void clear();
  void begin(std::int32_t stream, Kind kind);
  std::int32_t stream() const { return stream_; }
  Kind kind() const { return kind_; }
  // All that came of it so far, counted as an HTTP/1.1 head would be.
  std::size_t size() const { return size_; }

  // False: it makes the message malformed.
  bool add(std::string_view name, std::string_view value, const HeadLimits& limits);

  // Once all fields are there. An error with a status is an answer to be given; one without means that the
  // message is malformed, which is a stream error. `out` then holds what is known.
  base::Result<void> finish_request(Ends ends, const HeadLimits& limits, http::Request& out);
  base::Result<void> finish_response(Ends ends, http::Response& out);
  base::Result<void> finish_trailers(http::Fields& out);

 private:
  bool add_pseudo(std::string_view name, std::string_view value, const HeadLimits& limits);
  void refuse(std::uint16_t status, std::string_view detail);
  base::Result<void> settle_method(http::Request& out);
  base::Result<void> settle_authority(http::Request& out) const;
  base::Result<void> settle_target(const HeadLimits& limits, http::Request& out) const;
  base::Result<void> settle_connect(http::Request& out);
  base::Result<void> settle_length(Ends ends, const http::Fields& fields, http::BodyLength& out) const;

  http::Request request_;  // its fields are those of responses and trailers, too
  std::string path_;
  std::string protocol_;
  std::string cookie_;  // the crumbs, joined (RFC 9113 8.2.3)
  base::Error refusal_;
  std::size_t size_ = 0;
  std::size_t fields_ = 0;
  std::int32_t stream_ = 0;
  int status_ = 0;
  Kind kind_ = Kind::request;
};

}  // namespace weir::codec
