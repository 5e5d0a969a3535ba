#include "tests/sim/model_h2_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/sim/body_pattern.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kContinuePatience = 1s;  // RFC 9110 10.1.1
constexpr base::Duration kReadingPause = 20ms;    // of one that reads slowly
constexpr base::Duration kUnreadPatience = 30s;   // of one that does not read
constexpr base::Duration kMostH2Silence = 15s;    // Weir's deadlines one after the other, and pauses
constexpr base::Duration kMostFlood = 5s;
constexpr std::size_t kPart = 5'000;            // of a body, at most, that is made ready at a time
constexpr std::uint32_t kWindowGrants = 4'000;  // of a byte each, by one that floods windows

// `count` of what `make` yields, by number.
template <class Make>
std::string many(std::uint32_t count, Make&& make) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) bytes += make(i);
  return bytes;
}

// Which of a client's requests a fault is about.
bool is_chosen(RequestId id) {
  return id * 2'654'435'761U % 4 == 0;
}

}  // namespace

ModelH2Client::ModelH2Client(SimRuntime& runtime, const io::Address& weir, const ClientPlan& plan,
                             TrialBook& book)
    : runtime_(runtime),
      weir_(weir),
      plan_(plan),
      book_(book),
      begin_(runtime.timers(), *this, &ModelH2Client::connect),
      think_(runtime.timers(), *this, &ModelH2Client::end_waits),
      piece_(runtime.timers(), *this, &ModelH2Client::write_some),
      reading_(runtime.timers(), *this, &ModelH2Client::go_on_reading),
      impatience_(runtime.timers(), *this, &ModelH2Client::be_impatient),
      grants_(runtime.timers(), *this, &ModelH2Client::grant_owed),
      introduction_(runtime.timers(), *this, &ModelH2Client::introduce),
      continue_(runtime.timers(), *this, &ModelH2Client::give_patience),
      cookies_(plan, book) {
  if (plan.requests.empty())
    phase_ = Phase::over;
  else
    begin_.set(now() + plan.begins);
}

std::string ModelH2Client::describe() const {
  return fmt::format("client {}, HTTP/2: {} of {} requests sent, {} outstanding, {} to be sent again{}",
                     plan_.number, next_, plan_.requests.size(), asked_.size(), again_.size(),
                     stopped_ ? ", stalled" : "");
}

void ModelH2Client::connect() {
  phase_ = Phase::connecting;
  wire_.emplace(H2Wire::Side::client, static_cast<H2WireHandler&>(*this));
  out_.clear();
  out_at_ = 0;
  sent_ = received_ = 0;
  begun_ = fed_ = 0;
  goaways_.clear();
  goaway_code_ = H2Error::no_error;
  thought_ = stopped_ = write_failed_ = went_away_ = introduced_ = excused_ = starved_ = flooded_ = false;
  if (!plan_.tls) {
    transport_ = runtime_.connect(weir_, *this);
    return;
  }
  transport_ = ModelTls::connect(runtime_, weir_, *this, plan_, memory_, book_);
  tls_ = static_cast<ModelTls*>(transport_.get());
}

void ModelH2Client::on_connected() {
  phase_ = Phase::open;
  connected_at_ = now();
  book_.tell("client {} connected, for HTTP/2", plan_.number);
  if (plan_.h2->settings_after > 0s)
    introduction_.set(now() + plan_.h2->settings_after);
  else
    introduce();
}

void ModelH2Client::on_connect_failed(const base::Error& error) {
  if (plan_.tls) {
    transport_.reset();
    phase_ = Phase::waiting;
    return begin_.set(now() + 10ms);
  }
  book_.broken("client {} could not connect to Weir: {}", plan_.number, error.detail);
  phase_ = Phase::over;
}

void ModelH2Client::introduce() {
  introduced_ = true;
  if (plan_.h2->settings_after > 0s) book_.struck("late settings");
  const std::string said = wire_->take();  // over TLS Weir may have introduced itself
  wire_->settings({{4, plan_.h2->window}, {3, plan_.h2->streams}});
  wire_->raw(said);
  go_on();
}

