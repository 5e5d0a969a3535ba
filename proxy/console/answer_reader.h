// Puts an HTTP/1.1 answer to a GET together from bytes, as strictly as the data path does, and within bounds.
// No I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/codec/h1_body.h"
#include "proxy/codec/h1_parser.h"
#include "proxy/console/admin_client.h"

namespace weir::console {

class AnswerReader {
 public:
  explicit AnswerReader(std::size_t most_bytes) : most_(most_bytes) {}

  // Both say why the answer is no good, or nothing.
  std::string take(std::string_view bytes);
  std::string take_end();  // the connection ended
  bool done() const { return state_ == State::done; }
  AdminAnswer release() { return std::move(answer_); }

 private:
  enum class State : std::uint8_t { head, body, done };
  std::string take_head();
  std::string take_body(std::string_view bytes);

  const std::size_t most_;
  State state_ = State::head;
  codec::HeadLimits limits_;
  codec::HeadScan scan_;
  codec::H1Body body_;
  http::Fields trailers_;
  std::string head_;  // until it is whole
  AdminAnswer answer_;
};

}  // namespace weir::console
