// A node's connection that speaks HTTP/2: many requests at a time, as many as it allows, and it declines
// some.
#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "tests/sim/alarm.h"
#include "tests/sim/body_pattern.h"
#include "tests/sim/h2_wire.h"
#include "tests/sim/model_try.h"
#include "tests/sim/sim_transport.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kHalfPause = 3s;  // between the parts of an early answer
constexpr base::Duration kRest = 150ms;    // of a node that closes its connections without a word
constexpr std::uint16_t kMostStreams = 3, kInitialWindow = 4, kConnectProtocol = 8;

// An answer of no bytes ends with its head where that says so: over HTTP/1.1 it could not be cut either.
bool bears_body(const AnswerPlan& answer, Method method) {
  return method != Method::head && answer.status != 204 && answer.status != 304 &&
         (answer.size > 0 || answer.framing != BodyFraming::counted);
}

// What no end of a connection may send.
std::string broken_frames(std::uint32_t kind) {
  switch (kind % 7) {
    case 0:
      return codec::data_frame(0, "of no stream");
    case 1:
      return codec::head_frame(2, {{":status", "200"}});
    case 2:
      return codec::frame(0, 0, 1, std::string(H2Wire::kMostFrame + 1, 'x'));
    case 3:
      return codec::frame(4, codec::kAck, 0, "not empty");
    case 4:
      return codec::window_frame(0, 0);  // one that is too large would be none where the window is used up
    case 5:
      return codec::frame(9, codec::kEndHeaders, 1, "");
    default:
      return "\x16\x03\x01 no HTTP at all\r\n\r\n";
  }
}

}  // namespace

class ModelNode::H2Visit final : public Visit, io::TransportHandler, H2WireHandler {
 public:
  H2Visit(ModelNode& node, Line line, const H2Manners& manners)
      : node_(node),
        manners_(manners),
        introduction_(node.runtime_.timers(), *this, &H2Visit::introduce_late),
        grants_(node.runtime_.timers(), *this, &H2Visit::grant_owed),
        rest_(node.runtime_.timers(), *this, &H2Visit::rest),
        end_(node.runtime_.timers(), *this, &H2Visit::judge_end),
        transport_(std::move(line.transport)),
        wire_end_(line.wire),
        tls_(line.tls),
        process_(wire_end_.process()) {
    if (manners.settings_after > 0s)
      introduction_.set(now() + manners.settings_after);
    else
      introduce();
    transport_->set_handler(*this);
  }

  bool over() const override { return !transport_; }
  void reset() override {
    if (!transport_) return;
    transport_->reset();
    end();
  }

 private:
  // One request on it.
  class Answering final : io::TimerHandler {
   public:
    enum class Next : std::uint8_t { body, answer, second_half, tunnel, silence, over };

    Answering(H2Visit& visit, std::uint32_t stream)
        : visit_(visit),
          stream_(stream),
          timer_(visit.node_.runtime_.timers(), *this),
          try_(visit.node_, visit.process_) {}

    void begin(const MessageHead& head);
    void add_to_body(std::string_view bytes);
    void end_body();
    void on_reset();
    // The connection is no more. Whether Weir had kept it cannot be told: it may have begun a request on it
    // that never came.
    void lose() {
      if (try_.found() && !declined_) try_.note_crossing();
      over();
    }
    bool is_over() const { return next_ == Next::over; }
    void on_framed() {
      if (try_.found()) try_.entry().moved_at = visit_.now();
    }

   private:
    void on_timer() override;
    bool declines();
    void decline();
    void answer();
    void answer_with_head();
    void send_body(const AnswerPlan& plan, std::uint64_t until);
    bool fails_unanswered();
    bool fails_within(std::uint64_t until);
    void break_stream();
    void begin_tunnel();
    H2List head_of(int status) const;
    H2List named(int status) const;
    H2List trailers_of(const AnswerPlan& plan) const;
    void be_silent(base::Duration most, std::uint64_t stalled_after = 0);
    void judge_wait();
    void over() {
      next_ = Next::over;
      timer_.cancel();
    }
    void strikes() const {
      const AnswerPlan& plan = try_.plan();
      try_.strikes(plan.h2_fault != H2Fault::none ? name_of(plan.h2_fault) : name_of(try_.fault()));
    }
    H2Wire& wire() { return visit_.wire_; }

    H2Visit& visit_;
    const std::uint32_t stream_;
    io::Timer timer_;
    Try try_;  // none: a check
    Next next_ = Next::body;
    bool is_check_ = false;
    bool early_ = false;
    bool declined_ = false;
    bool ended_ = false;  // the request
    std::uint64_t second_half_at_ = 0;
  };

