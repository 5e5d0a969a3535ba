#include "proxy/admin/connection.h"

#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "proxy/core/local_reply.h"

namespace weir::admin {
namespace {

using http::FieldId;

constexpr base::Duration kIdleTime = std::chrono::seconds(60);
constexpr base::Duration kRequestTime = std::chrono::seconds(10);  // for a request to arrive
constexpr base::Duration kAnswerTime = std::chrono::seconds(60);   // for its answer to be made
constexpr base::Duration kStallTime = std::chrono::seconds(30);    // without the client taking anything
constexpr base::Duration kStalled = std::chrono::seconds(2);       // may make room for others from then on
constexpr base::Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kMostBody = 64 * 1024;  // of a request
constexpr std::size_t kPiece = 256 * 1024;    // of an answer, given to the codec at once
constexpr std::string_view kNothingLoads = "default-src 'none'; frame-ancestors 'none'";

std::string date_of(std::int64_t wall_ms) {
  std::time_t time = wall_ms / 1000;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};
}

}  // namespace

Connection::Connection(ConnectionOwner& owner, io::Runtime& runtime, codec::Scratch& scratch,
                       io::TransportPtr transport, std::uint64_t id)
    : owner_(owner),
      runtime_(runtime),
      scratch_(scratch),
      transport_(std::move(transport)),
      codec_(*this, scratch),
      timer_(runtime.timers(), *this),
      id_(id) {
  enter(State::idle);
  transport_->set_handler(*this);
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  timer_.cancel();
  transport_.reset();
  base::ListHook<io::FlushTag>::unlink();
  base::ListHook<io::DeferTag>::unlink();
  owner_.on_closed(*this);
}

void Connection::enter(State state) {
  state_ = state;
  set_clock();
}

void Connection::set_clock() {
  const base::Time now = runtime_.now();
  switch (state_) {
    case State::idle:
      return timer_.set(now + kIdleTime);
    case State::reading:
      return timer_.set(now + kRequestTime);
    case State::waiting:
      return timer_.set(now + kAnswerTime);
    case State::answering:
      return timer_.set(now + kStallTime);
    case State::streaming:
      return transport_->pending() > 0 ? timer_.set(now + kStallTime) : timer_.cancel();
    case State::lingering:
      return timer_.set(now + kLingerTime);
  }
}

bool Connection::stalled() const {
  return transport_->pending() > 0 && runtime_.now() - taken_at_ >= kStalled;
}

void Connection::on_timer() {
  close();
}

void Connection::on_read(std::string_view bytes) {
  if (state_ == State::lingering) return;
  if (state_ == State::idle) enter(State::reading);
  codec_.receive(bytes);
}

void Connection::on_read_end() {
  read_ended_ = true;
  codec_.receive_end();
}

void Connection::on_sent(std::size_t bytes) {
  codec_.sent(bytes);
  if (closed_) return;
  taken_at_ = runtime_.now();
  set_clock();
  runtime_.touch(*this);
}

void Connection::on_codec_changed() {
  if (!closed_) runtime_.touch(*this);
}

http::StreamHandler& Connection::on_stream(http::Stream& stream) {
  stream_ = &stream;
  request_ = {};
  if (state_ != State::reading) enter(State::reading);
  return gatherer_;
}

void Connection::on_refused(http::Stream& stream, const base::Error& error) {
  stream_ = &stream;
  refuse(error);
}

void Connection::refuse(const base::Error& error) {
  const int status = core::status_of(error);
  answer(status == 405 ? method_refused() : error_answer(status, error.detail));
}

void Connection::gather(http::Event& event) {
  if (closed_ || state_ != State::reading) return;  // it has been answered already
  if (auto* head = std::get_if<http::RequestHead>(&event)) {
    gather_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    gather_body(body->bytes);
  } else if (std::holds_alternative<http::End>(event)) {
    enter(State::waiting);
    owner_.on_request(*this, request_);
  }
}

void Connection::gather_head(const http::Request& head) {
  const std::size_t mark = head.target.find('?');
  request_.method = head.method;
  request_.path = head.target.substr(0, mark);
  if (mark != head.target.npos) request_.query = head.target.substr(mark + 1);
  request_.host = head.authority;
  if (const auto type = head.fields.get(FieldId::content_type)) request_.content_type = *type;
  request_.authorization = head.fields.get("Authorization").value_or("");
  request_.user_agent = head.fields.get("User-Agent").value_or("");
  const io::Ip& client = transport_->peer();
  request_.client = client.family == io::Ip::Family::none ? "a unix socket" : client.text();
  if (head.length.bytes > kMostBody) return refuse_body();
  if (head.expects_continue) welcome_body();
}

