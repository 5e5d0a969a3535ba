#include "tests/unit/codec/server_rig.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace weir::codec {
namespace {

constexpr int kMostResumes = 1000;  // in one turn; each has to come closer to the end of what is held

// Bytes of their own, at their exact size, so that a sanitizer sees every step beyond and every use
// afterwards.
class Lent {
 public:
  explicit Lent(std::string_view bytes) : size_(bytes.size()), bytes_(new char[bytes.size()]) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace

void ServerRig::read(std::string_view bytes) {
  read_without_resuming(bytes);
  turn();
}

void ServerRig::read_without_resuming(std::string_view bytes) {
  const Lent lent(bytes);
  codec.receive(lent.view());
  flush();
}

void ServerRig::read_in_pieces(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) read(bytes.substr(0, piece));
}

void ServerRig::read_end() {
  codec.receive_end();
  turn();
}

void ServerRig::read_error() {
  codec.receive_error();
  turn();
}

void ServerRig::kernel_takes(std::size_t bytes) {
  codec.sent(bytes);
}

void ServerRig::turn() {
  flush();
  for (int resumed = 0; codec.has_held(); ++resumed) {
    if (resumed == kMostResumes) return log.line("spins");
    codec.resume();
    flush();
  }
}

void ServerRig::flush() {
  if (codec.queue().has_output()) {
    std::size_t size = 0;
    for (std::string_view piece : codec.queue().gather()) {
      wire += piece;
      size += piece.size();
    }
    codec.queue().taken();
    codec.sent(std::min(size, takes));
  }
  replies_.clear();
}

void ServerRig::answer(int status, std::string_view body) {
  reply(status, body);
  turn();
}

void ServerRig::reply(int status, std::string_view body) {
  replies_.emplace_back(body);
  http::Response head;
  head.status = status;
  head.length = {http::BodyLength::Kind::bytes, body.size()};
  statuses.push_back(status);
  codec.send(http::ResponseHead{&head});
  codec.send(http::Body{replies_.back()});
  codec.send(http::End{});
}

void ServerRig::send(http::Event&& event) {
  codec.send(std::move(event));
  turn();
}

void ServerRig::send_head(http::Response head) {
  if (!head.interim()) statuses.push_back(head.status);
  send(http::ResponseHead{&head});
}

http::StreamHandler& ServerRig::on_stream(http::Stream& stream) {
  stream_ = &stream;
  return *this;
}

void ServerRig::on_refused(http::Stream&, const base::Error& error) {
  log.line(fmt::format("refused {}", error.status));
  reply(error.status, "no\n");
}

void ServerRig::on_event(http::Event&& event) {
  if (auto* head = std::get_if<http::RequestHead>(&event)) {
    log.line(told(*head->head));
    if (answers_ == Answers::at_head) reply(200, "ok");
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    log.body(body->bytes);
    if (grants) codec.grant(body->bytes.size());
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    log.line("trailers " + told(*trailers->fields));
  } else {
    log.line("end");
    if (answers_ == Answers::at_end) reply(200, "ok");
  }
}

void ServerRig::on_sent(std::size_t bytes) {
  on_sent_bytes += bytes;
}

void ServerRig::on_send_failed(const base::Error&) {
  log.line("send failed");
}

void ServerRig::on_receive_failed(const base::Error& error) {
  log.line(fmt::format("receive failed {}", error.status));
  if (answers_ != Answers::by_hand) reply(error.status, "no\n");
}

void ServerRig::on_reset(const base::Error& error) {
  log.line(fmt::format("reset {}", word(error.reason)));
}

}  // namespace weir::codec
