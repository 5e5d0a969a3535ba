#include "tests/unit/codec/relay_rig.h"

#include <stdexcept>

#include "tests/unit/codec/transcript.h"

namespace weir::codec {
namespace {

constexpr int kMostRelayed = 1000;  // in one turn; each has to come closer to the end of what is held

void drain(OutQueue& queue, std::string& wire) {
  if (!queue.has_output()) return;
  for (std::string_view piece : queue.gather()) wire += piece;
  queue.taken();
  queue.left(queue.pending());
}

}  // namespace

void RequestRelay::read(std::string_view bytes) {
  const std::vector<char> lent(bytes.begin(), bytes.end());
  server_.receive({lent.data(), lent.size()});
  flush();
  for (int resumed = 0; server_.has_held(); ++resumed) {
    if (resumed == kMostRelayed) throw std::runtime_error("resume() comes to no end");
    server_.resume();
    flush();
  }
}

void RequestRelay::flush() {
  std::string ignored;
  drain(server_.queue(), ignored);
  if (client_) drain(client_->queue(), seen.back().wire);
}

http::StreamHandler& RequestRelay::on_stream(http::Stream&) {
  return *this;
}

void RequestRelay::on_refused(http::Stream&, const base::Error& error) {
  answer(error.status);
}

void RequestRelay::answer(int status) {
  http::Response head;
  head.status = status;
  statuses.push_back(status);
  server_.send(http::ResponseHead{&head});
  server_.send(http::End{});
}

void RequestRelay::on_head(http::Request& head) {
  flush();
  seen.emplace_back();
  std::swap(seen.back().head, head);
  http::Request& request = seen.back().head;
  client_.reset();
  if (request.length.kind == http::BodyLength::Kind::bytes && request.length.bytes > kBodyLimit)
    return answer(413);
  client_ = std::make_unique<H1Client>(static_cast<ClientCodecOwner&>(*this), scratch_);
  client_->open(node_);
  client_->send(http::RequestHead{&request});
}

void RequestRelay::on_event(http::Event&& event) {
  if (auto* head = std::get_if<http::RequestHead>(&event)) return on_head(*head->head);
  Relayed& request = seen.back();
  if (auto* body = std::get_if<http::Body>(&event)) {
    request.body += body->bytes;
    server_.grant(body->bytes.size());
    client_->send(std::move(event));
    if (request.body.size() > kBodyLimit) answer(413);
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    request.trailers = told(*trailers->fields);
    client_->send(std::move(event));
  } else {
    request.ended = true;
    client_->send(std::move(event));
    flush();
    answer(200);
  }
}

ResponseRelay::ResponseRelay(std::string_view method, std::string_view version)
    : server_(*this, server_scratch_), client_(*this, client_scratch_) {
  server_.receive(std::string(method).append(" / HTTP/").append(version).append("\r\nHost: a.test\r\n\r\n"));
  http::Request request;
  request.method_text = method;
  request.method = http::method_of(method);
  request.target = "/";
  request.authority = "a.test";
  client_.open(answering_);
  client_.send(http::RequestHead{&request});
  client_.send(http::End{});
  std::string ignored;
  drain(client_.queue(), ignored);
}

void ResponseRelay::read(std::string_view bytes) {
  const std::vector<char> lent(bytes.begin(), bytes.end());
  client_.receive({lent.data(), lent.size()});
  flush();
}

void ResponseRelay::flush() {
  drain(server_.queue(), wire);
}

void ResponseRelay::on_answer(http::Event&& event) {
  if (auto* some = std::get_if<http::ResponseHead>(&event)) {
    if (some->head->interim())
      interims.push_back(some->head->status);
    else
      head = *some->head;
  } else if (auto* part = std::get_if<http::Body>(&event)) {
    body += part->bytes;
    client_.grant(part->bytes.size());
  } else if (auto* some_trailers = std::get_if<http::Trailers>(&event)) {
    trailers = *some_trailers->fields;
  } else {
    ended = true;
  }
  server_.send(std::move(event));
}

}  // namespace weir::codec