  base::Time now() const { return node_.runtime_.now(); }
  void introduce();
  void introduce_late();
  void grant_owed();
  void rest();
  void judge_end();
  void on_read(std::string_view bytes) override;
  // Weir is done with it.
  void on_read_end() override { end(); }
  void on_read_error(const base::Error&) override { end(); }
  void on_sent(std::size_t) override {
    for (const auto& [id, answering] : answering_)
      if (!answering->is_over()) answering->on_framed();
  }
  void on_write_error(const base::Error&) override {}

  void on_head(std::uint32_t stream, const MessageHead& head, Ends ends) override;
  void on_body(std::uint32_t stream, std::string_view bytes) override;
  void on_trailers(std::uint32_t, const MessageHead&) override {}
  void on_message_end(std::uint32_t stream) override { answering_.at(stream)->end_body(); }
  void on_reset(std::uint32_t stream, H2Error) override { answering_.at(stream)->on_reset(); }
  void on_goaway(std::uint32_t, H2Error) override {}

  void go_away(std::uint32_t last);
  bool is_beyond(std::uint32_t stream) const { return stream > last_; }
  void expect_end();
  void flush();
  std::size_t unread() const { return wire_end_.unread(); }
  std::size_t incoming() const { return wire_end_.incoming(); }
  void end() {
    if (!transport_) return;
    for (const auto& [id, answering] : answering_) answering->lose();
    for (Alarm<H2Visit>* alarm : {&introduction_, &grants_, &rest_, &end_}) alarm->cancel();
    wire_.stop();
    transport_.reset();
  }

  ModelNode& node_;
  const H2Manners& manners_;
  Alarm<H2Visit> introduction_, grants_, rest_, end_;
  io::TransportPtr transport_;
  SimTransport& wire_end_;       // while there is a transport
  ModelTls* const tls_;          // likewise: the transport, if it is one
  const std::uint32_t process_;  // of Weir
  H2Wire wire_{H2Wire::Side::server, *this};
  std::map<std::uint32_t, std::unique_ptr<Answering>> answering_;  // by stream; those that are over, too
  std::map<std::uint32_t, std::size_t> owed_;                      // bytes that are to be granted
  std::uint32_t requests_ = 0;
  std::uint32_t last_ = UINT32_MAX;  // stream that is taken
  base::Time read_began_{}, heard_at_{};
  base::Time broke_at_ = base::kNever;  // the rules of HTTP/2: Weir has to end it
  bool introduced_ = false;
  bool mute_ = false;
  bool rests_ = false;  // and closes the connection once it is idle
};

void ModelNode::H2Visit::introduce() {
  introduced_ = true;
  const std::string said = wire_.take();
  std::vector<H2Wire::Setting> settings = {{kMostStreams, manners_.streams},
                                           {kInitialWindow, manners_.window}};
  if (manners_.takes_tunnels) settings.push_back({kConnectProtocol, 1});
  wire_.settings(settings);
  wire_.raw(said);
}

void ModelNode::H2Visit::introduce_late() {
  node_.book_.struck("late settings");
  introduce();
  flush();
}

void ModelNode::H2Visit::grant_owed() {
  for (const auto& [stream, bytes] : std::exchange(owed_, {})) wire_.grant(stream, bytes);
  flush();
}

void ModelNode::H2Visit::rest() {
  node_.book_.tell("{} closes an idle connection", node_.address_.text());
  end();
}

void ModelNode::H2Visit::judge_end() {
  broke_at_ = std::max({broke_at_, heard_at_, node_.book_.undisturbed_since()});
  if (tls_ != nullptr && tls_->ruined()) return end();  // Weir has not heard of it
  if (unread() > 0) broke_at_ = now();
  const base::Time due = broke_at_ + node_.book_.most_reaction();
  if (now() <= due) return end_.set(due + 1ms);
  node_.book_.broken("{} broke the rules of HTTP/2, and its connection goes on", node_.address_.text());
  end();
}

void ModelNode::H2Visit::on_read(std::string_view bytes) {
  heard_at_ = now();
  if (!wire_.inside_frame()) read_began_ = now();
  if (!wire_.read(bytes) && transport_) {
    node_.book_.broken("a node read what is no HTTP/2 from Weir: {}", wire_.problem());
    return reset();
  }
  flush();
}

