// Takes a message body's payload out of HTTP/1.1 framing (RFC 9112 6 and 7): nothing, a counted number of
// bytes, chunks with trailers, or all there is until the connection ends. Strict; holds only what was split
// across reads (part of a chunk line or of the trailers). No I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/codec/h1_parser.h"

namespace weir::codec {

class H1Body {
 public:
  enum class Mode : std::uint8_t { none, counted, chunked, until_close };

  // One step through the bytes: how many were used up, and what they were.
  struct Step {
    enum class Kind : std::uint8_t { need_more, payload, trailers, end } kind = Kind::need_more;
    std::size_t used = 0;
    std::string_view payload = {};  // kind payload: a view into the bytes given
  };

  void start(Mode mode, std::uint64_t bytes, base::Fault from) {
    *this = {};
    mode_ = mode;
    left_ = bytes;
    from_ = from;
  }
  // Fields of these names (a comma-separated list) will be left out of the trailers. Right after start.
  void leave_out(std::string names);
  Mode mode() const { return mode_; }
  bool done() const { return phase_ == Phase::done; }

  // The next step. After `trailers` (their fields are in `trailers`) comes `end`; after `end` nothing. A body
  // of mode until_close ends only by its owner's word.
  base::Result<Step> next(std::string_view bytes, const HeadLimits& limits, http::Fields& trailers);

 private:
  enum class Phase : std::uint8_t { payload, chunk_line, after_chunk, trailers, ending, done };
  base::Result<Step> next_chunk_line(std::string_view bytes);
  base::Result<Step> next_after_chunk(std::string_view bytes);
  base::Result<Step> next_trailers(std::string_view bytes, const HeadLimits& limits, http::Fields& trailers);
  Step take_payload(std::string_view bytes);
  base::unexpected<base::Error> refuse(std::string_view detail) const;

  struct Split {  // what came of a line or of trailers that were cut by a read; and leave_out's names, as
                  // rare
    std::string bytes;
    HeadScan scan;
    std::string left_out;
  };
  void forget_split();
  std::unique_ptr<Split> split_;
  std::uint64_t left_ = 0;  // payload bytes of the body (counted) or of the chunk
  std::uint32_t extension_bytes_ = 0;
  Mode mode_ = Mode::none;
  Phase phase_ = Phase::payload;
  bool first_chunk_ = true;
  base::Fault from_ = base::Fault::downstream;
};

}  // namespace weir::codec
