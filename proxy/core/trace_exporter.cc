#include "proxy/core/trace_exporter.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/observe/otlp.h"

namespace weir::core {
namespace {

constexpr std::uint64_t kMostAnswer = 64 * 1024;
constexpr base::Duration kFirstWait = std::chrono::seconds(1);
constexpr base::Duration kLongestWait = std::chrono::seconds(60);

// The answers after which OTLP has an export tried again.
bool may_try_again(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// In seconds; a date is not worth reading a clock for.
base::Duration parse_retry_after(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc::result_out_of_range) return kLongestWait;
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::min<base::Duration>(std::chrono::seconds(seconds), kLongestWait);
}

// Of a call without an answer.
std::string_view why(const CallEnd& end) {
  switch (end.kind) {
    case CallEnd::Kind::connect_timed_out:
      return "the connection was not made in time";
    case CallEnd::Kind::unanswered:
    case CallEnd::Kind::timed_out:
      return "no answer in time";
    case CallEnd::Kind::connect_failed:
    case CallEnd::Kind::broken:
    case CallEnd::Kind::answered:
    case CallEnd::Kind::too_large:
      break;
  }
  return end.error.detail.empty() ? word(end.error.reason) : end.error.detail;
}

}  // namespace

TraceExporter::TraceExporter(io::Runtime& runtime, const std::optional<config::Tracing>& tracing,
                             std::uint64_t seed)
    : runtime_(runtime),
      wanted_(tracing.value_or(config::Tracing{})),
      tracing_(wanted_),
      authority_(tracing_.collector.text()),
      fields_({{"Content-Type", "application/json"}, {"User-Agent", "weir"}}),
      log_("http://" + authority_ + tracing_.path),
      timer_(runtime.timers(), *this),
      rng_(seed) {}

// A call that was abandoned still gives back what it has of the scratch.
TraceExporter::~TraceExporter() {
  call_.reset();
  runtime_.graveyard().clear();
}

void TraceExporter::take(observe::SpanBatch batch) {
  runtime_.post(
      [this, given = std::make_shared<observe::SpanBatch>(std::move(batch))] { take_in(std::move(*given)); });
}

void TraceExporter::take_in(observe::SpanBatch batch) {
  batch.place.reset();
  if (queue_.size() >= kMostQueued) return on_dropped(batch.spans.size());
  queue_.push_back(std::move(batch));
  if (state_ == State::idle) send_next();
}

void TraceExporter::configure(const std::optional<config::Tracing>& tracing) {
  if (tracing) wanted_ = *tracing;
}

void TraceExporter::use_wanted() {
  if (tracing_ == wanted_) return;
  tracing_ = wanted_;
  authority_ = tracing_.collector.text();
  log_ = ExportLog("http://" + authority_ + tracing_.path);
}

void TraceExporter::send_next() {
  state_ = State::idle;
  use_wanted();
  if (queue_.empty()) return done_ ? give_up() : void();
  const observe::SpanBatch batch = std::move(queue_.front());
  queue_.pop_front();
  spans_ = batch.spans.size();
  tries_ = 0;
  body_ = observe::otlp_request(batch.spans, tracing_.service);
  begin_try();
}

void TraceExporter::begin_try() {
  ++tries_;
  answer_.clear();
  retry_after_ = {};
  if (tracing_.collector.kind == io::Address::Kind::ip) return call(tracing_.collector.ip);
  resolve();
}

// Anew for each try, so that a collector may move; an answer that comes too late finds nobody.
void TraceExporter::resolve() {
  state_ = State::resolving;
  timer_.set(at_most(kTimeout));
  look_up_ = std::make_shared<TraceExporter*>(this);
  runtime_.resolve(tracing_.collector.text_, [weak = std::weak_ptr(look_up_)](const Found& found) {
    if (const auto exporter = weak.lock()) (*exporter)->on_resolved(found);
  });
}

void TraceExporter::on_resolved(const Found& found) {
  look_up_.reset();
  timer_.cancel();
  if (!found) return failed(fmt::format("cannot resolve the name: {}", found.error()));
  call((*found)[turn_ % found->size()]);
}

void TraceExporter::call(const io::Ip& ip) {
  state_ = State::calling;
  timer_.set(end_at_);
  io::Address address;
  address.ip = ip;
  address.port = tracing_.collector.port;
  const CallRequest request{"POST", tracing_.path, authority_, fields_, body_};
  call_ = HttpCall::start(runtime_, scratch_, *this, address, request, {kTimeout, kMostAnswer});
}

void TraceExporter::on_call_head(const http::Response& head) {
  if (const auto text = head.fields.get(http::FieldId::retry_after)) retry_after_ = parse_retry_after(*text);
}

// The status decides as soon as there is one, so that no batch goes twice for the sake of an answer's end.
void TraceExporter::on_call_end(const CallEnd& end) {
  call_.reset();
  if (end.status == 0) return failed(why(end));
  if (end.status >= 200 && end.status < 300) return accepted();
  if (!may_try_again(end.status)) tries_ = kMostTries;
  failed(fmt::format("it answered {}", end.status));
}

void TraceExporter::accepted() {
  const base::Time now = runtime_.now();
  const observe::OtlpAnswer answer = observe::parse_otlp_answer(answer_);
  const std::uint64_t rejected = std::min<std::uint64_t>(answer.rejected_spans, spans_);
  exported_.fetch_add(spans_ - rejected, std::memory_order_relaxed);
  on_dropped(rejected);
  log_.note_success(dropped_spans(), now);
  if (rejected > 0 || !answer.message.empty()) log_.note_remark(rejected, spans_, answer.message, now);
  send_next();
}

void TraceExporter::failed(std::string_view why) {
  ++turn_;
  const bool last = tries_ >= kMostTries || done_;
  if (last) on_dropped(spans_);
  log_.note_failure(why, dropped_spans(), runtime_.now());
  if (last) return send_next();
  state_ = State::waiting;
  timer_.set(at_most(back_off()));
}

// A second, then twice as long each time, and a little at random; longer if the collector asks for it.
base::Duration TraceExporter::back_off() {
  const base::Duration wait = kFirstWait * (1 << (tries_ - 1));
  return std::max(retry_after_, wait) + wait * rng_.below(256) / 1024;
}

base::Time TraceExporter::at_most(base::Duration span) const {
  return std::min(base::deadline(runtime_.now(), span), end_at_);
}

void TraceExporter::on_timer() {
  if (runtime_.now() >= end_at_) return give_up();
  if (state_ == State::waiting) return begin_try();
  look_up_.reset();
  failed("cannot resolve the name in time");
}

// Behind what workers have posted before.
void TraceExporter::finish(std::function<void()> done) {
  runtime_.post([this, done = std::move(done)]() mutable {
    if (end_at_ != base::kNever) return;
    done_ = std::move(done);
    begin_end();
  });
}

void TraceExporter::begin_end() {
  dropped_before_end_ = dropped_spans();
  end_at_ = base::deadline(runtime_.now(), kLastTimeout);
  if (state_ == State::idle) return give_up();
  if (state_ == State::waiting) return begin_try();
  timer_.set(end_at_);
}

// Nothing is left to send, or no time for it.
void TraceExporter::give_up() {
  timer_.cancel();
  look_up_.reset();
  call_.reset();
  if (state_ != State::idle) on_dropped(spans_);
  state_ = State::idle;
  for (const observe::SpanBatch& batch : queue_) on_dropped(batch.spans.size());
  queue_.clear();
  if (dropped_spans() > dropped_before_end_)
    base::log_warning("the end came before {} spans were exported; they are dropped",
                      dropped_spans() - dropped_before_end_);
  std::exchange(done_, nullptr)();
}

}  // namespace weir::core
