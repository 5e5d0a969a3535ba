// One HTTP request of Weir's own (a health check, an export) to one address, over a connection that is
// made for it and ends with it. The deadline covers all of it, connecting included; the answer's head is
// bounded by the Scratch's limits, its body by the call's. Redirects are answers like any other. Loop thread
// only; no client's request goes this way.
//
//   connecting -> asking (the request is sent) -> answering (the final head is there) -> over
//
// The owning pointer may be let go of at any moment, inside a callback too: the call is abandoned, its
// connection closed, and no callback follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/codec/codec.h"
#include "proxy/codec/scratch.h"
#include "proxy/core/upstream_version.h"
#include "proxy/io/runtime.h"
#include "proxy/tls/tls_transport.h"

namespace weir::core {

// What is asked. All that it points to outlives the call.
struct CallRequest {
  std::string_view method = "GET";  // not CONNECT
  std::string_view target = "/";
  std::string_view host;
  // Beside Host, Content-Length and Connection, which the call makes.
  std::span<const std::pair<std::string, std::string>> fields = {};
  std::string_view body = {};
};

// How the other side is spoken to.
struct CallWay {
  tls::Dial dial = {};
  config::Protocol protocol = config::Protocol::h1;
};

struct CallLimits {
  base::Duration timeout;
  std::uint64_t body;  // bytes of the answer's
};

struct CallEnd {
  enum class Kind : std::uint8_t {
    answered,           // wholly
    connect_failed,     // `error` says how, and whose fault it is
    connect_timed_out,  // the deadline came first
    unanswered,         // the deadline came before a byte of the answer
    timed_out,          // the deadline came before the answer's end
    too_large,          // the answer's body, as it announces or as it comes
    broken,             // no answer, or no end of one; `error` says how
  } kind = Kind::answered;
  int status = 0;  // of the final head; 0: none has come
  base::Error error = {};
};

class HttpCallHandler {
 public:
  // The final head; lent until it returns.
  virtual void on_call_head(const http::Response&) {}
  // A piece of the answer's body; lent until it returns.
  virtual void on_call_body(std::string_view) {}
  virtual void on_call_trailers(const http::Fields&) {}
  virtual void on_call_end(const CallEnd& end) = 0;  // once; nothing follows

 protected:
  ~HttpCallHandler() = default;
};

class HttpCall;
struct AbandonCall {
  void operator()(HttpCall* call) const;
};
using HttpCallPtr = std::unique_ptr<HttpCall, AbandonCall>;

class HttpCall final : io::TransportHandler, io::TimerHandler, io::Flushable, codec::ClientCodecOwner {
 public:
  // No callback comes before this returns. `scratch` may be shared with all codecs of the loop.
  static HttpCallPtr start(io::Runtime& runtime, codec::Scratch& scratch, HttpCallHandler& handler,
                           const io::Address& address, const CallRequest& request, const CallLimits& limits,
                           const CallWay& way = {});
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;
  ~HttpCall();

 private:
  friend struct AbandonCall;
  static constexpr std::size_t kMostRoom = 64 * 1024;  // bytes that are framed at a time
  enum class State : std::uint8_t { connecting, asking, answering, over };
  struct Answer final : http::StreamHandler {
    explicit Answer(HttpCall& of) : call(of) {}
    void on_event(http::Event&& event) override { call.take(std::move(event)); }
    void on_sent(std::size_t) override {}
    void on_send_failed(const base::Error&) override {}  // an answer may be under way
    void on_receive_failed(const base::Error& error) override { on_reset(error); }
    void on_reset(const base::Error& error) override { call.end(CallEnd::Kind::broken, error); }
    HttpCall& call;
  };

  HttpCall(io::Runtime& runtime, codec::Scratch& scratch, HttpCallHandler& handler,
           const CallRequest& request, const CallLimits& limits, const CallWay& way);
  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override { codec_->receive_end(); }
  void on_read_error(const base::Error&) override { codec_->receive_error(); }
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error&) override { codec_->send_failed(); }
  void on_timer() override;
  void flush() override;
  void on_codec_changed() override;
  void on_idle() override {}

  void ask(UpstreamVersion version);
  void take(http::Event&& event);
  void take_head(const http::Response& head);
  void take_body(std::string_view bytes);
  CallEnd::Kind late() const;
  void end(CallEnd::Kind kind, const base::Error& error = {});
  void close();

  io::Runtime& runtime_;
  codec::Scratch& scratch_;
  HttpCallHandler& handler_;
  const CallRequest request_;
  const config::Protocol protocol_;
  const Transit transit_;
  const std::uint64_t most_body_;
  io::TransportPtr transport_;
  std::unique_ptr<codec::ClientCodec> codec_;  // once it is connected
  Answer answer_{*this};
  http::Stream* stream_ = nullptr;  // while the answer is under way
  io::Timer timer_;
  const base::Time deadline_;
  std::uint64_t body_ = 0;  // bytes so far
  int status_ = 0;
  bool heard_ = false;  // a byte of the answer
  State state_ = State::connecting;
};

}  // namespace weir::core
