#include "tests/sim/model_node.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/sim/body_pattern.h"
#include "tests/sim/sim_transport.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kHalfTime = 3s;  // between the parts of an early answer
// In which checks find out that a node is ill, and attempts from before have begun.
constexpr base::Duration kMostNoticing = 1500ms;
constexpr base::Duration kIdle = 150ms;  // of a node that closes its connections without a word

bool has_body(const AnswerPlan& answer, Method method) {
  return method != Method::head && answer.status != 204 && answer.status != 304;
}

}  // namespace

// One connection.
class ModelNode::Visit final : io::TransportHandler, io::TimerHandler, MessageHandler {
 public:
  Visit(ModelNode& node, io::TransportPtr transport)
      : node_(node),
        timer_(node.runtime_.timers(), *this),
        transport_(std::move(transport)),
        process_(static_cast<SimTransport&>(*transport_).process()) {
    transport_->set_handler(*this);
  }

  bool over() const { return !transport_; }
  void reset() {
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
    if (next_ == Next::request || next_ == Next::body || next_ == Next::idle_end || next_ == Next::silence)
      end();
  }
  void on_read_error(const base::Error&) override { end(); }
  void on_sent(std::size_t) override {
    if (entry_) entry_->moved_at = node_.runtime_.now();
    if (next_ == Next::closing && transport_->pending() == 0) end();
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

  void note_try(const MessageHead& head);
  void check_whether_barred();
  void check_time();
  void note_crossing();
  void be_silent(base::Duration most);
  void judge_wait();
  void answer();
  void answer_with_head(std::string out);
  void strikes();
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
    if (transport_->pending() == 0) end();
  }
  void end() {
    if (early_) began_answer_ = false;  // it may be lost, since what was not read makes this end a reset
    if (early_) note_crossing();
    timer_.cancel();
    reader_.stop();
    transport_.reset();
  }
  const AnswerPlan& plan() const { return entry_->plan->answers[attempt_ > 0 ? 1 : 0]; }

  ModelNode& node_;
  io::Timer timer_;
  io::TransportPtr transport_;
  const std::uint32_t process_;  // of Weir
  MessageReader reader_{MessageReader::Side::requests, *this};
  Next next_ = Next::request;
  RequestId id_ = 0;
  RequestEntry* entry_ = nullptr;  // null for a check
  std::uint32_t attempt_ = 0;
  std::uint64_t received_ = 0;  // of the present request's body
  bool early_ = false;
  bool began_answer_ = false;
  bool read_ended_ = false;
  std::uint64_t stalled_after_ = 0;  // bytes of the answer's body
  std::uint32_t requests_ = 0;       // on this connection
  base::Time head_began_ = base::kNever;
  base::Time waits_since_{};  // Weir, for this node to go on
  base::Duration most_wait_{};
  std::string second_half_;
};

void ModelNode::Visit::on_head(const MessageHead& head) {
  if (next_ != Next::request && next_ != Next::idle_end)
    node_.book_.broken("a node got a request before it had answered the one before");
  timer_.cancel();
  next_ = Next::body;
  received_ = 0;
  early_ = began_answer_ = false;
  stalled_after_ = 0;
  ++requests_;
  entry_ = nullptr;
  if (head.second == "/healthz") return;
  id_ = TrialBook::id_in(head.second);
  entry_ = node_.book_.find(id_);
  if (entry_ == nullptr) return node_.book_.broken("a node got a request that nobody sent: {}", head.second);
  note_try(head);
  if (head.has("Expect")) send("HTTP/1.1 100 Continue\r\n\r\n");
  const bool early = plan().fault == AnswerFault::early || plan().fault == AnswerFault::early_in_parts;
  if (early && entry_->plan->framing != BodyFraming::none) {
    early_ = true;
    answer();
  }
}

