#include "tests/unit/codec/h2_server_rig.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::codec {

H2ServerRig::H2ServerRig(Answers answers, HeadLimits limits, H2Limits h2_limits)
    : codec(
          *this,
          [&]() -> Scratch& {
            scratch_.limits = limits;
            scratch_.h2_limits = h2_limits;
            return scratch_;
          }(),
          7),
      answers_(answers) {}

void H2ServerRig::read(std::string_view bytes) {
  lent_.emplace_back(bytes);
  codec.receive(lent_.back(), now);
  turn();
}

void H2ServerRig::read_in_pieces(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) read(bytes.substr(0, piece));
}

void H2ServerRig::read_end() {
  codec.receive_end();
  turn();
}

void H2ServerRig::turn() {
  flush();
  for (int resumed = 0; codec.has_held(); ++resumed) {
    if (resumed == 1000) return refusals.line("spins");
    codec.resume();
    flush();
  }
}

void H2ServerRig::flush() {
  codec.produce(room);
  if (codec.queue().has_output()) {
    std::size_t size = 0;
    for (std::string_view piece : codec.queue().gather()) {
      wire += piece;
      size += piece.size();
    }
    most_framed = std::max(most_framed, size);
    codec.queue().taken();
    codec.sent(std::min(size, takes));
  }
  for (std::string& bytes : lent_) std::fill(bytes.begin(), bytes.end(), '!');
  lent_.clear();
}

void H2ServerRig::talk(H2Peer& peer) {
  for (int i = 0; i < 1000; ++i) {
    const std::string asked = peer.take_out();
    if (!asked.empty()) read(asked);
    turn();
    const std::string said = take_wire();
    if (!said.empty()) peer.take_in(said);
    if (asked.empty() && said.empty()) return;
  }
  refusals.line("talks forever");
}

std::string_view H2ServerRig::lend(std::string_view bytes) {
  return lent_.emplace_back(bytes);
}

void H2ServerRig::send_head(std::size_t index, int status, http::BodyLength length) {
  http::Response head;
  head.status = status;
  head.length = length;
  send_head(index, std::move(head));
}

void H2ServerRig::send_head(std::size_t index, http::Response head) {
  heard(index).stream.send(http::ResponseHead{&head});
}

void H2ServerRig::send_body(std::size_t index, std::string_view bytes) {
  heard(index).stream.send(http::Body{lend(bytes)});
}

void H2ServerRig::send_trailers(std::size_t index, const H2List& list) {
  http::Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  heard(index).stream.send(http::Trailers{&fields});
}

void H2ServerRig::answer(std::size_t index, int status, std::string_view body) {
  reply(heard(index).stream, status, body);
}

void H2ServerRig::reply(http::Stream& stream, int status, std::string_view body) {
  http::Response head;
  head.status = status;
  head.length = {http::BodyLength::Kind::bytes, body.size()};
  stream.send(http::ResponseHead{&head});
  stream.send(http::Body{lend(body)});
  stream.send(http::End{});
}

void H2ServerRig::grant(std::size_t index, std::size_t bytes) {
  heard(index).owed -= bytes;
  heard(index).stream.grant(bytes);
}

std::string H2ServerRig::told() {
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) text += fmt::format("{}: {}", i, all[i]->log.text());
  return text + refusals.text();
}

http::StreamHandler& H2ServerRig::on_stream(http::Stream& stream) {
  all.push_back(std::make_unique<Heard>(*this, stream));
  return *all.back();
}

void H2ServerRig::on_refused(http::Stream& stream, const base::Error& error) {
  refusals.line(fmt::format("refused {} {}", error.status, scratch_.request.method_text));
  // One text for all, as there is one for all connections of a worker.
  refusal_.resize(3);
  std::fill(refusal_.begin(), refusal_.end(), static_cast<char>('a' + refused_++ % 26));
  http::Response head;
  head.status = error.status;
  head.length = {http::BodyLength::Kind::bytes, refusal_.size()};
  stream.send(http::ResponseHead{&head});
  stream.send(http::Body{refusal_});
  stream.send(http::End{});
}

void H2ServerRig::Heard::on_event(http::Event&& event) {
  if (auto* head = std::get_if<http::RequestHead>(&event)) {
    log.line(weir::codec::told(*head->head));
    if (rig_.answers_ == Answers::at_head) rig_.reply(stream, 200, "ok");
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    log.body(body->bytes);
    owed += body->bytes.size();
    if (rig_.grants) stream.grant(body->bytes.size()), owed -= body->bytes.size();
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    log.line("trailers " + weir::codec::told(*trailers->fields));
  } else {
    log.line("end");
    if (rig_.answers_ == Answers::at_end) rig_.reply(stream, 200, "ok");
  }
}

void H2ServerRig::Heard::on_receive_failed(const base::Error& why) {
  log.line(fmt::format("receive failed {}", why.status));
  error = why;
}

void H2ServerRig::Heard::on_reset(const base::Error& why) {
  log.line(fmt::format("reset {}", word(why.reason)));
  over = true;
  error = why;
}

}  // namespace weir::codec