bool ModelH2Client::may_send_next() const {
  if (!introduced_ || stopped_ || write_failed_ || went_away_ || !goaways_.empty()) return false;
  if (next_ == plan_.requests.size() && again_.empty()) return false;
  if (asked_.size() >= std::min(plan_.depth, wire_->peer_limit())) return false;
  const RequestPlan& next = plan_.requests[again_.empty() ? next_ : again_.front()];
  return !next.upgrade || wire_->settled();
}

std::size_t ModelH2Client::take_next() {
  if (again_.empty()) return next_++;
  const std::size_t request = again_.front();
  again_.pop_front();
  return request;
}

void ModelH2Client::go_on() {
  if (phase_ != Phase::open) return;
  while (may_send_next()) {
    const RequestPlan& next = plan_.requests[again_.empty() ? next_ : again_.front()];
    if (next.think > 0s && !thought_) {
      if (!think_.is_set()) think_.set(now() + next.think);
      break;
    }
    add_request();
  }
  write_some();
}

void ModelH2Client::end_waits() {
  thought_ = true;
  go_on();
}

void ModelH2Client::add_request() {
  const std::size_t number = take_next();
  const RequestPlan& request = plan_.requests[number];
  const RequestId id = TrialBook::id_of(plan_, number);
  // To nodes that speak HTTP/1.1 a body of no bytes ends with the head.
  const bool empty = request.framing == BodyFraming::counted && request.size == 0;
  const bool bodyless = empty || (request.framing == BodyFraming::none && !request.upgrade);
  Asked asked(number, runtime_.world(), book_);
  asked.body_ended = bodyless;
  asked.held = request.expects_continue;
  asked.moved_at = book_.find(id)->asked_at = now();
  if (request.upgrade && !wire_->peer_takes_connect()) book_.broken("Weir takes no tunnels over HTTP/2");
  if (plan_.h2_fault == H2ClientFault::resets_streams && is_chosen(id))
    asked.reset_at = id % 3 == 0 ? 0 : 1 + id % 3'000;
  asked.starves = plan_.h2_fault == H2ClientFault::never_grants && is_chosen(id);
  asked.malformed = plan_.h2_fault == H2ClientFault::breaks_requests && is_chosen(id);
  const std::uint32_t stream = wire_->request(head_of(request, id), bodyless ? Ends::here : Ends::later);
  if (request.method == Method::head && wire_->has(stream)) wire_->answers_head(stream);
  book_.tell("client {} sends {} /q/{}{}", plan_.number, name_of(request.method), id,
             request.upgrade ? ", an upgrade" : "");
  thought_ = false;
  ++begun_;
  if (begun_ == plan_.h2->changes_after) {
    book_.struck("limits change");
    wire_->settings({{4, plan_.h2->later_window}});
  }
  if (asked.malformed) book_.struck(name_of(plan_.h2_fault));
  if (request.expects_continue && !continue_.is_set()) continue_.set(now() + kContinuePatience);
  asked_.emplace(stream, std::move(asked));
  if (id % 5 == 0)  // RFC 9218
    wire_->raw(codec::frame(16, 0, 0, codec::number32(stream) + (id % 2 == 0 ? "u=1" : "u=5, i")));
}

H2List ModelH2Client::head_of(const RequestPlan& request, RequestId id) {
  H2List head = {{":method", request.upgrade ? "CONNECT" : std::string(name_of(request.method))},
                 {":scheme", plan_.tls ? "https" : "http"},
                 {":authority", "sim.test"},
                 {":path", "/q/" + std::to_string(id)}};
  if (request.upgrade) head.emplace_back(":protocol", "sim");
  if (request.framing == BodyFraming::counted)
    head.emplace_back("content-length", std::to_string(request.size));
  if (request.keyed) head.emplace_back("idempotency-key", std::to_string(id));
  if (request.expects_continue) head.emplace_back("expect", "100-continue");
  add_cookies(head, id);
  if (id % 7 == 0) head.emplace_back("priority", "u=2");
  const bool malformed = plan_.h2_fault == H2ClientFault::breaks_requests && is_chosen(id);
  if (malformed) head.emplace_back(id % 3 == 0 ? "Upper-Case" : "transfer-encoding", "chunked");
  return head;
}