// A request that may not be replayed reaches nodes once, any other as often as there are attempts; a kept
// connection that its node ended is none, and at most one of those goes before each that is one.
void ModelNode::Visit::note_try(const MessageHead& head) {
  attempt_ = entry_->tries++;
  if (attempt_ == 0) entry_->tried_at = node_.runtime_.now();
  check_whether_barred();
  head_began_ = base::kNever;
  check_time();
  node_.book_.tell("request {} reaches {} (try {})", id_, node_.address_.text(), attempt_ + 1);
  const RequestPlan& request = *entry_->plan;
  if (head.first != name_of(request.method)) node_.book_.broken("request {} became a {}", id_, head.first);
  if (request.method == Method::post && entry_->tries > 1)
    node_.book_.broken("request {}, a POST, reached nodes {} times", id_, entry_->tries);
  if (entry_->tries - entry_->crossed > node_.attempts_ || entry_->tries > 2 * node_.attempts_)
    node_.book_.broken("request {} reached nodes {} times; {} attempts are allowed", id_, entry_->tries,
                       node_.attempts_);
  if (entry_->ended) node_.book_.tell("request {} had been given up by its client", id_);
}

// A kept connection that the node ends without a word costs no attempt: it says nothing of the request.
void ModelNode::Visit::note_crossing() {
  if (entry_ && requests_ > 1 && !began_answer_ && next_ != Next::request && next_ != Next::idle_end)
    ++std::exchange(entry_, nullptr)->crossed;
}

// Weir has had the time to hear that this node takes no new work; but a process that was replaced hears of no
// operator any more. What the one before knew of it a process goes by until it has found otherwise.
void ModelNode::Visit::check_whether_barred() {
  const TrialBook& book = node_.book_;
  const base::Time now = head_began_;
  if (node_.drained_since_ < book.left_at(process_) &&
      now - std::max(node_.drained_since_, book.undisturbed_since()) > book.most_making())
    node_.book_.broken("{} drains, and got request {}", node_.address_.text(), id_);
  if (node_.ill_since_ != base::kNever && book.plan().checks &&
      now - std::max(node_.ill_since_, book.settled_since()) > kMostNoticing + book.most_reaction())
    node_.book_.broken("{} fails its checks, and got request {}", node_.address_.text(), id_);
  if (book.began_without(process_, node_.address_.text()) && !node_.well_to_.contains(process_))
    node_.book_.broken("{} was not up to the process before, and got request {} of the next one unchecked",
                       node_.address_.text(), id_);
}

