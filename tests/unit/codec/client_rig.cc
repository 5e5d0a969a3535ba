#include "tests/unit/codec/client_rig.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace weir::codec {

void ClientRig::ask(std::string_view method, std::string_view target) {
  http::Request head;
  head.method_text = method;
  head.method = http::method_of(method);
  head.target = target;
  head.authority = "a.test";
  ask_head(std::move(head));
  send_end();
}

void ClientRig::ask_head(http::Request head) {
  codec.open(*this);
  send(http::RequestHead{&head});
}

void ClientRig::ask_upgrade(std::string_view protocol) {
  http::Request head;
  head.method_text = "GET";
  head.target = "/";
  head.authority = "a.test";
  head.upgrade = protocol;
  ask_head(std::move(head));
  send_end();
}

void ClientRig::read(std::string_view bytes) {
  const std::vector<char> lent(bytes.begin(), bytes.end());
  codec.receive({lent.data(), lent.size()});
  flush();
}

void ClientRig::read_in_pieces(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) read(bytes.substr(0, piece));
}

void ClientRig::send(http::Event&& event) {
  codec.send(std::move(event));
  flush();
}

void ClientRig::reset() {
  codec.reset({base::Reason::client_gone, base::Fault::downstream, base::Retry::never, 0, "test"});
  flush();
}

void ClientRig::flush() {
  if (codec.queue().has_output()) {
    std::size_t size = 0;
    for (std::string_view piece : codec.queue().gather()) {
      wire += piece;
      size += piece.size();
    }
    codec.queue().taken();
    codec.sent(std::min(size, takes));
  }
}

void ClientRig::on_idle() {
  ++idles;
  reusable_when_idle = codec.reusable();
}

void ClientRig::on_event(http::Event&& event) {
  if (auto* head = std::get_if<http::ResponseHead>(&event)) {
    log.line(told(*head->head));
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    log.body(body->bytes);
    if (grants) codec.grant(body->bytes.size());
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    log.line("trailers " + told(*trailers->fields));
  } else {
    log.line("end");
  }
}

void ClientRig::on_send_failed(const base::Error& why) {
  error = why;
  log.line("send failed");
}

void ClientRig::on_receive_failed(const base::Error& why) {
  error = why;
  log.line("receive failed");
}

void ClientRig::on_reset(const base::Error& why) {
  error = why;
  log.line(fmt::format("reset {} {}", word(why.reason), why.status));
}

}  // namespace weir::codec
