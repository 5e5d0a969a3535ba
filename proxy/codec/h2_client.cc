#include "proxy/codec/h2_client.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

constexpr Error kBroken{Reason::upstream_bad, Fault::upstream, Retry::never, 502,
                        "the node broke the rules of HTTP/2"};
// One of several answers is broken, and which one cannot be told any more.
constexpr Error kBrokenByOther{Reason::upstream_bad, Fault::upstream, Retry::other_node, 502,
                               "the node broke the rules of HTTP/2, in one of several answers"};
// To what can be no request of HTTP/1.1.
constexpr Error kSpeaksHttp1{Reason::upstream_bad, Fault::upstream, Retry::declined, 502,
                             "the node answers in HTTP/1.1, where HTTP/2 is wanted"};
constexpr Error kBadAnswer{Reason::upstream_bad, Fault::upstream, Retry::never, 502,
                           "the node broke the rules of HTTP/2 inside its answer"};
constexpr Error kTakesNoMore{Reason::upstream_reset, Fault::upstream, Retry::reused_connection, 502,
                             "the node stopped taking the request"};
constexpr Error kGoingAway{Reason::upstream_closed, Fault::upstream, Retry::declined, 502,
                           "the node went away before it took the request"};

}  // namespace

H2Client::H2Client(ClientCodecOwner& owner, Scratch& scratch, std::string_view scheme, MakeAccept make_accept)
    : H2Session(Side::client, owner, scratch),
      client_owner_(owner),
      scheme_(scheme),
      make_accept_(make_accept) {}

http::Stream& H2Client::open(http::StreamHandler& handler) {
  WEIR_CHECK(more_streams() > 0);
  ++handled_;
  unsent_.push_back(std::make_unique<H2ClientStream>(*this, handler));
  return *unsent_.back();
}

std::size_t H2Client::more_streams() const {
  if (!reusable()) return 0;
  const std::size_t most = most_streams(), open = streams() + unsent_.size();
  return most > open ? most - open : 0;
}

std::size_t H2Client::most_streams() const {
  return std::min(most_outgoing(), settled_ ? kMostStreams : presumed_streams_);
}

bool H2Client::takes_streams() const {
  return !going_away_ && allows_request();
}

void H2Client::receive(std::string_view bytes) {
  if (!settled_) is_h1_ |= bytes.starts_with("HTTP/1");
  feed(bytes);
  changed();
}

template <class F>
void H2Client::for_each_handled(F&& f) {
  for_each_stream([&f](H2Stream& stream) {
    if (stream.has_handler()) f(static_cast<H2ClientStream&>(stream));
  });
  for (const auto& stream : unsent_)
    if (stream->has_handler()) f(*stream);
}

void H2Client::receive_end() {
  lose(Reason::upstream_closed, "the node closed the connection");
}

void H2Client::receive_error() {
  lose(Reason::upstream_reset, "the node reset the connection");
}

void H2Client::lose(Reason before_answer, std::string_view detail) {
  if (over()) return;
  silence(Next::close);
  for_each_handled([&](H2ClientStream& stream) {
    stream.close();
    stream.lose(before_answer, detail);
  });
}

// Answers may be under way all the same.
void H2Client::send_failed() {
  if (over()) return;
  send_failed_ = true;
  stop_framing();
  for_each_handled([](H2ClientStream& stream) { stream.send_failed(kTakesNoMore); });
  if (idle()) return lose(Reason::upstream_reset, kTakesNoMore.detail);
  changed();
}

void H2Client::fail(const Error& error) {
  stop(Next::close, error);
}

bool H2Client::unanswered() const {
  bool unanswered = !idle();
  for_each_stream([&unanswered](const H2Stream& stream) {
    if (stream.has_handler()) unanswered &= static_cast<const H2ClientStream&>(stream).unanswered();
  });
  return unanswered;
}

bool H2Client::takes_upgrades() const {
  return settled_ && peer_takes_connect();
}

void H2Client::ping() {
  if (over()) return;
  submit_ping(++pings_);
}

void H2Client::on_ping_answered(std::uint64_t ping) {
  if (ping <= pings_) pings_answered_ = std::max(pings_answered_, ping);
}

// It has an id from now on.
void H2Client::begun(H2ClientStream& stream) {
  const auto at = std::find_if(unsent_.begin(), unsent_.end(),
                               [&stream](const auto& each) { return each.get() == &stream; });
  WEIR_CHECK(at != unsent_.end());
  std::unique_ptr<H2Stream> begun = std::move(*at);
  unsent_.erase(at);
  add(std::move(begun));
}

void H2Client::stream_over() {
  if (handled_ > 0) --handled_;  // none once all are ended together
  changed();
  if (idle()) client_owner_.on_idle();
}

std::optional<H2Head::Kind> H2Client::on_head_begun(std::int32_t id) {
  const H2ClientStream* stream = find_stream(id);
  if (!stream || !stream->has_handler()) return std::nullopt;
  if (stream->awaits_head()) return H2Head::Kind::response;
  if (stream->takes_trailers()) return H2Head::Kind::trailers;
  return std::nullopt;
}

void H2Client::on_head(H2Head& head, H2Head::Ends ends) {
  H2ClientStream* stream = find_stream(head.stream());
  if (!stream || !stream->has_handler()) return;
  if (head.kind() == H2Head::Kind::trailers)
    stream->receive_trailers(head);
  else
    stream->receive_head(head, ends);
}

void H2Client::on_data(std::int32_t id, std::string_view bytes) {
  if (H2ClientStream* stream = find_stream(id))
    stream->receive_data(bytes);
  else
    consume_for_connection(bytes.size());
}

void H2Client::on_end(std::int32_t id) {
  if (H2ClientStream* stream = find_stream(id)) stream->receive_end();
}

void H2Client::on_malformed(std::int32_t id) {
  if (H2ClientStream* stream = find_stream(id)) stream->break_off(kBadAnswer);
}

void H2Client::on_peer_reset(std::int32_t id, H2Code code) {
  if (H2ClientStream* stream = find_stream(id)) stream->note_peer_reset(static_cast<std::uint32_t>(code));
}

void H2Client::on_closed(H2Stream& stream, H2Code code) {
  static_cast<H2ClientStream&>(stream).closed(static_cast<std::uint32_t>(code));
}

// Upgrades may have waited for it.
void H2Client::on_peer_settings() {
  settled_ = true;
  for (const auto& stream : unsent_) touch(*stream);
}

void H2Client::on_peer_goaway(std::int32_t last) {
  going_away_ = true;
  for_each_handled([last](H2ClientStream& stream) {
    if (stream.id() > last || stream.id() == 0) stream.fail(kGoingAway);
  });
}

void H2Client::on_swept() {
  std::erase_if(unsent_, [](const auto& stream) { return stream->done(); });
  if (!reusable() && streams() == 0 && unsent_.empty() && next() == Next::keep) silence(Next::linger);
}

void H2Client::end_streams(const Error& error) {
  const bool had_some = !idle();
  handled_ = 0;
  H2Session::end_streams(error);
  for (const auto& stream : unsent_) {
    stream->close();
    stream->abort(error);
  }
  if (had_some) client_owner_.on_idle();
}

Error H2Client::broken(H2Code) const {
  if (is_h1_) return kSpeaksHttp1;
  return streams() > 1 ? kBrokenByOther : kBroken;
}

}  // namespace weir::codec