void ModelNode::H2Visit::flush() {
  if (!transport_ || !introduced_) return;
  const std::string bytes = wire_.take();
  const std::string_view piece = bytes;
  if (!mute_ && !piece.empty()) transport_->write(std::span(&piece, 1));
  if (broke_at_ != base::kNever) return;
  const bool busy = std::any_of(answering_.begin(), answering_.end(),
                                [](const auto& each) { return !each.second->is_over(); }) ||
                    wire_.streams() > 0;
  if (busy) return rest_.cancel();
  if (last_ != UINT32_MAX && transport_->pending() == 0) return end();  // it has said so
  if (rests_ && !rest_.is_set()) rest_.set(now() + kRest);
}

void ModelNode::H2Visit::on_head(std::uint32_t stream, const MessageHead& head, Ends) {
  ++requests_;
  auto& answering = answering_[stream] = std::make_unique<Answering>(*this, stream);
  if (requests_ == manners_.changes_after && introduced_ && !mute_) {
    node_.book_.struck("limits change");
    wire_.settings({{kMostStreams, manners_.later_streams}, {kInitialWindow, manners_.later_window}});
  }
  answering->begin(head);
}

void ModelNode::H2Visit::on_body(std::uint32_t stream, std::string_view bytes) {
  answering_.at(stream)->add_to_body(bytes);
  if (manners_.grants_after == 0s) return wire_.grant(stream, bytes.size());
  owed_[stream] += bytes.size();
  if (!grants_.is_set()) grants_.set(now() + manners_.grants_after);
}

void ModelNode::H2Visit::go_away(std::uint32_t last) {
  if (last >= last_) return;
  last_ = last;
  wire_.goaway(last, H2Error::no_error);
}

void ModelNode::H2Visit::expect_end() {
  if (broke_at_ != base::kNever) return;
  broke_at_ = now();
  end_.set(now() + node_.book_.most_reaction());
}

void ModelNode::H2Visit::Answering::begin(const MessageHead& head) {
  is_check_ = head.second == "/healthz";
  if (is_check_ || head.second == kFloodTarget || !try_.find(head.second)) return;
  if (declines()) return;
  try_.begin(head.first == "CONNECT" ? "GET" : head.first, visit_.read_began_);
  try_.check_cookies(head);
  if (head.has("Expect")) wire().head(stream_, {{":status", "100"}}, Ends::later);
  if (!try_.answers_early() || visit_.mute_) return;
  early_ = true;
  answer();
}

bool ModelNode::H2Visit::Answering::declines() {
  const H2Fault fault = try_.next_plan().h2_fault;
  if (visit_.is_beyond(stream_)) {
    try_.strikes("beyond GOAWAY");
    wire().forget(stream_);
  } else if (visit_.mute_) {
    return false;
  } else if (fault == H2Fault::refuses) {
    try_.strikes(name_of(fault));
    wire().reset(stream_, H2Error::refused_stream);
  } else if (fault == H2Fault::goes_away) {
    try_.strikes(name_of(fault));
    visit_.go_away(stream_ - std::min(stream_, 2U));
    wire().forget(stream_);
  } else {
    if (fault == H2Fault::goes_away_after) {
      try_.strikes(name_of(fault));
      visit_.go_away(stream_);
    }
    return false;
  }
  declined_ = true;
  try_.decline();
  over();
  return true;
}

void ModelNode::H2Visit::Answering::add_to_body(std::string_view bytes) {
  if (try_.found() && !declined_)
    try_.add_to_body(bytes, next_ == Next::tunnel ? BodyRole::to_tunnel : BodyRole::request);
}

void ModelNode::H2Visit::Answering::end_body() {
  ended_ = true;
  if (visit_.mute_ && !try_.found()) return over();
  if (!try_.found()) {
    const bool ill = visit_.node_.is_ill();
    if (!ill && is_check_) visit_.node_.well_to_.insert(visit_.process_);
    H2List head = {{":status", ill ? "503" : "200"}, {"content-length", "0"}};
    if (is_check_)
      if (const auto [name, value] = visit_.node_.tell(visit_.process_); !name.empty())
        head.emplace_back(std::string(name), std::string(value));
    wire().head(stream_, std::move(head), Ends::here);
    return over();
  }
  if (next_ == Next::tunnel) {
    const bool whole = try_.received() == try_.request().size;
    if (!whole && !try_.may_end_early()) try_.entry().tunnel_ended_early = true;
    wire().body(stream_, {}, Ends::here);
    return over();
  }
  try_.check_whole();
  if (early_) return;
  // A tunnel's request ends with its head, and nothing else does.
  next_ = Next::answer;
  if (try_.plan().delay > 0s)
    timer_.set(visit_.now() + try_.plan().delay);
  else
    answer();
}