// The client waits with its body until it is told to go on, or that it need not.
void Connection::welcome_body() {
  if (auto refused = owner_.refusal(request_)) return answer(std::move(*refused));
  http::Response& head = scratch_.response;
  head.clear();
  head.status = 100;
  stream_->send(http::ResponseHead{&head});
}

void Connection::gather_body(std::string_view bytes) {
  if (request_.body.size() + bytes.size() > kMostBody) return refuse_body();
  request_.body += bytes;
  if (!bytes.empty()) stream_->grant(bytes.size());
}

void Connection::refuse_body() {
  answer(error_answer(413, fmt::format("the body is larger than {} KiB", kMostBody / 1024)));
}

void Connection::answer(Answer answer) {
  if (!stream_ || closed_) return;
  enter(State::answering);
  send_head(answer, {http::BodyLength::Kind::bytes, answer.text.size()});
  text_ = std::move(answer.text);
  rest_ = text_;
  runtime_.touch(*this);
}

void Connection::stream(std::string_view type) {
  if (!stream_ || closed_) return;
  Answer answer;
  answer.type = type;
  send_head(answer, {http::BodyLength::Kind::unknown, 0});
  enter(State::streaming);
}

void Connection::send_head(const Answer& answer, http::BodyLength length) {
  http::Response& head = scratch_.response;
  head.clear();
  head.status = answer.status;
  head.length = length;
  head.fields.add(FieldId::date, date_of(runtime_.wall_ms()));
  head.fields.add(FieldId::content_type, answer.type);
  head.fields.add(FieldId::cache_control, "no-store");
  head.fields.add("X-Content-Type-Options", "nosniff");
  head.fields.add("Content-Security-Policy", answer.policy.empty() ? kNothingLoads : answer.policy);
  if (!answer.challenge.empty()) head.fields.add("WWW-Authenticate", answer.challenge);
  if (!answer.allow.empty()) head.fields.add("Allow", answer.allow);
  stream_->send(http::ResponseHead{&head});
}

void Connection::push(std::string_view text) {
  if (closed_ || state_ != State::streaming || transport_->pending() > 0) return;
  stream_->send(http::Body{text});
  flush();  // while the text is there
}

void Connection::flush() {
  if (closed_) return;
  write();
  // The rest of an answer follows as long as the kernel takes it at once.
  while (!closed_ && state_ == State::answering && stream_ && transport_->pending() == 0) {
    const std::string_view piece = rest_.substr(0, kPiece);
    rest_.remove_prefix(piece.size());
    if (!piece.empty()) stream_->send(http::Body{piece});
    if (rest_.empty()) std::exchange(stream_, nullptr)->send(http::End{});
    write();
  }
  if (!closed_) settle();
}

void Connection::write() {
  if (!codec_.queue().has_output()) return;
  const std::size_t taken = transport_->write(codec_.queue().gather());
  codec_.queue().taken();
  if (taken > 0) taken_at_ = runtime_.now();
  codec_.sent(taken);
}

void Connection::settle() {
  base::ListHook<io::FlushTag>::unlink();
  if (codec_.next() == codec::Next::linger) return linger();
  if (codec_.next() != codec::Next::keep) return close();
  if (state_ == State::streaming) set_clock();
  if (state_ == State::answering && !stream_ && transport_->pending() == 0) {
    text_ = {};
    enter(codec_.in_head() ? State::reading : State::idle);
    if (codec_.has_held()) runtime_.defer(*this);
  }
  if (codec_.wants_read())
    transport_->resume();
  else
    transport_->pause();
}

// FIN behind the answer; what still comes is dropped for a moment, so that the client can read the answer
// before a RST could destroy it. Where nothing comes any more, nothing is waited for.
void Connection::linger() {
  const bool nothing_comes = read_ended_ || codec_.client_is_done();
  if (nothing_comes && transport_->pending() == 0) return close();
  if (state_ == State::lingering || transport_->pending() > 0) return;
  transport_->shutdown_write();
  transport_->resume();
  enter(State::lingering);
}

}  // namespace weir::admin
