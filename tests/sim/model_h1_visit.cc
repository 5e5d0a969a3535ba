// A node's connection that speaks HTTP/1.1: one request at a time.
#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/sim/body_pattern.h"
#include "tests/sim/message_reader.h"
#include "tests/sim/model_try.h"
#include "tests/sim/sim_transport.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kHalfTime = 3s;  // between the parts of an early answer
constexpr base::Duration kIdle = 150ms;   // of a node that closes its connections without a word

bool has_body(const AnswerPlan& answer, Method method) {
  return method != Method::head && answer.status != 204 && answer.status != 304;
}

}  // namespace

class ModelNode::H1Visit final : public Visit, io::TransportHandler, io::TimerHandler, MessageHandler {
 public:
  H1Visit(ModelNode& node, Line line)
      : node_(node),
        timer_(node.runtime_.timers(), *this),
        transport_(std::move(line.transport)),
        wire_(line.wire),
        tls_(line.tls),
        try_(node, wire_.process()),
        process_(wire_.process()) {
    transport_->set_handler(*this);
  }

  bool over() const override { return !transport_; }
  void reset() override {
    if (!transport_) return;
    began_answer_ = false;  // what was on its way is lost
    if (next_ == Next::request || next_ == Next::idle_end) next_ = Next::answer;
    note_crossing();
    transport_->reset();
    end();
  }

 private:
  enum class Next : std::uint8_t { request, body, answer, second_half, idle_end, tunnel, closing, silence };

  void on_read(std::string_view bytes) override {
    if (next_ == Next::closing && tls_ != nullptr) return;  // it crosses the goodbye
    if (next_ == Next::request || next_ == Next::idle_end)
      head_began_ = std::min(head_began_, node_.runtime_.now());
    if (!reader_.read(bytes) && transport_) {
      node_.book_.broken("a node read what is no HTTP from Weir: {}", reader_.problem());
      reset();
    }
  }
  // The requests end; what is being answered still is.
  void on_read_end() override {
    read_ended_ = true;
    if (next_ == Next::tunnel) return tunnel_ended();
    if (next_ == Next::request || next_ == Next::body || next_ == Next::idle_end || next_ == Next::silence ||
        waits_at_end())
      end();
  }
  void on_read_error(const base::Error&) override { end(); }
  void on_sent(std::size_t) override {
    if (try_.found()) try_.entry().moved_at = node_.runtime_.now();
    if (next_ == Next::closing && transport_->pending() == 0 && !waits_at_end()) end();
  }
  void on_write_error(const base::Error&) override {}

  void on_head(const MessageHead& head) override;
  void on_body(std::string_view bytes) override;
  void on_trailers(const MessageHead&) override {}
  void on_message_end() override;
  void on_timer() override {
    if (next_ == Next::answer) return answer();
    if (next_ == Next::second_half) {
      send(second_half_);
      return close_when_sent();
    }
    if (next_ == Next::idle_end) end();
    if (next_ == Next::silence || next_ == Next::tunnel) judge_wait();
  }

  void note_crossing();
  void be_silent(base::Duration most, std::uint64_t stalled_after = 0);
  void judge_wait();
  void answer();
  void answer_with_head(std::string out);
  void strikes() const { try_.strikes(name_of(try_.fault())); }
  std::string head_of(const AnswerPlan& plan, bool body) const;
  void add_body(std::string& out, const AnswerPlan& plan, std::uint64_t size, std::uint64_t until) const;
  void after_answer(const AnswerPlan& plan);
  void begin_tunnel();
  void tunnel_ended();
  void send(std::string_view bytes) {
    if (transport_ && !bytes.empty()) transport_->write(std::span(&bytes, 1));
  }
  void close_when_sent() {
    next_ = Next::closing;
    if (tls_ != nullptr) transport_->shutdown_write();  // says goodbye
    if (waits_at_end() && !read_ended_) return tls_->await_end({});
    if (transport_->pending() == 0) end();
  }
  bool waits_at_end() const { return next_ == Next::closing && tls_ != nullptr && tls_->waits_at_end(); }
  bool is_ruined() const { return tls_ != nullptr && tls_->ruined(); }
  void end() {
    // It may be lost, since what was not read makes this end a reset.
    if (early_ || is_ruined()) began_answer_ = false;
    if (is_ruined() && (next_ == Next::request || next_ == Next::idle_end)) next_ = Next::answer;
    if (early_ || is_ruined()) note_crossing();
    timer_.cancel();
    reader_.stop();
    transport_.reset();
  }
  const AnswerPlan& plan() const { return try_.plan(); }

