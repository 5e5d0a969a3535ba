#include "tests/unit/codec/h2_client_rig.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::codec {
namespace {

std::string accept_for_tests(std::string_view key) {
  return "accept-of-" + std::string(key);
}

}  // namespace

H2ClientRig::H2ClientRig(HeadLimits limits)
    : codec(
          *this,
          [&]() -> Scratch& {
            scratch_.limits = limits;
            return scratch_;
          }(),
          "http", accept_for_tests) {}

std::size_t H2ClientRig::ask(std::string_view method, std::string_view target) {
  http::Request head;
  head.method_text = method;
  head.method = http::method_of(method);
  head.target = target;
  const std::size_t index = ask_head(std::move(head));
  send_end(index);
  return index;
}

std::size_t H2ClientRig::ask_head(http::Request head) {
  if (head.authority.empty()) head.authority = "a.test";
  all.push_back(std::make_unique<Asked>(*this));
  all.back()->stream = &codec.open(*all.back());
  all.back()->stream->send(http::RequestHead{&head});
  return all.size() - 1;
}

std::size_t H2ClientRig::ask_post(http::BodyLength length) {
  http::Request head;
  head.method_text = "POST";
  head.method = http::Method::post;
  head.target = "/";
  head.length = length;
  return ask_head(std::move(head));
}

std::size_t H2ClientRig::ask_upgrade(std::string_view protocol, const H2List& fields) {
  http::Request head;
  head.method_text = "GET";
  head.target = "/chat";
  head.upgrade = protocol;
  for (const auto& [name, value] : fields) head.fields.add(name, value);
  const std::size_t index = ask_head(std::move(head));
  send_end(index);
  return index;
}

void H2ClientRig::read(std::string_view bytes) {
  lent_.emplace_back(bytes);
  codec.receive(lent_.back());
  flush();
}

void H2ClientRig::read_in_pieces(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) read(bytes.substr(0, piece));
}

void H2ClientRig::flush() {
  codec.produce(room);
  if (codec.queue().has_output()) {
    std::size_t size = 0;
    for (std::string_view piece : codec.queue().gather()) {
      wire += piece;
      size += piece.size();
    }
    codec.queue().taken();
    codec.sent(std::min(size, takes));
  }
  for (std::string& bytes : lent_) std::fill(bytes.begin(), bytes.end(), '!');
  lent_.clear();
}

void H2ClientRig::talk(H2Peer& peer) {
  for (int i = 0; i < 1000; ++i) {
    flush();
    const std::string said = take_wire();
    if (!said.empty()) peer.take_in(said);
    const std::string answered = peer.take_out();
    if (!answered.empty()) read(answered);
    if (said.empty() && answered.empty()) return;
  }
}

void H2ClientRig::send_body(std::size_t index, std::string_view bytes) {
  asked(index).stream->send(http::Body{lent_.emplace_back(bytes)});
}

void H2ClientRig::send_trailers(std::size_t index, const H2List& list) {
  http::Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  asked(index).stream->send(http::Trailers{&fields});
}

void H2ClientRig::grant(std::size_t index, std::size_t bytes) {
  asked(index).owed -= bytes;
  asked(index).stream->grant(bytes);
}

void H2ClientRig::reset(std::size_t index) {
  asked(index).stream->reset(
      {base::Reason::client_gone, base::Fault::downstream, base::Retry::never, 0, "test"});
}

std::string H2ClientRig::told() {
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) text += fmt::format("{}: {}", i, all[i]->log.text());
  return text;
}

void H2ClientRig::on_idle() {
  ++idles;
  reusable_when_idle = codec.reusable();
  if (when_idle) std::exchange(when_idle, {})();
}

void H2ClientRig::Asked::on_event(http::Event&& event) {
  if (auto* head = std::get_if<http::ResponseHead>(&event)) {
    log.line(weir::codec::told(*head->head));
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    log.body(body->bytes);
    owed += body->bytes.size();
    if (rig_.grants) stream->grant(body->bytes.size()), owed -= body->bytes.size();
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    log.line("trailers " + weir::codec::told(*trailers->fields));
  } else {
    log.line("end");
  }
}

void H2ClientRig::Asked::on_send_failed(const base::Error& why) {
  log.line(fmt::format("send failed {}", word(why.reason)));
  error = why;
}

void H2ClientRig::Asked::on_receive_failed(const base::Error& why) {
  log.line(fmt::format("receive failed {}", word(why.reason)));
  error = why;
}

void H2ClientRig::Asked::on_reset(const base::Error& why) {
  log.line(fmt::format("reset {}", word(why.reason)));
  error = why;
}

}  // namespace weir::codec
