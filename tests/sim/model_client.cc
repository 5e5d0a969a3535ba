#include "tests/sim/model_client.h"

#include <algorithm>
#include <charconv>
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
constexpr base::Duration kMostSilence = 11s, kMostIdle = 24s;
constexpr base::Duration kPatience = 30s;  // of one that does not read

std::uint32_t number(std::string_view text) {
  std::uint32_t value = UINT32_MAX;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", in seconds since 1970.
std::optional<std::int64_t> parse_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29) return std::nullopt;
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos) return std::nullopt;
  const std::chrono::sys_days day = std::chrono::year(static_cast<int>(number(text.substr(12, 4)))) /
                                    static_cast<int>(month / 3 + 1) /
                                    static_cast<int>(number(text.substr(5, 2)));
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count() +
         number(text.substr(17, 2)) * 3600 + number(text.substr(20, 2)) * 60 + number(text.substr(23, 2));
}

}  // namespace

ModelClient::ModelClient(SimRuntime& runtime, const io::Address& weir, const ClientPlan& plan,
                         TrialBook& book)
    : runtime_(runtime), weir_(weir), plan_(plan), book_(book), timer_(runtime.timers(), *this) {
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
  tunnel_received_ = 0;
  thought_ = awaits_continue_ = in_answer_ = tunnel_ = closing_ = stops_ = stopped_ = excused_ =
      write_failed_ = tunnel_read_ended_ = false;
  transport_ = runtime_.connect(weir_, *this);
}

void ModelClient::on_connected() {
  phase_ = Phase::open;
  book_.tell("client {} connected", plan_.number);
  go_on();
}

void ModelClient::on_connect_failed(const base::Error& error) {
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
  answer_ = {};
  if (outstanding_.empty()) {
    answer_.to_garbage = true;
    if (plan_.fault != ClientFault::garbage || fault_ == Fault::ahead || status != 400)
      book_.broken("client {} got the answer {} to nothing", plan_.number, status);
    return;
  }
  const RequestId id = front();
  RequestEntry& entry = *book_.find(id);
  entry.status = status;
  entry.read_size = 0;
  entry.read_at = runtime_.now();
  in_answer_ = true;
  const std::string_view named = head.get("X-Id");
  answer_.local = named.empty();
  if (answer_.local && status < 400) book_.broken("request {} was answered {} by nobody", id, status);
  if (!answer_.local && number(named) != id) book_.broken("request {} got the answer to {}", id, named);
  if (!answer_.local) answer_.attempt = number(head.get("X-Try"));
  check_date(head);
  book_.tell("request {} is answered {}{}", id, status, answer_.local ? " by Weir" : "");
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
  if (!front_plan().upgrade) return book_.broken("request {} was answered 101 and asked for none", front());
  reader_->begin_tunnel();
  tunnel_ = true;
  in_answer_ = false;
  BodyPattern::append(out_, body_stream(front(), BodyRole::to_tunnel), 0, front_plan().size);
}

void ModelClient::on_body(std::string_view bytes) {
  if (tunnel_) {
    if (!BodyPattern::matches(bytes, body_stream(front(), BodyRole::from_tunnel), tunnel_received_))
      book_.broken("the tunnel {} brought other bytes than were sent, after {}", front(), tunnel_received_);
    tunnel_received_ += bytes.size();
    book_.find(front())->moved_at = runtime_.now();
    return;
  }
  if (answer_.to_garbage) return;
  const std::uint64_t stream = body_stream(front(), BodyRole::answer, answer_.attempt);
  if (!answer_.local && !BodyPattern::matches(bytes, stream, answer_.size))
    book_.broken("the answer to {} has other bytes than were sent, after {}", front(), answer_.size);
  answer_.size += bytes.size();
  RequestEntry& entry = *book_.find(front());
  entry.read_size = answer_.size;
  entry.read_at = runtime_.now();
}

void ModelClient::on_trailers(const MessageHead& trailers) {
  if (!answer_.local && !answer_.to_garbage && number(trailers.get("X-Trailer")) != front())
    book_.broken("request {} got trailers that are not its own", front());
}

void ModelClient::on_message_end() {
  if (answer_.to_garbage) return;
  const RequestId id = front();
  RequestEntry& entry = *book_.find(id);
  in_answer_ = false;
  if (answer_.local) {
    ++book_.refused;
  } else {
    ++book_.answered;
    if (entry.whole_size != answer_.size)
      book_.broken("the answer to {} ended after {} bytes as if it were whole; it has {}", id, answer_.size,
                   entry.whole_size);
  }
  entry.ended = true;
  outstanding_.pop_front();
}

void ModelClient::on_read_end() {
  const bool whole = reader_->end();
  if (tunnel_ && phase_ == Phase::open) {
    RequestEntry& entry = *book_.find(front());
    if (tunnel_received_ == entry.whole_size) {
      tunnel_read_ended_ = true;
      if (sends_still()) return;  // the other direction goes on
      ++book_.answered;
      outstanding_.pop_front();
      entry.ended = true;
    }
  }
  connection_ended(whole ? "ended" : "ended inside an answer");
}

void ModelClient::on_read_error(const base::Error&) {
  excused_ |= stopped_ || tunnel_;
  connection_ended("was reset");
}

// Whether it may end where it did: a request may not be lost in silence.
void ModelClient::connection_ended(std::string_view how) {
  book_.tell("client {}: the connection {}", plan_.number, how);
  check_silence();
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
  if (!reads || outstanding_.empty() || (book_.plan().connections > 0 && received_ == 0)) return;
  const base::Duration silent =
      runtime_.now() - std::max({moved, book_.find(front())->moved_at, runtime_.world().leapt_at()});
  if (silent > (stopped_ ? kMostIdle : kMostSilence))
    book_.broken("request {} heard nothing for {} ms", front(),
                 std::chrono::duration_cast<std::chrono::milliseconds>(silent).count());
}

// No answer goes without the time of day at which it was made.
void ModelClient::check_date(const MessageHead& head) {
  const auto second = parse_date(head.get("Date"));
  if (!second || !runtime_.world().wall_was(*second, book_.find(front())->asked_at))
    book_.broken("the answer to {} is of {}", front(), head.get("Date"));
}

void ModelClient::give_up(RequestId id) {
  ++(in_answer_ || tunnel_ ? book_.cut : book_.lost);
  in_answer_ = tunnel_ = false;
  book_.find(id)->ended = true;
}

}  // namespace weir::sim