void ModelNode::H2Visit::Answering::on_reset() {
  if (try_.found() && next_ != Next::over)
    visit_.node_.book_.tell("request {}: Weir resets its stream", try_.id());
  over();
}

void ModelNode::H2Visit::Answering::on_timer() {
  switch (next_) {
    case Next::answer:
      answer();
      break;
    case Next::second_half:
      send_body(try_.plan(), RequestEntry::kNever);
      over();
      break;
    case Next::tunnel:
    case Next::silence:
      judge_wait();
      break;
    case Next::body:
    case Next::over:
      break;
  }
  visit_.flush();
}

// Not before this end has introduced itself.
void ModelNode::H2Visit::Answering::answer() {
  next_ = Next::answer;
  if (!visit_.introduced_) return timer_.set(visit_.introduction_.at() + 1ms);
  try_.check_time();
  try_.whole_size() = RequestEntry::kNever;
  if (visit_.mute_) return be_silent(kResponseTimeout);
  if (fails_unanswered()) return;
  const AnswerPlan& plan = try_.plan();
  for (int i = 0; i < plan.interim; ++i)
    wire().head(stream_, {{":status", "103"}, {"link", "</a.css>"}}, Ends::later);
  const bool good = plan.fault == AnswerFault::none &&
                    (plan.h2_fault == H2Fault::none || plan.h2_fault == H2Fault::goes_away_after);
  if (try_.request().upgrade && good) return begin_tunnel();
  answer_with_head();
}

bool ModelNode::H2Visit::Answering::fails_unanswered() {
  const AnswerPlan& plan = try_.plan();
  switch (plan.h2_fault) {
    case H2Fault::resets_stream:
      strikes();
      wire().reset(stream_, plan.fault_at % 2 == 0 ? H2Error::internal_error : H2Error::no_error);
      over();
      return true;
    case H2Fault::breaks_connection:
      strikes();
      wire().raw(broken_frames(plan.fault_at));
      over();
      visit_.expect_end();
      return true;
    case H2Fault::goes_mute:
      strikes();
      visit_.flush();
      visit_.mute_ = true;
      be_silent(kResponseTimeout);
      return true;
    default:
      break;
  }
  switch (try_.fault()) {
    case AnswerFault::closes_unanswered:
      strikes();
      visit_.end();
      return true;
    case AnswerFault::resets_unanswered:
      strikes();
      visit_.reset();
      return true;
    case AnswerFault::silent:
      strikes();
      be_silent(kResponseTimeout);
      return true;
    case AnswerFault::garbage:
      strikes();
      wire().raw("\x16\x03\x01 no HTTP at all\r\n\r\n");
      over();
      visit_.expect_end();
      return true;
    default:
      return false;
  }
}

// What has a head, and perhaps a fault in what follows.
void ModelNode::H2Visit::Answering::answer_with_head() {
  const AnswerPlan& plan = try_.plan();
  ++try_.entry().begun_answers;
  const bool body = bears_body(plan, try_.request().method);
  if (plan.h2_fault == H2Fault::breaks_stream || (plan.fault == AnswerFault::garbage_in_body && body))
    return break_stream();
  const bool cut = plan.fault == AnswerFault::cut_by_close || plan.fault == AnswerFault::cut_by_reset ||
                   plan.fault == AnswerFault::stalls || plan.h2_fault == H2Fault::cuts_stream;
  const std::uint64_t until = cut ? plan.fault_at : RequestEntry::kNever;
  if (!body)
    try_.whole_size() = 0;
  else if (!cut || (plan.framing == BodyFraming::counted && until >= plan.size))
    try_.whole_size() = plan.size;
  // A 2xx to CONNECT would be a tunnel.
  const int status = try_.request().upgrade && plan.status / 100 == 2 ? 503 : plan.status;
  wire().head(stream_, head_of(status), body ? Ends::later : Ends::here);
  if (early_) strikes();
  if (early_ && plan.fault == AnswerFault::early_in_parts && body) {
    send_body(plan, plan.size / 2);
    second_half_at_ = plan.size / 2;
    next_ = Next::second_half;
    return timer_.set(visit_.now() + kHalfPause);
  }
  if (body) send_body(plan, until);
  if (cut && fails_within(until)) return;
  if (plan.says_close) visit_.go_away(wire().last_peer_stream());
  visit_.rests_ |= plan.closes_later;
  if (early_ && plan.fault_at % 2 == 1 && !wire().sends_still(stream_) && wire().has(stream_))
    wire().reset(stream_, H2Error::no_error);
  over();
}

