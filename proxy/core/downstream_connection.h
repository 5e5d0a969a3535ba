// One client connection: a transport and the codec of what the client speaks, HTTP/1.1 or HTTP/2, and the
// clocks that no exchange keeps (the TLS handshake, waiting for a request, for the rest of its head, for the
// client to take the end of an answer, for a lingering close). Owned by its worker's DataPath; loop thread
// only. Idle, it holds no buffer.
#pragma once

#include <cstdint>

#include "proxy/codec/h1_server.h"
#include "proxy/codec/h2_server.h"
#include "proxy/config/config.h"
#include "proxy/io/runtime.h"
#include "proxy/observe/shares.h"
#include "proxy/tls/tls_transport.h"

namespace weir::core {

class DataPath;
struct ConnectionTag;

class DownstreamConnection final : public base::ListHook<ConnectionTag>,
                                   io::TransportHandler,
                                   codec::ServerCodecOwner,
                                   io::TimerHandler,
                                   io::Flushable {
 public:
  DownstreamConnection(DataPath& path, io::TransportPtr transport, observe::ListenerShare& listener,
                       config::Protocol protocol);
  // The same over TLS, whose handshake is to come.
  DownstreamConnection(DataPath& path, tls::TlsTransport& transport, observe::ListenerShare& listener,
                       config::Protocol protocol);
  ~DownstreamConnection();

  // The next answer says Connection: close; until a request comes, it stays open for `idle` at most.
  void drain(base::Duration idle);
  bool came_by(const observe::ListenerShare& listener) const { return &listener == &listener_; }
  void close();  // retires; no callback follows
  // Ends whatever is under way, visibly: what has not been sent whole ends by RST.
  void cut(const base::Error& error);
  void resume();  // goes on with bytes that were held back

 private:
  static constexpr std::size_t kLingerBytes = 256 * 1024;
  static constexpr base::Duration kLingerTime = std::chrono::seconds(2);
  static constexpr std::size_t kMostPending =
      64 * 1024;  // of answers, before the next pipelined request is looked at

  void begin();
  void speak_h2();
  bool is_undecided(std::string_view& bytes);
  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;
  http::StreamHandler& on_stream(http::Stream& stream) override;
  void on_refused(http::Stream& stream, const base::Error& error) override;
  void on_codec_changed() override;
  void on_timer() override;
  void flush() override;
  // Each for one codec or the other, known when it is compiled: what HTTP/1.1 costs is to be what it costs
  // alone.
  template <class Codec>
  void flush(Codec& codec);
  template <class Codec>
  bool write(Codec& codec);
  template <class Codec>
  void settle(Codec& codec);
  template <class Codec>
  void set_clock(Codec& codec);
  void linger();
  void note_limit();

  enum class Waiting : std::uint8_t { handshake, request, head, exchange, tunnel, client, lingering };
  static observe::ClientState state_of(Waiting waiting);
  void wait_for(Waiting what);

  DataPath& path_;
  observe::ListenerShare& listener_;
  io::TransportPtr transport_;
  tls::TlsTransport* tls_ = nullptr;  // the transport, if it is one
  codec::H1Server h1_;
  std::unique_ptr<codec::H2Server> h2_;
  codec::ServerCodec* codec_ = &h1_;
  std::unique_ptr<std::string> first_;  // bytes, as long as they may become the preface of HTTP/2
  io::Timer timer_;
  base::Duration body_timeout_;  // of the latest request's route
  std::uint32_t lingered_ = 0;
  Waiting waiting_ = Waiting::request;
  bool undecided_ : 1 = false;  // what the client speaks is told by its first bytes
  bool h2_alone_ : 1 = false;   // whatever the client asks for by ALPN, if it does
  bool draining_ : 1 = false;
  bool lingering_ : 1 = false;
  bool read_ended_ : 1 = false;
  bool closed_ : 1 = false;
  bool to_resume_ : 1 = false;  // the path will call resume()
};

}  // namespace weir::core