  ModelNode& node_;
  io::Timer timer_;
  io::TransportPtr transport_;
  SimTransport& wire_;           // while there is a transport
  ModelTls* const tls_;          // likewise: the transport, if it is one
  Try try_;                      // the present request, or the latest; none: a check
  const std::uint32_t process_;  // of Weir
  MessageReader reader_{MessageReader::Side::requests, *this};
  Next next_ = Next::request;
  bool is_check_ = false;
  bool early_ = false;
  bool began_answer_ = false;
  bool read_ended_ = false;
  std::uint32_t requests_ = 0;  // on this connection
  base::Time head_began_ = base::kNever;
  std::string second_half_;
};

void ModelNode::H1Visit::on_head(const MessageHead& head) {
  if (next_ != Next::request && next_ != Next::idle_end)
    node_.book_.broken("a node got a request before it had answered the one before");
  timer_.cancel();
  next_ = Next::body;
  early_ = began_answer_ = false;
  ++requests_;
  try_.forget();
  is_check_ = head.second == "/healthz";
  if (is_check_ || head.second == kFloodTarget || !try_.find(head.second)) return;
  try_.begin(head.first, std::exchange(head_began_, base::kNever));
  try_.check_cookies(head);
  if (head.has("Expect")) send("HTTP/1.1 100 Continue\r\n\r\n");
  if (!try_.answers_early()) return;
  early_ = true;
  answer();
}

void ModelNode::H1Visit::note_crossing() {
  if (requests_ > 1 && !began_answer_ && next_ != Next::request && next_ != Next::idle_end)
    try_.note_crossing();
}

void ModelNode::H1Visit::be_silent(base::Duration most, std::uint64_t stalled_after) {
  if (read_ended_) return end();
  next_ = Next::silence;
  try_.await_end(most, stalled_after);
  timer_.set(try_.wait_over());
}

void ModelNode::H1Visit::judge_wait() {
  const base::Time next = try_.judge_wait(wire_.unread());
  if (next == base::kNever) return reset();
  timer_.set(next);
}

void ModelNode::H1Visit::on_body(std::string_view bytes) {
  if (try_.found()) try_.add_to_body(bytes, next_ == Next::tunnel ? BodyRole::to_tunnel : BodyRole::request);
}

void ModelNode::H1Visit::on_message_end() {
  if (!try_.found()) {
    const bool ill = node_.is_ill();
    if (!ill && is_check_) node_.well_to_.insert(process_);
    std::string out =
        ill ? "HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n" : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    if (is_check_)
      if (const auto [name, value] = node_.tell(process_); !name.empty())
        out.append(name).append(": ").append(value).append("\r\n");
    send(out.append("\r\n"));
    return close_when_sent();
  }
  if (next_ == Next::tunnel) return;
  try_.check_whole();
  if (early_) return;
  next_ = Next::answer;
  if (plan().delay > 0s)
    timer_.set(node_.runtime_.now() + plan().delay);
  else
    answer();
}

void ModelNode::H1Visit::answer() {
  const AnswerPlan& plan = this->plan();
  try_.check_time();
  try_.whole_size() = RequestEntry::kNever;
  switch (try_.fault()) {
    case AnswerFault::closes_unanswered:
      strikes();
      note_crossing();
      return end();
    case AnswerFault::resets_unanswered:
      strikes();
      return reset();
    case AnswerFault::silent:
      strikes();
      return be_silent(kResponseTimeout);
    case AnswerFault::garbage:
      strikes();
      began_answer_ = true;
      send("\x16\x03\x01 no HTTP at all\r\n\r\n");
      return be_silent(kResponseTimeout);
    default:
      break;
  }
  began_answer_ = true;
  std::string out;
  for (int i = 0; i < plan.interim; ++i) out.append("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  if (try_.request().upgrade && plan.fault == AnswerFault::none) {
    send(out);
    return begin_tunnel();
  }
  answer_with_head(std::move(out));
}

// What has a head, and perhaps a fault in what follows.
void ModelNode::H1Visit::answer_with_head(std::string out) {
  const AnswerPlan& plan = this->plan();
  ++try_.entry().begun_answers;
  const bool body = has_body(plan, try_.request().method);
  out.append(head_of(plan, body));
  std::uint64_t until = RequestEntry::kNever;
  const bool cut = plan.fault == AnswerFault::cut_by_close || plan.fault == AnswerFault::cut_by_reset ||
                   plan.fault == AnswerFault::stalls;
  if (cut) until = plan.fault_at;
  const bool by_close = plan.framing == BodyFraming::until_close;
  // What ends by the end of the connection cannot be told from one that is cut so; over TLS, without a
  // goodbye it is cut.
  if (!body)
    try_.whole_size() = 0;
  else if (by_close && tls_ != nullptr && !tls_->says_goodbye())
    try_.whole_size() = RequestEntry::kNever;
  else if (cut && by_close && plan.fault == AnswerFault::cut_by_close)
    try_.whole_size() = std::min<std::uint64_t>(until, plan.size);
  else if (!cut || (plan.framing == BodyFraming::counted && until >= plan.size))
    try_.whole_size() = plan.size;
  if (plan.fault == AnswerFault::garbage_in_body && body && plan.framing == BodyFraming::chunked) {
    strikes();
    try_.whole_size() = RequestEntry::kNever;
    send(out.append("zz\r\n"));
    return be_silent(kStreamIdleTimeout);
  }
  if (body) add_body(out, plan, plan.size, until);
  if (early_) strikes();
  if (early_ && plan.fault == AnswerFault::early_in_parts) {
    second_half_ = out.substr(out.size() / 2);
    out.resize(out.size() / 2);
    next_ = Next::second_half;
    timer_.set(node_.runtime_.now() + kHalfTime);
    return send(out);
  }
  send(out);
  if (body && is_ruined()) try_.whole_size() = RequestEntry::kNever;
  if (plan.fault == AnswerFault::cut_by_reset) {
    strikes();
    return reset();
  }
  if (plan.fault == AnswerFault::cut_by_close) {
    strikes();
    return close_when_sent();
  }
  if (plan.fault == AnswerFault::stalls && try_.whole_size() == RequestEntry::kNever) {
    strikes();
    return be_silent(kStreamIdleTimeout, until);
  }
  after_answer(plan);
}