// In one field, or in crumbs (RFC 9113 8.2.3).
void ModelH2Client::add_cookies(H2List& head, RequestId id) {
  const std::string cookies = cookies_.bring(id);
  if (cookies.empty()) return;
  const std::size_t end = id % 2 == 0 ? cookies.find("; ") : std::string::npos;
  head.emplace_back("cookie", cookies.substr(0, end));
  if (end != std::string::npos) head.emplace_back("cookie", cookies.substr(end + 2));
}

// What is next of one of the bodies, by turns: nothing else waits behind it for long.
void ModelH2Client::feed() {
  const auto ready = [this](const auto& each) {
    const Asked& asked = each.second;
    return !asked.body_ended && !asked.held && (asked.tunnel || !plan_of(asked).upgrade) &&
           wire_->has(each.first) && !wire_->sends_still(each.first);
  };
  auto next = std::find_if(asked_.upper_bound(fed_), asked_.end(), ready);
  if (next == asked_.end()) next = std::find_if(asked_.begin(), asked_.end(), ready);
  if (next != asked_.end()) feed(fed_ = next->first, next->second);
  std::erase_if(asked_, [this](const auto& each) {
    const Asked& asked = each.second;
    if (!asked.tunnel_read_ended || !asked.body_ended || wire_->sends_still(each.first)) return false;
    end_tunnel(asked);
    return true;
  });
}

void ModelH2Client::feed(std::uint32_t stream, Asked& asked) {
  const RequestPlan& request = plan_of(asked);
  const RequestId id = id_of(asked);
  const std::uint64_t left = request.size - asked.body_at;
  std::uint64_t size = std::min<std::uint64_t>(
      left, 1 + (id * 31 + asked.body_at * 7) % (plan_.piece > 0 ? kPart / 5 : kPart));
  std::string part;
  const BodyRole role = asked.tunnel ? BodyRole::to_tunnel : BodyRole::request;
  BodyPattern::append(part, body_stream(id, role), asked.body_at, size);
  asked.body_at += size;
  asked.moved_at = now();
  bool last = asked.body_at == request.size;
  if (fault_is_ahead(ClientFault::breaks_body) && request.framing == BodyFraming::counted && size > 0 &&
      sent_ >= plan_.fault_at) {
    fault_strikes();
    excused_ = false;  // that stream alone
    asked.malformed = true;
    part.pop_back();
    last = true;
  }
  asked.body_ended = last;
  H2List trailers;
  if (last && request.trailers) trailers = {{"x-trailer", std::to_string(id)}};
  wire_->body(stream, std::move(part), last ? Ends::here : Ends::later, std::move(trailers));
}

void ModelH2Client::write_some() {
  if (phase_ != Phase::open) return;
  while (!stopped_ && !write_failed_ && transport_->pending() == 0) {
    if (out_at_ == out_.size()) {
      if (!introduced_) break;
      feed();
      out_ = wire_->take();
      out_at_ = 0;
      if (out_.empty()) break;
    }
    std::size_t size = out_.size() - out_at_;
    if (plan_.piece > 0) size = std::min<std::size_t>(size, plan_.piece);
    if ((fault_is_ahead(ClientFault::leaves) || fault_is_ahead(ClientFault::stalls)) &&
        sent_ < plan_.fault_at)
      size = std::min<std::size_t>(size, plan_.fault_at - sent_);
    const std::string_view piece = std::string_view(out_).substr(out_at_, size);
    transport_->write(std::span(&piece, 1));
    out_at_ += size;
    sent_ += size;
    if (strike()) return;
    if (plan_.piece > 0) {
      if (!piece_.is_set()) piece_.set(now() + plan_.between);
      return;
    }
  }
  strike();
}

