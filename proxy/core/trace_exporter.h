// Sends spans to a collector: OTLP over HTTP, in JSON. Workers give it batches; the control thread, which
// owns it, takes them in, bounded, and posts them one at a time. A collector that is slow, down or talks
// nonsense costs spans, which are counted, and a line a minute in the log; never time of a worker's. It
// serialises at most one batch a turn. Outlives whoever gives it batches; its runtime outlives it.
//
//   idle -> resolving (the collector's name) -> calling -> idle, or waiting (to try the batch again) ->
//   resolving
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balancer/rng.h"
#include "proxy/config/config.h"
#include "proxy/core/export_log.h"
#include "proxy/core/http_call.h"
#include "proxy/observe/span_buffer.h"

namespace weir::core {

class TraceExporter final : public observe::SpanSink, HttpCallHandler, io::TimerHandler {
 public:
  static constexpr std::size_t kMostQueued = 64;  // batches, beside the one that is under way
  static constexpr int kMostTries = 4;            // of one batch
  static constexpr base::Duration kTimeout = std::chrono::seconds(5);
  static constexpr base::Duration kLastTimeout = std::chrono::seconds(1);  // of all that finish() still sends

  TraceExporter(io::Runtime& runtime, const std::optional<config::Tracing>& tracing, std::uint64_t seed);
  ~TraceExporter();
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;

  // Any thread.
  void take(observe::SpanBatch batch) override;
  void on_dropped(std::uint64_t spans) override { dropped_.fetch_add(spans, std::memory_order_relaxed); }
  // From the next batch on. What still comes once tracing is off goes where it went before.
  void configure(const std::optional<config::Tracing>& tracing);
  std::uint64_t exported_spans() const { return exported_.load(std::memory_order_relaxed); }
  std::uint64_t dropped_spans() const { return dropped_.load(std::memory_order_relaxed); }

  // The end: what has been given goes out, each batch with one try, for kLastTimeout at most; then `done`, in
  // a callback of its own. Once; a second call changes nothing.
  void finish(std::function<void()> done);

 private:
  enum class State : std::uint8_t { idle, resolving, calling, waiting };
  using Found = base::Result<std::vector<io::Ip>, std::string>;

  void on_call_head(const http::Response& head) override;
  void on_call_body(std::string_view bytes) override { answer_ += bytes; }
  void on_call_end(const CallEnd& end) override;
  void on_timer() override;
  void on_resolved(const Found& found);

  void take_in(observe::SpanBatch batch);
  void send_next();
  void use_wanted();
  void begin_try();
  void resolve();
  void call(const io::Ip& ip);
  void accepted();
  void failed(std::string_view why);
  void begin_end();
  void give_up();
  base::Duration back_off();
  base::Time at_most(base::Duration span) const;

  io::Runtime& runtime_;
  config::Tracing wanted_;   // of batches to come
  config::Tracing tracing_;  // of the one that is under way
  std::string authority_;
  const std::vector<std::pair<std::string, std::string>> fields_;
  ExportLog log_;
  io::Timer timer_;
  codec::Scratch scratch_;
  balancer::Rng rng_;
  std::deque<observe::SpanBatch> queue_;
  State state_ = State::idle;
  // Of the batch that is under way:
  std::string body_;
  std::size_t spans_ = 0;
  int tries_ = 0;
  HttpCallPtr call_;
  std::string answer_;
  base::Duration retry_after_{};
  std::shared_ptr<TraceExporter*> look_up_;  // held weakly by the one that is under way
  std::size_t turn_ = 0;                     // of the collector's addresses
  // Once the end has begun:
  std::function<void()> done_;
  base::Time end_at_ = base::kNever;
  std::uint64_t dropped_before_end_ = 0;
  std::atomic<std::uint64_t> exported_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace weir::core