std::string ModelNode::H1Visit::head_of(const AnswerPlan& plan, bool body) const {
  std::string out = "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(plan.status));
  out.append(" Sim\r\nX-Id: ");
  append_number(out, try_.id());
  out.append("\r\nX-Try: ");
  append_number(out, try_.attempt());
  if (plan.says_close || early_ || plan.framing == BodyFraming::until_close)
    out.append("\r\nConnection: close");
  if (plan.retry_after) {
    out.append("\r\nRetry-After: ");
    append_number(out, *plan.retry_after);
  }
  const bool counts = plan.status != 204 && (body || try_.request().method == Method::head);
  if (counts && plan.framing == BodyFraming::counted) {
    out.append("\r\nContent-Length: ");
    append_number(out, plan.size);
  }
  if (counts && plan.framing == BodyFraming::chunked) out.append("\r\nTransfer-Encoding: chunked");
  return out.append("\r\n\r\n");
}

// The first `until` bytes of a body of `size`.
void ModelNode::H1Visit::add_body(std::string& out, const AnswerPlan& plan, std::uint64_t size,
                                  std::uint64_t until) const {
  const std::uint64_t stream = body_stream(try_.id(), BodyRole::answer, try_.attempt());
  const std::uint64_t end = std::min(size, until);
  if (plan.framing != BodyFraming::chunked) return BodyPattern::append(out, stream, 0, end);
  for (std::uint64_t at = 0; at < end;) {
    const std::uint64_t chunk = std::min(size - at, 1 + (try_.id() * 17 + at * 3) % 9'000);
    out.append(fmt::format("{:x}\r\n", chunk));
    BodyPattern::append(out, stream, at, std::min(chunk, end - at));
    at += chunk;
    if (at <= end) out.append("\r\n");
  }
  if (until < RequestEntry::kNever) return;
  out.append("0\r\n");
  if (plan.trailers) out.append(fmt::format("X-Trailer: {}\r\n", try_.id()));
  out.append("\r\n");
}

void ModelNode::H1Visit::after_answer(const AnswerPlan& plan) {
  if (!transport_) return;
  if (plan.says_close || early_ || plan.framing == BodyFraming::until_close) return close_when_sent();
  next_ = Next::request;
  if (!plan.closes_later) return;
  next_ = Next::idle_end;
  timer_.set(node_.runtime_.now() + kIdle);
}

void ModelNode::H1Visit::begin_tunnel() {
  next_ = Next::tunnel;
  ++try_.entry().begun_answers;
  try_.whole_size() = tls_ != nullptr && !tls_->says_goodbye() ? RequestEntry::kNever : try_.request().size;
  try_.begin_body();
  reader_.begin_tunnel();
  std::string out = "HTTP/1.1 101 Sim\r\nX-Id: ";
  out.append(std::to_string(try_.id())).append("\r\nX-Try: ").append(std::to_string(try_.attempt()));
  out.append("\r\nConnection: upgrade\r\nUpgrade: sim\r\n\r\n");
  BodyPattern::append(out, body_stream(try_.id(), BodyRole::from_tunnel), 0, try_.request().size);
  send(out);
  if (plan().says_close) transport_->shutdown_write();
  try_.entry().moved_at = node_.runtime_.now();
  try_.await_end(kTunnelTimeout, 0);
  timer_.set(try_.wait_over());
  if (read_ended_) tunnel_ended();  // Weir had given up on it
}

void ModelNode::H1Visit::tunnel_ended() {
  if (try_.received() != try_.request().size && !try_.may_end_early()) try_.entry().tunnel_ended_early = true;
  close_when_sent();
}

std::unique_ptr<ModelNode::Visit> ModelNode::welcome_h1(Line line) {
  return std::make_unique<H1Visit>(*this, std::move(line));
}

}  // namespace weir::sim
