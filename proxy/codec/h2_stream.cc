#include "proxy/codec/h2_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/codec/h2_session.h"

namespace weir::codec {

H2Stream::~H2Stream() = default;

void H2Stream::grant(std::size_t bytes) {
  if (!handler_) return;
  WEIR_CHECK(bytes <= owed_);
  owed_ -= static_cast<std::uint32_t>(bytes);
  session_.consume(id_, bytes);
}

std::uint64_t H2Stream::delivered(std::size_t in_flight) const {
  return session_.delivered(in_flight);
}

bool H2Stream::withheld(std::size_t in_flight) const {
  return framed_to_ <= session_.reached(in_flight) && session_.window_of(*this) == 0;
}

void H2Stream::discard(std::size_t bytes) {
  session_.consume_for_connection(bytes);
}

H2Stream::Offer H2Stream::offer(std::size_t most) const {
  const std::size_t bytes = std::min(most, body_.size());
  if (bytes < body_.size() || !ended_) return {bytes, End::no};
  return {bytes, trailers_ ? End::trailers : End::here};
}

void H2Stream::send_body(std::string_view bytes) {
  if (bytes.empty() || closed_) return;
  body_.lend(bytes);
  session_.resume_data(*this);
}

void H2Stream::send_trailers(const http::Fields& fields) {
  if (closed_ || fields.empty()) return;
  trailers_ = session_.scratch().take_pairs();
  trailers_->add(fields);
  if (trailers_->empty()) session_.scratch().give_back(std::move(trailers_));
}

void H2Stream::send_end() {
  ended_ = true;
  if (!closed_) session_.resume_data(*this);
}

void H2Stream::sent(std::size_t payload) {
  if (handler_) handler_->on_sent(payload);
}

void H2Stream::let_go() {
  handler_ = nullptr;
  session_.consume_for_connection(std::exchange(owed_, 0));
  session_.sweep_later();
}

void H2Stream::drop_unframed() {
  body_.drop(session_.framed());
  if (trailers_) session_.scratch().give_back(std::move(trailers_));
}

void H2Stream::close() {
  closed_ = true;
  drop_unframed();
  session_.sweep_later();
}

void H2Stream::abort(const base::Error& error) {
  http::StreamHandler* handler = handler_;
  drop_unframed();
  let_go();
  if (handler) handler->on_reset(error);
}

void H2Stream::reset_with(std::uint32_t code) {
  drop_unframed();
  let_go();
  if (!closed_) session_.submit_reset(id_, code);
}

}  // namespace weir::codec