// Whether the fault of this client is to happen now, and what comes of it; true if the connection is gone.
bool ModelH2Client::strike() {
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
  const bool between = out_at_ == out_.size() && introduced_;
  if (fault_is_ahead(ClientFault::garbage) && sent_ >= plan_.fault_at && between && !stopped_) {
    fault_strikes();
    stopped_ = true;
    const std::string_view garbage = "\x16\x03\x01 this is no HTTP\n\n";
    transport_->write(std::span(&garbage, 1));
  }
  const bool all_sent = next_ == plan_.requests.size() && again_.empty() &&
                        std::all_of(asked_.begin(), asked_.end(), [this](const auto& each) {
                          return each.second.body_ended && !wire_->sends_still(each.first);
                        });
  if (fault_is_ahead(ClientFault::half_closes) && between && all_sent && !stopped_ && begun_ > 0) {
    fault_strikes();
    excused_ = true;  // windows cannot be opened any more
    stopped_ = true;
    transport_->shutdown_write();
  }
  if (is_flood(plan_.h2_fault) && !flooded_ && sent_ >= plan_.fault_at && between && begun_ > 0 &&
      !stopped_) {
    book_.tell("client {} {}", plan_.number, name_of(plan_.h2_fault));
    book_.struck(name_of(plan_.h2_fault));
    flooded_ = excused_ = true;
    stopped_ = true;
    const std::string bytes = wire_->take() + flood(wire_->next_stream());
    wire_->note_sent(1'000, 100, plan_.h2_fault == H2ClientFault::floods_windows ? kWindowGrants : 0);
    const std::string_view piece = bytes;
    transport_->write(std::span(&piece, 1));
    flooded_at_ = now();
    flood_took_ = {};
  }
  if (plan_.h2_fault == H2ClientFault::goes_away && !went_away_ && sent_ >= plan_.fault_at && between &&
      begun_ > 0 && !stopped_) {
    book_.tell("client {} goes away", plan_.number);
    book_.struck(name_of(plan_.h2_fault));
    went_away_ = true;
    wire_->goaway(0, H2Error::no_error);
    write_some();
  }
  return false;
}

// More of it than Weir takes at once, from a stream on that nobody has begun; and less than it drops before
// it closes, which would bury its last words.
std::string ModelH2Client::flood(std::uint32_t stream) const {
  const H2List head = {{":method", "GET"},
                       {":scheme", plan_.tls ? "https" : "http"},
                       {":authority", "sim.test"},
                       {":path", std::string(kFloodTarget)}};
  const auto nothing = [](std::uint8_t type, std::uint8_t flags, std::uint32_t on) {
    return codec::frame(type, flags, on, "");
  };
  constexpr std::uint8_t kHeadersFrame = 1, kContinuationFrame = 9;
  switch (plan_.h2_fault) {
    case H2ClientFault::floods_pings:
      return many(400, [](std::uint32_t) { return codec::ping_frame(); });
    case H2ClientFault::floods_settings:
      return many(100, [](std::uint32_t) { return codec::settings_frame({}); });
    case H2ClientFault::floods_windows:
      return many(kWindowGrants, [](std::uint32_t) { return codec::window_frame(0, 1); });
    case H2ClientFault::floods_empty_frames:
      return codec::head_frame(stream, head, codec::kEndHeaders) +
             many(400, [&](std::uint32_t) { return nothing(0, 0, stream); });
    case H2ClientFault::floods_continuations:
      return codec::head_frame(stream, head, 0) +
             many(40, [&](std::uint32_t) { return nothing(kContinuationFrame, 0, stream); });
    case H2ClientFault::floods_headers:
      return codec::head_frame(stream, head, 0) + many(15, [&](std::uint32_t) {
               return codec::frame(kContinuationFrame, 0, stream,
                                   codec::hpack({{"x-large", std::string(16'000, 'x')}}));
             });
    case H2ClientFault::floods_resets:
      return many(1'000, [&](std::uint32_t i) {
        return codec::head_frame(stream + 2 * i, head) + codec::reset_frame(stream + 2 * i, 8);
      });
    case H2ClientFault::floods_provocations:
      return many(400, [&](std::uint32_t i) {
        return codec::frame(kHeadersFrame, codec::kEndHeaders | codec::kEndStream, stream + 2 * i,
                            codec::hpack(head) + codec::hpack({{"Upper", "case"}}));
      });
    default:
      return {};
  }
}

void ModelH2Client::fault_strikes() {
  book_.tell("client {} {}", plan_.number, name_of(plan_.fault));
  book_.struck(name_of(plan_.fault));
  fault_ = Fault::struck;
  excused_ = true;
}

void ModelH2Client::on_sent(std::size_t) {
  if (flooded_ && flood_took_ == 0s && transport_->pending() == 0) flood_took_ = now() - flooded_at_;
  write_some();
}

void ModelH2Client::on_write_error(const base::Error&) {
  write_failed_ = true;  // what was sent before may still be answered
}

void ModelH2Client::on_read(std::string_view bytes) {
  if (received_ == 0) heard_at_ = now();
  received_ += bytes.size();
  constexpr std::uint64_t kPrefaceSize = 24;  // who has said less may speak HTTP/1.1
  const bool good = wire_->read(bytes);
  // So may one whose preface was on its way as the clock leapt: Weir's patience is over.
  const bool too_late = runtime_.world().leapt_at() > connected_at_ && bytes.starts_with("HTTP/1.1 408 ");
  if (!good && phase_ == Phase::open && ((stopped_ && sent_ < kPrefaceSize) || too_late)) {
    excused_ = excused_ || too_late;
    return connection_ended("was answered over HTTP/1.1");
  }
  if (wire_->inside_frame()) heard_at_ = now();
  if (tls_ != nullptr) heard_at_ = std::max(heard_at_, tls_->inside_record_at());
  if (!wire_->problem().empty() && phase_ == Phase::open) {
    book_.broken("client {} read what is no HTTP/2 from Weir: {}", plan_.number, wire_->problem());
    transport_->reset();
    return connection_ended("was no HTTP/2");
  }
  if (phase_ != Phase::open || flooded_) return;
  if (plan_.fault == ClientFault::reads_slowly && received_ < 200'000) {
    if (fault_is_ahead(ClientFault::reads_slowly)) fault_strikes();
    excused_ = false;
    transport_->pause();
    reading_.set(now() + kReadingPause);
  }
  if (fault_is_ahead(ClientFault::reads_never) && received_ >= plan_.fault_at) {
    fault_strikes();
    transport_->pause();
    stopped_ = true;
    impatience_.set(now() + kUnreadPatience);
    return;
  }
  go_on();
}

void ModelH2Client::go_on_reading() {
  if (phase_ != Phase::open) return;
  transport_->resume();
  go_on();
}

void ModelH2Client::be_impatient() {
  if (phase_ != Phase::open) return;
  transport_->reset();
  connection_ended("was not read for too long, and left");
}

void ModelH2Client::give_patience() {
  for (auto& [stream, asked] : asked_) asked.held = false;
  go_on();
}

void ModelH2Client::grant_owed() {
  if (phase_ != Phase::open) return;
  for (const auto& [stream, bytes] : std::exchange(owed_, {})) wire_->grant(stream, bytes);
  go_on();
}

void ModelH2Client::on_head(std::uint32_t stream, const MessageHead& head, Ends) {
  Asked& asked = asked_.at(stream);
  check_silence(asked);
  if (head.status() < 200) return on_interim(asked, head);
  if (asked.malformed && !plan_of(asked).size)
    book_.tell("request {} was malformed, and is answered", id_of(asked));
  asked.in_answer = true;
  asked.held = false;
  asked.answer.begin(id_of(asked), head);
  cookies_.see(id_of(asked), head);
  if (plan_of(asked).upgrade && head.status() / 100 == 2) {
    asked.tunnel = true;
    asked.answer.begin_tunnel(id_of(asked));
  }
  if (asked.reset_at == 0) reset(stream);
}

void ModelH2Client::on_interim(Asked& asked, const MessageHead& head) {
  if (head.status() == 100) asked.held = false;
}

void ModelH2Client::on_body(std::uint32_t stream, std::string_view bytes) {
  Asked& asked = asked_.at(stream);
  check_silence(asked);
  asked.answer.add(bytes);
  if (asked.starves) {
    starved_ = true;
    book_.struck(name_of(plan_.h2_fault));
    wire_->grant(0, bytes.size());
  } else if (plan_.h2->grants_after == 0s) {
    wire_->grant(stream, bytes.size());
  } else {
    owed_[stream] += bytes.size();
    if (!grants_.is_set()) grants_.set(now() + plan_.h2->grants_after);
  }
  asked.reset_at -= std::min<std::uint64_t>(asked.reset_at, asked.reset_at == UINT64_MAX ? 0 : bytes.size());
  if (asked.reset_at == 0) reset(stream);
}

void ModelH2Client::on_trailers(std::uint32_t stream, const MessageHead& trailers) {
  asked_.at(stream).answer.check_trailers(trailers);
}

void ModelH2Client::on_message_end(std::uint32_t stream) {
  Asked& asked = asked_.at(stream);
  check_silence(asked);
  if (asked.tunnel) {
    if (!asked.answer.has_whole_tunnel())
      book_.broken("the tunnel {} ended at its client as if all had come", id_of(asked));
    asked.tunnel_read_ended = true;
    if (!asked.body_ended || wire_->sends_still(stream)) return;  // the other direction goes on
    end_tunnel(asked);
  } else {
    asked.answer.end();
    if (!asked.body_ended && wire_->has(stream)) wire_->reset(stream, H2Error::no_error);
  }
  asked_.erase(stream);
}

void ModelH2Client::end_tunnel(const Asked& asked) {
  ++book_.answered;
  book_.find(id_of(asked))->ended = true;
}

// Weir cuts an answer, or will not have a request.
void ModelH2Client::on_reset(std::uint32_t stream, H2Error code) {
  const auto found = asked_.find(stream);
  if (found == asked_.end()) return;
  Asked asked = std::move(found->second);
  asked_.erase(found);
  check_silence(asked);
  book_.tell("request {}: Weir resets its stream ({})", id_of(asked),
             codec::code_name(static_cast<std::uint32_t>(code)));
  if (code == H2Error::refused_stream) return decline(stream, asked);
  // Where the node breaks its answer as it begins it, nothing of it is seen.
  const bool broke_off = code == H2Error::internal_error && book_.find(id_of(asked))->begun_answers > 0;
  if (!asked.in_answer && !asked.malformed && !broke_off && !is_ruined())
    book_.broken("request {} was reset without an answer: {}", id_of(asked),
                 codec::code_name(static_cast<std::uint32_t>(code)));
  if (code == H2Error::no_error && !is_ruined())
    book_.broken("request {} was reset before its answer's end", id_of(asked));
  give_up(asked);
}

// It goes over another connection.
void ModelH2Client::decline(std::uint32_t stream, const Asked& asked) {
  RequestEntry& entry = *book_.find(id_of(asked));
  book_.struck("declined by Weir");
  if (entry.tries > 0 || asked.in_answer)
    book_.broken("request {} was declined by Weir as stream {}, and reached {} nodes", id_of(asked), stream,
                 entry.tries);
  again_.push_back(asked.request);
}

void ModelH2Client::on_goaway(std::uint32_t last, H2Error code) {
  book_.tell("client {}: GOAWAY {} {}", plan_.number, last,
             codec::code_name(static_cast<std::uint32_t>(code)));
  if (code != H2Error::no_error && !excused_ && !is_ruined() && !is_just_disturbed())
    book_.broken("client {} did nothing, and Weir ends its connection: {}", plan_.number,
                 codec::code_name(static_cast<std::uint32_t>(code)));
  if (!goaways_.empty() && last > goaways_.back())
    book_.broken("client {}: a GOAWAY takes more requests than the one before", plan_.number);
  goaways_.push_back(last);
  goaway_code_ = code;
}

void ModelH2Client::reset(std::uint32_t stream) {
  const auto found = asked_.find(stream);
  Asked asked = std::move(found->second);
  asked_.erase(found);
  book_.struck(name_of(plan_.h2_fault));
  book_.tell("client {} resets request {}", plan_.number, id_of(asked));
  wire_->reset(stream, H2Error::cancel);
  give_up(asked);
}

void ModelH2Client::on_read_error(const base::Error&) {
  excused_ |= stopped_;
  connection_ended("was reset");
}

void ModelH2Client::connection_ended(std::string_view how) {
  if (phase_ != Phase::open) return;
  book_.tell("client {}: the connection {}", plan_.number, how);
  excused_ |= is_ruined();
  judge_end(how);
  // Where bytes were left unread, the last words may be lost.
  const bool provoked = plan_.h2_fault == H2ClientFault::floods_provocations &&
                        goaway_code_ == H2Error::protocol_error;  // too many streams at once
  // So may a flood that meets the end of a connection that Weir has ended already; and what crawls through
  // the kernels' buffers is none.
  const bool ending = goaways_.size() > 1 && goaway_code_ == H2Error::no_error;
  const bool crawled = (flood_took_ > 0s ? flood_took_ : now() - flooded_at_) > kMostFlood;
  if (std::exchange(flooded_, false) && how == "ended" && goaway_code_ != H2Error::enhance_your_calm &&
      !provoked && !ending && !crawled)
    book_.broken("client {} {}, and nobody minds", plan_.number, name_of(plan_.h2_fault));
  for (const auto& [stream, asked] : std::exchange(asked_, {})) {
    const bool beyond = !goaways_.empty() && stream > goaways_.back();
    if (beyond && is_graceful())
      decline(stream, asked);
    else
      give_up(asked);
  }
  owed_.clear();
  wire_->stop();
  transport_.reset();
  for (Alarm<ModelH2Client>* alarm :
       {&think_, &piece_, &reading_, &impatience_, &grants_, &introduction_, &continue_})
    alarm->cancel();
  const bool done = next_ == plan_.requests.size() && again_.empty();
  phase_ = done ? Phase::over : Phase::waiting;
  if (!done) begin_.set(now() + 10ms);
}

bool ModelH2Client::is_just_disturbed() const {
  return book_.undisturbed_since() > now() - (kBodyTimeout + book_.most_reaction());
}

// Whether it may end where it did: no request may be lost in silence, and no connection without a GOAWAY.
void ModelH2Client::judge_end(std::string_view how) {
  // Weir gives up a client that does not take its answers; to Weir, that is so after a leap
  // of the clock, too, as is a head that comes late.
  const bool gave_up = starved_ || is_just_disturbed();
  if (excused_ || (gave_up && how == "was reset") || (is_just_disturbed() && !is_graceful())) return;
  if (wire_->inside_frame())
    book_.tell("client {}: inside a frame", plan_.number);
  else if (goaways_.empty() && !went_away_ && how == "ended")
    book_.broken("client {}: Weir ended its connection without a GOAWAY", plan_.number);
  for (auto& [stream, asked] : asked_) {
    check_silence(asked);
    const bool beyond = !goaways_.empty() && stream > goaways_.back();
    if (beyond || asked.in_answer || asked.malformed) continue;
    return book_.broken("request {} was lost: the connection {} without an answer", id_of(asked), how);
  }
}

// Somebody's deadline ends each silence while a request is outstanding.
void ModelH2Client::check_silence(Asked& asked) {
  const base::Time moved = std::exchange(asked.moved_at, now());
  const bool reads = plan_.fault != ClientFault::reads_never && plan_.fault != ClientFault::reads_slowly;
  if (!reads || stopped_ || asked.starves || (book_.plan().may_wait_outside() && received_ == 0)) return;
  // It may have waited outside until then.
  const base::Duration silent =
      now() - std::max({moved, heard_at_, book_.find(id_of(asked))->moved_at, runtime_.world().leapt_at()});
  if (silent > kMostH2Silence + book_.plan().most_queueing())
    book_.broken("request {} heard nothing for {} ms", id_of(asked),
                 std::chrono::duration_cast<std::chrono::milliseconds>(silent).count());
}

void ModelH2Client::give_up(const Asked& asked) {
  ++(asked.in_answer || asked.tunnel ? book_.cut : book_.lost);
  book_.find(id_of(asked))->ended = true;
}

}  // namespace weir::sim
