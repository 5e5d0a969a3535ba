#include "tests/sim/model_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/sim/body_pattern.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kGarbage = "\x16\x03\x01 this is no HTTP\n\n";
constexpr base::Duration kContinueWait = 1s;  // for 100 (Continue), RFC 9110 10.1.1
constexpr base::Duration kReadPause = 20ms;   // of one that reads slowly
// Weir's deadlines one after the other, and pauses. A client that stopped between two requests is idle to
// Weir.
constexpr base::Duration kMostSilence = 15s, kMostIdle = 28s;
constexpr base::Duration kPatience = 30s;  // of one that does not read

}  // namespace

ModelClient::ModelClient(SimRuntime& runtime, const io::Address& weir, const ClientPlan& plan,
                         TrialBook& book)
    : runtime_(runtime),
      weir_(weir),
      plan_(plan),
      book_(book),
      timer_(runtime.timers(), *this),
      answer_(runtime.world(), book),
      cookies_(plan, book) {
  if (plan.requests.empty())
    phase_ = Phase::over;
  else
    wait(plan.begins);
}

std::string ModelClient::describe() const {
  return fmt::format("client {}: {} of {} requests sent, {} outstanding{}{}", plan_.number, next_,
                     plan_.requests.size(), outstanding_.size(), in_answer_ ? ", inside an answer" : "",
                     stopped_ ? ", stalled" : "");
}

void ModelClient::connect() {
  phase_ = Phase::connecting;
  reader_.emplace(MessageReader::Side::responses, static_cast<MessageHandler&>(*this));
  out_.clear();
  out_at_ = 0;
  sent_ = received_ = 0;
  asked_at_ = runtime_.now() + 910ms;  // who has not asked yet has a second
  thought_ = awaits_continue_ = in_answer_ = tunnel_ = closing_ = stops_ = stopped_ = excused_ =
      write_failed_ = tunnel_read_ended_ = false;
  if (!plan_.tls) {
    transport_ = runtime_.connect(weir_, *this);
    return;
  }
  transport_ = ModelTls::connect(runtime_, weir_, *this, plan_, memory_, book_);
  tls_ = static_cast<ModelTls*>(transport_.get());
}

void ModelClient::on_connected() {
  phase_ = Phase::open;
  book_.tell("client {} connected", plan_.number);
  go_on();
}

void ModelClient::on_connect_failed(const base::Error& error) {
  if (plan_.tls) {
    transport_.reset();
    phase_ = Phase::waiting;
    return wait(10ms);
  }
  book_.broken("client {} could not connect to Weir: {}", plan_.number, error.detail);
  phase_ = Phase::over;
}

void ModelClient::on_timer() {
  if (phase_ == Phase::waiting) return connect();
  if (phase_ != Phase::open) return;
  if (plan_.fault == ClientFault::reads_never && fault_ == Fault::struck && excused_) {
    transport_->reset();
    return connection_ended("was not read for too long, and left");
  }
  transport_->resume();
  thought_ = true;
  if (awaits_continue_) {
    awaits_continue_ = false;
    add_body(plan_.requests[next_ - 1], TrialBook::id_of(plan_, next_ - 1));
  }
  go_on();
}

bool ModelClient::may_send_next() const {
  return next_ < plan_.requests.size() && !closing_ && !stops_ && !stopped_ && !write_failed_ && !tunnel_ &&
         !awaits_continue_ && outstanding_.size() < plan_.depth &&
         (outstanding_.empty() || !plan_.requests[next_].upgrade);
}

void ModelClient::go_on() {
  while (may_send_next()) {
    if (const base::Duration think = plan_.requests[next_].think; think > 0s && !thought_) {
      wait(think);
      break;
    }
    add_request();
  }
  write_some();
}