// Up to `until`, if that comes before its end.
void ModelNode::H2Visit::Answering::send_body(const AnswerPlan& plan, std::uint64_t until) {
  std::string bytes;
  const std::uint64_t end = std::min<std::uint64_t>(plan.size, until);
  BodyPattern::append(bytes, body_stream(try_.id(), BodyRole::answer, try_.attempt()), second_half_at_,
                      end - second_half_at_);
  if (until < RequestEntry::kNever) return wire().body(stream_, std::move(bytes), Ends::later);
  wire().body(stream_, std::move(bytes), Ends::here, trailers_of(plan));
}

// Whether it ends the answer before its end, after `until`.
bool ModelNode::H2Visit::Answering::fails_within(std::uint64_t until) {
  const AnswerPlan& plan = try_.plan();
  if (!wire().has(stream_)) return false;  // it had no body
  strikes();
  if (plan.h2_fault == H2Fault::cuts_stream) {
    wire().reset(stream_, plan.fault_at % 2 == 0 ? H2Error::internal_error : H2Error::cancel);
    over();
  } else if (plan.fault == AnswerFault::cut_by_reset) {
    visit_.flush();
    visit_.reset();
  } else if (plan.fault == AnswerFault::cut_by_close) {
    visit_.flush();
    visit_.end();
  } else if (try_.whole_size() == RequestEntry::kNever) {
    be_silent(kStreamIdleTimeout, until);
  }
  return true;
}

void ModelNode::H2Visit::Answering::break_stream() {
  strikes();
  H2List head = named(200);
  if (try_.request().upgrade) head[0].second = "503";
  switch (try_.plan().fault_at % 4) {
    case 0:
      head.emplace_back("X-Upper", "a name that is none");
      break;
    case 1:
      head.emplace_back("transfer-encoding", "chunked");
      break;
    case 2:
      head.erase(head.begin());
      break;
    default:
      head.emplace_back("content-length", "7");  // and then there is no body
      if (try_.request().method == Method::head) head.emplace_back("content-length", "8");
      break;
  }
  wire().head(stream_, head, Ends::here);
  over();
}

void ModelNode::H2Visit::Answering::begin_tunnel() {
  next_ = Next::tunnel;
  ++try_.entry().begun_answers;
  try_.whole_size() = try_.request().size;
  try_.begin_body();
  wire().head(stream_, named(200), Ends::later);
  std::string bytes;
  BodyPattern::append(bytes, body_stream(try_.id(), BodyRole::from_tunnel), 0, try_.request().size);
  wire().body(stream_, std::move(bytes), try_.plan().says_close ? Ends::here : Ends::later);
  try_.entry().moved_at = visit_.now();
  try_.await_end(kTunnelTimeout, 0);
  timer_.set(try_.wait_over());
}

H2List ModelNode::H2Visit::Answering::named(int status) const {
  return {{":status", std::to_string(status)},
          {"x-id", std::to_string(try_.id())},
          {"x-try", std::to_string(try_.attempt())}};
}

H2List ModelNode::H2Visit::Answering::head_of(int status) const {
  const AnswerPlan& plan = try_.plan();
  H2List head = named(status);
  if (plan.retry_after) head.emplace_back("retry-after", std::to_string(*plan.retry_after));
  const bool counts = plan.status != 204 && plan.status != 304;
  if (counts && plan.framing == BodyFraming::counted)
    head.emplace_back("content-length", std::to_string(plan.size));
  return head;
}

H2List ModelNode::H2Visit::Answering::trailers_of(const AnswerPlan& plan) const {
  if (!plan.trailers) return {};
  return {{"x-trailer", std::to_string(try_.id())}};
}

void ModelNode::H2Visit::Answering::be_silent(base::Duration most, std::uint64_t stalled_after) {
  next_ = Next::silence;
  try_.await_end(most, stalled_after);
  timer_.set(try_.wait_over());
}

void ModelNode::H2Visit::Answering::judge_wait() {
  const base::Time next = try_.judge_wait(visit_.unread(), visit_.incoming());
  if (next == base::kNever) return visit_.reset();
  timer_.set(next);
}

std::unique_ptr<ModelNode::Visit> ModelNode::welcome_h2(Line line, const H2Manners& manners) {
  return std::make_unique<H2Visit>(*this, std::move(line), manners);
}

}  // namespace weir::sim
