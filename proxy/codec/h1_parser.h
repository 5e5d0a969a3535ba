// HTTP/1.1 heads from bytes, strictly (RFC 9112): what is not exactly a head is refused, never repaired.
// Finding where a head ends is incremental, so that a head that arrives byte by byte costs no more than one
// that arrives whole; reading it happens once, when all of it is there. Pure: no state but HeadScan's, no
// I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace weir::codec {

struct HeadLimits {
  std::size_t head = 64 * 1024;  // bytes, start line included
  std::size_t fields = 100;
  std::size_t start_line = 8 * 1024;  // a request's
};

// Looks for the empty line that ends a head, over as many calls as it takes.
class HeadScan {
 public:
  enum class Kind : std::uint8_t { request, response, trailers };

  // `bytes` begins where the head begins and holds all of it that has arrived. The size of the whole head
  // with its empty line; 0 while more must come; or why it is refused (413-family statuses included).
  base::Result<std::size_t> find_end(std::string_view bytes, const HeadLimits& limits, Kind kind);
  void reset() { *this = {}; }
  bool fresh() const { return !begun_; }  // find_end was not called yet

 private:
  std::uint32_t line_at_ = 0;  // where the line that is being looked at begins
  std::uint32_t scanned_ = 0;  // bytes before this hold no unseen line end
  std::uint32_t lines_ = 0;
  bool begun_ = false;
};

// What the hop-by-hop fields of a head said about the connection.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  std::uint32_t keep_alive_timeout_s = 0;  // Keep-Alive: timeout=; 0: not said
  bool names_fields = false;               // Connection named fields; trailers may be among them
  bool chunked = false;                    // the body is in chunks
};

// `text` is a whole head as find_end measured it. `out` is cleared first. Errors carry the status to answer.
base::Result<ConnectionOptions> parse_request(std::string_view text, const HeadLimits& limits,
                                              http::Request& out);
base::Result<ConnectionOptions> parse_response(std::string_view text, const HeadLimits& limits,
                                               http::Response& out);
// All that the Connection fields of a whole head name, as one list.
std::string named_fields(std::string_view head);
// Trailer fields that may not be sent as such (RFC 9110 6.5.1: framing, routing, authentication) are left
// out.
base::Result<void> parse_trailers(std::string_view text, const HeadLimits& limits, base::Fault from,
                                  http::Fields& out);

// Rules of HTTP that every version of it keeps.
void drop_what_no_trailer_is(http::Fields& trailers);
// Whether a protocol that a client wants to switch to may go on: name [ "/" version ], and no version of
// HTTP.
bool may_be_offered(std::string_view protocol);
// A node's head is read by the same rules as a client's; what breaks them is the node's fault.
base::Error blame_node(base::Error error);

}  // namespace weir::codec
