#include "proxy/core/http_call.h"

#include <variant>

#include "proxy/codec/h1_client.h"

namespace weir::core {

void AbandonCall::operator()(HttpCall* call) const {
  call->close();
  call->runtime_.graveyard().retire(std::unique_ptr<HttpCall>(call));
}

HttpCallPtr HttpCall::start(io::Runtime& runtime, codec::Scratch& scratch, HttpCallHandler& handler,
                            const io::Address& address, const CallRequest& request, const CallLimits& limits,
                            const CallWay& way) {
  HttpCallPtr call(new HttpCall(runtime, scratch, handler, request, limits, way));
  call->transport_ = way.dial.connect(runtime, address, *call);
  return call;
}

HttpCall::HttpCall(io::Runtime& runtime, codec::Scratch& scratch, HttpCallHandler& handler,
                   const CallRequest& request, const CallLimits& limits, const CallWay& way)
    : runtime_(runtime),
      scratch_(scratch),
      handler_(handler),
      request_(request),
      protocol_(way.protocol),
      transit_(way.dial.settings ? Transit::tls : Transit::clear),
      most_body_(limits.body),
      timer_(runtime.timers(), *this),
      deadline_(base::deadline(runtime.now(), limits.timeout)) {
  timer_.set(deadline_);
}

HttpCall::~HttpCall() = default;

void HttpCall::on_connected() {
  const UpstreamVersion version = version_of(protocol_, *transport_);
  if (version == UpstreamVersion::none) return end(CallEnd::Kind::broken, kNoHttp2);
  state_ = State::asking;
  codec::ClientCodecOwner& owner = *this;
  if (version == UpstreamVersion::h2)
    codec_ = make_h2_client(owner, scratch_, transit_);
  else
    codec_ = std::make_unique<codec::H1Client>(owner, scratch_);
  stream_ = &codec_->open(answer_);
  ask(version);
}

void HttpCall::on_connect_failed(const base::Error& error) {
  end(CallEnd::Kind::connect_failed, error);
}

void HttpCall::ask(UpstreamVersion version) {
  using Kind = http::BodyLength::Kind;
  http::Request& head = scratch_.request;
  head.clear();
  head.method = http::method_of(request_.method);
  head.method_text = request_.method;
  head.target = request_.target;
  head.authority = request_.host;
  // A POST without a body says so, other methods need not (RFC 9110 8.6).
  const bool says_length = !request_.body.empty() || head.method == http::Method::post;
  if (says_length) head.length = {Kind::bytes, request_.body.size()};
  for (const auto& [name, value] : request_.fields) head.fields.add(name, value);
  head.fields.add(http::FieldId::connection, "close");     // which HTTP/2 leaves out
  head.accepts_trailers = version == UpstreamVersion::h2;  // which gRPC insists on
  stream_->send(http::RequestHead{&head});
  if (!request_.body.empty()) stream_->send(http::Body{request_.body});
  stream_->send(http::End{});
}

void HttpCall::take(http::Event&& event) {
  if (const auto* head = std::get_if<http::ResponseHead>(&event)) {
    take_head(*head->head);
  } else if (const auto* body = std::get_if<http::Body>(&event)) {
    take_body(body->bytes);
  } else if (const auto* trailers = std::get_if<http::Trailers>(&event)) {
    handler_.on_call_trailers(*trailers->fields);
  } else if (std::holds_alternative<http::End>(event)) {
    stream_ = nullptr;
    end(CallEnd::Kind::answered);
  }
}

// An answer to HEAD announces what it does not bring (RFC 9110 9.3.2).
void HttpCall::take_head(const http::Response& head) {
  if (head.interim()) return;
  state_ = State::answering;
  status_ = head.status;
  handler_.on_call_head(head);
  const bool brings = http::method_of(request_.method) != http::Method::head;
  if (brings && head.length.kind == http::BodyLength::Kind::bytes && head.length.bytes > most_body_)
    end(CallEnd::Kind::too_large);
}

void HttpCall::take_body(std::string_view bytes) {
  body_ += bytes.size();
  if (body_ > most_body_) return end(CallEnd::Kind::too_large);
  if (!bytes.empty()) handler_.on_call_body(bytes);
  if (state_ != State::over) stream_->grant(bytes.size());
}

// A loop that comes so late was stopped itself (the process, or the machine): then the other side has not had
// its time.
void HttpCall::on_timer() {
  constexpr base::Duration kLate = std::chrono::milliseconds(100);
  if (runtime_.now() > deadline_ + kLate)
    return end(CallEnd::Kind::connect_failed, {base::Reason::internal, base::Fault::ourselves,
                                               base::Retry::never, 0, "Weir was stopped meanwhile"});
  end(late());
}

CallEnd::Kind HttpCall::late() const {
  if (state_ == State::connecting) return CallEnd::Kind::connect_timed_out;
  return heard_ ? CallEnd::Kind::timed_out : CallEnd::Kind::unanswered;
}

void HttpCall::on_read(std::string_view bytes) {
  codec_->receive(bytes);
  heard_ = !codec_->unanswered();
}

void HttpCall::on_codec_changed() {
  if (state_ != State::over) runtime_.touch(*this);
}

void HttpCall::on_sent(std::size_t bytes) {
  codec_->sent(bytes);
  on_codec_changed();
}

void HttpCall::flush() {
  codec_->produce(kMostRoom);
  if (state_ == State::over || !codec_->queue().has_output()) return;
  const std::size_t taken = transport_->write(codec_->queue().gather());
  codec_->queue().taken();
  codec_->sent(taken);
  if (codec_->wants_room()) on_codec_changed();
}

void HttpCall::end(CallEnd::Kind kind, const base::Error& error) {
  if (state_ == State::over) return;
  close();
  handler_.on_call_end({kind, status_, error});
}

void HttpCall::close() {
  if (state_ == State::over) return;
  state_ = State::over;
  timer_.cancel();
  base::ListHook<io::FlushTag>::unlink();
  if (stream_) stream_->reset({});
  stream_ = nullptr;
  transport_.reset();
}

}  // namespace weir::core
