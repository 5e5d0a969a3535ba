#include "proxy/codec/h1_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/codec/h1_grammar.h"

namespace weir::codec {
namespace {

constexpr std::size_t kMaxChunkLine = 4096;
constexpr std::string_view kLongLine = "a chunk line over 4096 bytes";
constexpr std::uint32_t kMaxExtensions = 16 * 1024;  // bytes of extensions in one body

}  // namespace

using base::Result;
using base::unexpected;

unexpected<base::Error> H1Body::refuse(std::string_view detail) const {
  if (from_ == base::Fault::upstream)
    return unexpected(base::Error{base::Reason::upstream_bad, from_, base::Retry::never, 502, detail});
  return unexpected(base::Error{base::Reason::bad_request, from_, base::Retry::never, 400, detail});
}

void H1Body::leave_out(std::string names) {
  split_ = std::make_unique<Split>();
  split_->left_out = std::move(names);
}

void H1Body::forget_split() {
  if (split_->left_out.empty()) return split_.reset();
  split_->bytes.clear();
}

Result<H1Body::Step> H1Body::next(std::string_view bytes, const HeadLimits& limits, http::Fields& trailers) {
  if (phase_ == Phase::done) return Step{};
  if (mode_ == Mode::none || (mode_ == Mode::counted && left_ == 0) || phase_ == Phase::ending) {
    phase_ = Phase::done;
    return Step{Step::Kind::end, 0, {}};
  }
  if (bytes.empty()) return Step{};
  if (mode_ == Mode::until_close) return Step{Step::Kind::payload, bytes.size(), bytes};
  if (mode_ == Mode::counted) return take_payload(bytes);
  if (first_chunk_) {
    first_chunk_ = false;
    phase_ = Phase::chunk_line;
  }
  switch (phase_) {
    case Phase::payload:
      return take_payload(bytes);
    case Phase::after_chunk:
      return next_after_chunk(bytes);
    case Phase::trailers:
      return next_trailers(bytes, limits, trailers);
    default:
      return next_chunk_line(bytes);
  }
}

H1Body::Step H1Body::take_payload(std::string_view bytes) {
  std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  left_ -= size;
  if (left_ == 0 && mode_ == Mode::chunked) phase_ = Phase::after_chunk;
  return {Step::Kind::payload, size, bytes.substr(0, size)};
}

Result<H1Body::Step> H1Body::next_chunk_line(std::string_view bytes) {
  const void* found = std::memchr(bytes.data(), '\n', bytes.size());
  std::size_t used =
      found ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) + 1 : bytes.size();
  std::string_view line = bytes.substr(0, used);
  if (split_ || !found) {
    if (!split_) split_ = std::make_unique<Split>();
    split_->bytes.append(line);
    line = split_->bytes;
    // A line that cannot become a chunk's first line is refused before its end comes.
    if (!found) {
      if (line.size() > kMaxChunkLine) return refuse(kLongLine);
      if (!parse_chunk_line(line.substr(0, 1))) return refuse("a bad chunk size");
      if (std::size_t cr = line.find('\r'); cr != std::string_view::npos && cr + 1 < line.size())
        return refuse("a bare CR in a chunk line");
      return Step{Step::Kind::need_more, used, {}};
    }
  }
  if (line.size() > kMaxChunkLine) return refuse(kLongLine);
  if (line.size() < 2 || line[line.size() - 2] != '\r') return refuse("a bare LF after a chunk size");
  line.remove_suffix(2);
  auto size = parse_chunk_line(line);
  if (!size) return refuse("a bad chunk size");
  if (std::size_t extensions = line.find(';'); extensions != std::string_view::npos)
    extension_bytes_ += static_cast<std::uint32_t>(line.size() - extensions);
  if (extension_bytes_ > kMaxExtensions) return refuse("too many chunk extensions");
  if (split_) forget_split();
  left_ = *size;
  phase_ = left_ > 0 ? Phase::payload : Phase::trailers;
  return Step{Step::Kind::need_more, used, {}};
}

Result<H1Body::Step> H1Body::next_after_chunk(std::string_view bytes) {
  // left_ counts the bytes of CRLF already seen.
  if (bytes[0] != (left_ == 0 ? '\r' : '\n')) return refuse("no CRLF after a chunk");
  if (left_ == 0 && bytes.size() == 1) {
    left_ = 1;
    return Step{Step::Kind::need_more, 1, {}};
  }
  std::size_t used = 1;
  if (left_ == 0) {
    if (bytes[1] != '\n') return refuse("no CRLF after a chunk");
    used = 2;
  }
  left_ = 0;
  phase_ = Phase::chunk_line;
  return Step{Step::Kind::need_more, used, {}};
}

Result<H1Body::Step> H1Body::next_trailers(std::string_view bytes, const HeadLimits& limits,
                                           http::Fields& trailers) {
  if (!split_ && bytes.size() >= 2 && bytes[0] == '\r' && bytes[1] == '\n') {
    phase_ = Phase::done;
    return Step{Step::Kind::end, 2, {}};
  }
  if (!split_) split_ = std::make_unique<Split>();
  const std::size_t before = split_->bytes.size();
  split_->bytes.append(bytes.substr(0, limits.head + 2));
  auto size = split_->scan.find_end(split_->bytes, limits, HeadScan::Kind::trailers);
  if (!size && from_ == base::Fault::downstream) return unexpected(size.error());
  if (!size) return refuse(size.error().detail);
  if (*size == 0) return Step{Step::Kind::need_more, bytes.size(), {}};
  auto read = parse_trailers(std::string_view(split_->bytes).substr(0, *size), limits, from_, trailers);
  if (!read) return unexpected(read.error());
  for_each_element(split_->left_out, [&](std::string_view name) { trailers.remove(name); });
  split_.reset();
  phase_ = trailers.empty() ? Phase::done : Phase::ending;
  return Step{trailers.empty() ? Step::Kind::end : Step::Kind::trailers, *size - before, {}};
}

}  // namespace weir::codec