void ModelClient::add_request() {
  const RequestPlan& request = plan_.requests[next_];
  const RequestId id = TrialBook::id_of(plan_, next_);
  book_.tell("client {} sends {} /q/{}{}", plan_.number, name_of(request.method), id,
             request.upgrade ? ", an upgrade" : "");
  thought_ = false;
  if (outstanding_.empty()) moved_at_ = runtime_.now();
  const base::Duration since_latest = runtime_.now() - std::exchange(asked_at_, runtime_.now());
  idle_before_ = std::max(outstanding_.empty() ? base::Duration::zero() : idle_before_, since_latest);
  book_.find(id)->asked_at = runtime_.now();
  outstanding_.push_back(next_++);
  reader_->expect(request.method == Method::head ? MessageReader::Answers::head
                                                 : MessageReader::Answers::other);
  out_.append(name_of(request.method)).append(" /q/");
  append_number(out_, id);
  out_.append(" HTTP/1.1\r\nHost: sim.test\r\n");
  if (request.framing == BodyFraming::counted) {
    out_.append("Content-Length: ");
    append_number(out_, request.size);
    out_.append("\r\n");
  }
  if (request.framing == BodyFraming::chunked) out_.append("Transfer-Encoding: chunked\r\n");
  if (request.expects_continue) out_.append("Expect: 100-continue\r\n");
  if (request.keyed) out_.append(fmt::format("Idempotency-Key: {}\r\n", id));
  if (const std::string cookies = cookies_.bring(id); !cookies.empty())
    out_.append("Cookie: ").append(cookies).append("\r\n");
  if (request.upgrade) out_.append("Connection: upgrade\r\nUpgrade: sim\r\n");
  out_.append("\r\n");
  if (request.expects_continue) {
    awaits_continue_ = true;
    wait(kContinueWait);
  } else {
    add_body(request, id);
  }
}