// A request is over by its deadline.
void ModelNode::Visit::check_time() {
  const TrialBook& book = node_.book_;
  if (book.plan().request_timeout == 0s || !entry_ || entry_->plan->upgrade) return;
  const base::Duration took = node_.runtime_.now() - std::max(entry_->tried_at, book.undisturbed_since());
  if (took > book.plan().request_timeout + book.most_reaction())
    node_.book_.broken("request {} is under way after {} ms", id_,
                       std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
}

// Weir is to give up on this node after `most`.
void ModelNode::Visit::be_silent(base::Duration most) {
  if (read_ended_) return end();
  next_ = Next::silence;
  waits_since_ = node_.runtime_.now();
  most_wait_ = most + node_.book_.most_reaction();
  timer_.set(waits_since_ + most_wait_);
}

void ModelNode::Visit::judge_wait() {
  waits_since_ = std::max(waits_since_, node_.book_.undisturbed_since());
  if (next_ == Next::tunnel) waits_since_ = std::max(waits_since_, entry_->moved_at);
  const base::Time now = node_.runtime_.now();
  // What was sent before is still on its way, to Weir or to the client.
  if (static_cast<SimTransport&>(*transport_).unread() > 0) waits_since_ = now;
  if (entry_->read_size < stalled_after_ && !entry_->ended) waits_since_ = now;
  if (stalled_after_ > 0) waits_since_ = std::max(waits_since_, entry_->read_at);
  if (now - waits_since_ < most_wait_) return timer_.set(waits_since_ + most_wait_);
  node_.book_.broken("request {} waits for {}, which is silent, for more than {} ms", id_,
                     node_.address_.text(),
                     std::chrono::duration_cast<std::chrono::milliseconds>(most_wait_).count());
  reset();
}

void ModelNode::Visit::on_body(std::string_view bytes) {
  if (!entry_) return;
  entry_->moved_at = node_.runtime_.now();
  const BodyRole role = next_ == Next::tunnel ? BodyRole::to_tunnel : BodyRole::request;
  if (!BodyPattern::matches(bytes, body_stream(id_, role), received_))
    node_.book_.broken("the body of request {} has other bytes than were sent, after {}", id_, received_);
  received_ += bytes.size();
}

void ModelNode::Visit::on_message_end() {
  if (!entry_) {
    const bool ill = node_.ill_since_ != base::kNever;
    if (!ill) node_.well_to_.insert(process_);
    send(ill ? "HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n"
             : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return close_when_sent();
  }
  if (next_ == Next::tunnel) return;
  if (received_ != entry_->plan->size && !entry_->plan->upgrade)
    node_.book_.broken("request {} ended after {} bytes of its body as if it were whole; it has {}", id_,
                       received_, entry_->plan->size);
  if (early_) return;
  next_ = Next::answer;
  if (plan().delay > 0s)
    timer_.set(node_.runtime_.now() + plan().delay);
  else
    answer();
}

void ModelNode::Visit::answer() {
  const AnswerPlan& plan = this->plan();
  check_time();
  entry_->whole_size = RequestEntry::kNever;
  switch (plan.fault) {
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
  if (entry_->plan->upgrade && plan.fault == AnswerFault::none) {
    send(out);
    return begin_tunnel();
  }
  answer_with_head(std::move(out));
}

// What has a head, and perhaps a fault in what follows.
void ModelNode::Visit::answer_with_head(std::string out) {
  const AnswerPlan& plan = this->plan();
  const bool body = has_body(plan, entry_->plan->method);
  out.append(head_of(plan, body));
  std::uint64_t until = RequestEntry::kNever;
  const bool cut = plan.fault == AnswerFault::cut_by_close || plan.fault == AnswerFault::cut_by_reset ||
                   plan.fault == AnswerFault::stalls;
  if (cut) until = plan.fault_at;
  const bool by_close = plan.framing == BodyFraming::until_close;
  // What ends by the end of the connection cannot be told from one that is cut so.
  if (!body)
    entry_->whole_size = 0;
  else if (cut && by_close && plan.fault == AnswerFault::cut_by_close)
    entry_->whole_size = std::min<std::uint64_t>(until, plan.size);
  else if (!cut || (plan.framing == BodyFraming::counted && until >= plan.size))
    entry_->whole_size = plan.size;
  if (plan.fault == AnswerFault::garbage_in_body && body && plan.framing == BodyFraming::chunked) {
    strikes();
    entry_->whole_size = RequestEntry::kNever;
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
  if (plan.fault == AnswerFault::cut_by_reset) {
    strikes();
    return reset();
  }
  if (plan.fault == AnswerFault::cut_by_close) {
    strikes();
    return close_when_sent();
  }
  if (plan.fault == AnswerFault::stalls && entry_->whole_size == RequestEntry::kNever) {
    strikes();
    stalled_after_ = until;
    return be_silent(kStreamIdleTimeout);
  }
  after_answer(plan);
}

void ModelNode::Visit::strikes() {
  node_.book_.struck(name_of(plan().fault));
  node_.book_.tell("request {}: {}", id_, name_of(plan().fault));
}

std::string ModelNode::Visit::head_of(const AnswerPlan& plan, bool body) const {
  std::string out = "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(plan.status));
  out.append(" Sim\r\nX-Id: ");
  append_number(out, id_);
  out.append("\r\nX-Try: ");
  append_number(out, attempt_);
  if (plan.says_close || early_ || plan.framing == BodyFraming::until_close)
    out.append("\r\nConnection: close");
  const bool counts = plan.status != 204 && (body || entry_->plan->method == Method::head);
  if (counts && plan.framing == BodyFraming::counted) {
    out.append("\r\nContent-Length: ");
    append_number(out, plan.size);
  }
  if (counts && plan.framing == BodyFraming::chunked) out.append("\r\nTransfer-Encoding: chunked");
  return out.append("\r\n\r\n");
}

// The first `until` bytes of a body of `size`.
void ModelNode::Visit::add_body(std::string& out, const AnswerPlan& plan, std::uint64_t size,
                                std::uint64_t until) const {
  const std::uint64_t stream = body_stream(id_, BodyRole::answer, attempt_);
  const std::uint64_t end = std::min(size, until);
  if (plan.framing != BodyFraming::chunked) return BodyPattern::append(out, stream, 0, end);
  for (std::uint64_t at = 0; at < end;) {
    const std::uint64_t chunk = std::min(size - at, 1 + (id_ * 17 + at * 3) % 9'000);
    out.append(fmt::format("{:x}\r\n", chunk));
    BodyPattern::append(out, stream, at, std::min(chunk, end - at));
    at += chunk;
    if (at <= end) out.append("\r\n");
  }
  if (until < RequestEntry::kNever) return;
  out.append("0\r\n");
  if (plan.trailers) out.append(fmt::format("X-Trailer: {}\r\n", id_));
  out.append("\r\n");
}

void ModelNode::Visit::after_answer(const AnswerPlan& plan) {
  if (!transport_) return;
  if (plan.says_close || early_ || plan.framing == BodyFraming::until_close) return close_when_sent();
  next_ = Next::request;
  if (!plan.closes_later) return;
  next_ = Next::idle_end;
  timer_.set(node_.runtime_.now() + kIdle);
}

void ModelNode::Visit::begin_tunnel() {
  next_ = Next::tunnel;
  entry_->whole_size = entry_->plan->size;
  received_ = 0;
  reader_.begin_tunnel();
  std::string out = "HTTP/1.1 101 Sim\r\nX-Id: ";
  out.append(std::to_string(id_)).append("\r\nX-Try: ").append(std::to_string(attempt_));
  out.append("\r\nConnection: upgrade\r\nUpgrade: sim\r\n\r\n");
  BodyPattern::append(out, body_stream(id_, BodyRole::from_tunnel), 0, entry_->plan->size);
  send(out);
  if (plan().says_close) transport_->shutdown_write();
  waits_since_ = entry_->moved_at = node_.runtime_.now();
  most_wait_ = kTunnelTimeout + node_.book_.most_reaction();
  timer_.set(waits_since_ + most_wait_);
  if (read_ended_) tunnel_ended();  // Weir had given up on it
}

void ModelNode::Visit::tunnel_ended() {
  if (received_ != entry_->plan->size && entry_->client->fault == ClientFault::none)
    entry_->tunnel_ended_early = true;
  close_when_sent();
}

ModelNode::ModelNode(SimRuntime& runtime, const io::Address& address, TrialBook& book, std::uint32_t attempts)
    : runtime_(runtime), address_(address), book_(book), attempts_(attempts) {
  live();
}

ModelNode::~ModelNode() {
  die();
}

void ModelNode::live() {
  if (listener_) return;
  socket_ = runtime_.world().listen(address_);
  listener_ = runtime_.listen(socket_, *this);
}

void ModelNode::die() {
  if (!listener_) return;
  for (const auto& visit : visits_) visit->reset();
  listener_.reset();
  runtime_.world().close(socket_);
}

void ModelNode::on_accept(io::TransportPtr transport) {
  std::erase_if(visits_, [](const auto& visit) { return visit->over(); });
  visits_.push_back(std::make_unique<Visit>(*this, std::move(transport)));
}

}  // namespace weir::sim