void ModelClient::add_body(const RequestPlan& request, RequestId id) {
  const std::uint64_t stream = body_stream(id, BodyRole::request);
  if (request.framing == BodyFraming::counted) BodyPattern::append(out_, stream, 0, request.size);
  if (request.framing != BodyFraming::chunked) return;
  for (std::uint32_t at = 0; at < request.size;) {
    const std::uint32_t size = std::min(request.size - at, 1 + (id * 31 + at * 7) % 5'000);
    out_.append(fmt::format("{:x}\r\n", size));
    BodyPattern::append(out_, stream, at, size);
    out_.append("\r\n");
    at += size;
    if (!fault_is_ahead(ClientFault::breaks_body) || sent_ + out_.size() < plan_.fault_at) continue;
    fault_strikes();
    stops_ = true;
    out_.append("zz\r\n\r\n");
    return;
  }
  out_.append("0\r\n");
  if (request.trailers) out_.append(fmt::format("X-Trailer: {}\r\n", id));
  out_.append("\r\n");
}

// Whether the fault of this client is to happen now, and what comes of it; true if the connection is gone.
bool ModelClient::strike() {
  if (fault_is_ahead(ClientFault::leaves) && sent_ >= plan_.fault_at && sent_ > 0) {
    fault_strikes();
    transport_->reset();
    connection_ended("was left by the client");
    return true;
  }
  if (fault_is_ahead(ClientFault::stalls) && sent_ >= plan_.fault_at) {
    fault_strikes();
    stopped_ = true;
  }
  const bool between = out_at_ == out_.size() && !awaits_continue_ && !tunnel_;
  const bool upgrading = !outstanding_.empty() && plan_.requests[outstanding_.back()].upgrade;
  if (fault_is_ahead(ClientFault::garbage) && sent_ >= plan_.fault_at && between && !upgrading) {
    fault_strikes();
    stopped_ = true;
    reader_->expect(MessageReader::Answers::other);
    transport_->write(std::span(&kGarbage, 1));
  }
  if (fault_is_ahead(ClientFault::half_closes) && between && next_ == plan_.requests.size() && !stopped_) {
    fault_strikes();
    excused_ = false;
    stopped_ = true;
    transport_->shutdown_write();
  }
  return false;
}

void ModelClient::fault_strikes() {
  book_.tell("client {} {}", plan_.number, name_of(plan_.fault));
  book_.struck(name_of(plan_.fault));
  fault_ = Fault::struck;
  excused_ = true;
}

void ModelClient::write_some() {
  while (!stopped_ && !write_failed_ && out_at_ < out_.size() && transport_->pending() == 0) {
    std::size_t size = out_.size() - out_at_;
    if (plan_.piece > 0) size = std::min<std::size_t>(size, plan_.piece);
    if ((fault_is_ahead(ClientFault::leaves) || fault_is_ahead(ClientFault::stalls)) &&
        sent_ < plan_.fault_at)
      size = std::min<std::size_t>(size, plan_.fault_at - sent_);
    const std::string_view piece = std::string_view(out_).substr(out_at_, size);
    transport_->write(std::span(&piece, 1));
    out_at_ += size;
    sent_ += size;
    moved_at_ = runtime_.now();
    if (out_at_ == out_.size()) {
      out_.clear();
      out_at_ = 0;
      stopped_ |= stops_;
    }
    if (strike()) return;
    if (plan_.piece > 0 && out_at_ < out_.size()) return wait(plan_.between);
  }
  if (strike()) return;
  if (tunnel_ && out_.empty() && !stopped_ && !write_failed_) {
    stopped_ = true;
    transport_->shutdown_write();
  }
  if (tunnel_read_ended_ && !sends_still()) on_read_end();
}

bool ModelClient::sends_still() const {
  return !write_failed_ && (transport_->pending() > 0 || (!stopped_ && !out_.empty()));
}

void ModelClient::on_sent(std::size_t) {
  write_some();
}

void ModelClient::on_write_error(const base::Error&) {
  write_failed_ = true;  // what was sent before may still be answered
  if (tunnel_read_ended_) on_read_end();
}

void ModelClient::on_read(std::string_view bytes) {
  check_silence();
  received_ += bytes.size();
  if (!reader_->read(bytes) && phase_ == Phase::open) {
    book_.broken("client {} read what is no HTTP from Weir: {}", plan_.number, reader_->problem());
    transport_->reset();
    return connection_ended("was no HTTP");
  }
  if (phase_ != Phase::open) return;
  if (plan_.fault == ClientFault::reads_slowly && received_ < 200'000) {
    if (fault_is_ahead(ClientFault::reads_slowly)) fault_strikes();
    excused_ = false;
    transport_->pause();
    wait(kReadPause);
  }
  if (fault_is_ahead(ClientFault::reads_never) && received_ >= plan_.fault_at) {
    fault_strikes();
    transport_->pause();
    stopped_ = true;
    timer_.set(runtime_.now() + kPatience);
    return;
  }
  go_on();
}

void ModelClient::on_head(const MessageHead& head) {
  const int status = head.status();
  if (status < 200 && status != 101) return on_interim(head);
  to_garbage_ = outstanding_.empty();
  if (to_garbage_) {
    if (plan_.fault != ClientFault::garbage || fault_ == Fault::ahead || status != 400)
      book_.broken("client {} got the answer {} to nothing", plan_.number, status);
    return;
  }
  const RequestId id = front();
  in_answer_ = true;
  answer_.begin(id, head);
  cookies_.see(id, head);
  for (const auto& [name, value] : head.fields)
    if (name == "Connection" || name == "connection")
      closing_ |= value.find("close") != std::string_view::npos;
  // An answer that comes before the request's end ends the connection.
  if (awaits_continue_ && outstanding_.size() == 1) {
    awaits_continue_ = false;
    stopped_ = closing_;
    if (!closing_) add_body(front_plan(), id);
  }
  if (status == 101) begin_tunnel();
}

void ModelClient::on_interim(const MessageHead& head) {
  if (outstanding_.empty()) return book_.broken("client {} got an interim answer to nothing", plan_.number);
  const bool latest = outstanding_.back() == outstanding_.front();
  if (head.status() != 100 || !awaits_continue_ || !latest) return;
  awaits_continue_ = false;
  add_body(front_plan(), front());
}

void ModelClient::begin_tunnel() {
  answer_.begin_tunnel(front());
  reader_->begin_tunnel();
  tunnel_ = true;
  in_answer_ = false;
  BodyPattern::append(out_, body_stream(front(), BodyRole::to_tunnel), 0, front_plan().size);
}

void ModelClient::on_body(std::string_view bytes) {
  if (!to_garbage_) answer_.add(bytes);
}

void ModelClient::on_trailers(const MessageHead& trailers) {
  if (!to_garbage_) answer_.check_trailers(trailers);
}

void ModelClient::on_message_end() {
  if (to_garbage_) return;
  in_answer_ = false;
  answer_.end();
  outstanding_.pop_front();
}

void ModelClient::on_read_end() {
  const bool whole = reader_->end();
  if (tunnel_ && phase_ == Phase::open) {
    if (answer_.has_whole_tunnel()) {
      tunnel_read_ended_ = true;
      if (sends_still()) return;  // the other direction goes on
      ++book_.answered;
      book_.find(front())->ended = true;
      outstanding_.pop_front();
    }
  }
  excused_ |= leapt();
  connection_ended(whole ? "ended" : "ended inside an answer");
}

void ModelClient::on_read_error(const base::Error&) {
  // A tunnel that is cut as it begins.
  const bool tunnel_began =
      !outstanding_.empty() && front_plan().upgrade && book_.find(front())->begun_answers > 0;
  excused_ |= stopped_ || tunnel_ || tunnel_began || leapt();
  connection_ended("was reset");
}

// To Weir, a client that it hears nothing of does not take its answer, is late with its handshake, or has
// been idle for longer than it may be while Weir is overloaded: what it sends then is too late.
bool ModelClient::leapt() {
  return runtime_.world().leapt_at() > runtime_.now() - (kHeaderTimeout + book_.most_reaction());
}

// Whether it may end where it did: a request may not be lost in silence.
void ModelClient::connection_ended(std::string_view how) {
  book_.tell("client {}: the connection {}", plan_.number, how);
  check_silence();
  excused_ |= tls_ != nullptr && tls_->ruined();
  // Where there are as many clients as there may be, one that has been idle makes room for another.
  excused_ |= book_.plan().connections > 0 && idle_before_ >= kMayMakeRoom;
  bool excused = excused_ || closing_ || tunnel_ || reader_->inside_message();
  for (const std::size_t request : outstanding_) {
    const RequestId id = TrialBook::id_of(plan_, request);
    if (!excused) book_.broken("request {} was lost: the connection {} without an answer", id, how);
    give_up(id);
    excused = true;
  }
  outstanding_.clear();
  transport_.reset();
  reader_->stop();
  timer_.cancel();
  if (next_ == plan_.requests.size()) {
    phase_ = Phase::over;
  } else {
    phase_ = Phase::waiting;
    wait(10ms);
  }
}

// Somebody's deadline ends each silence while a request is outstanding.
void ModelClient::check_silence() {
  const base::Time moved = std::exchange(moved_at_, runtime_.now());
  const bool reads = plan_.fault != ClientFault::reads_never && plan_.fault != ClientFault::reads_slowly;
  if (!reads || outstanding_.empty() || (book_.plan().may_wait_outside() && received_ == 0)) return;
  const base::Duration silent =
      runtime_.now() - std::max({moved, book_.find(front())->moved_at, runtime_.world().leapt_at()});
  if (silent > (stopped_ ? kMostIdle : kMostSilence) + book_.plan().most_queueing())
    book_.broken("request {} heard nothing for {} ms", front(),
                 std::chrono::duration_cast<std::chrono::milliseconds>(silent).count());
}

void ModelClient::give_up(RequestId id) {
  ++(in_answer_ || tunnel_ ? book_.cut : book_.lost);
  in_answer_ = tunnel_ = false;
  book_.find(id)->ended = true;
}

}  // namespace weir::sim
