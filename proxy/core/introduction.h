// A client connection of which a trusted proxy is to say first whose it is, by the header of the PROXY
// protocol: from its beginning until that header is whole, which has timeouts.header. Then the connection is
// handed on, with what came behind the header, as one of the client that was named; or it is closed, because
// the header is missing, broken or late. Owned by its worker's DataPath; loop thread only.
#pragma once

#include <memory>
#include <optional>

#include "proxy/codec/proxy_header.h"
#include "proxy/core/client_connection.h"
#include "proxy/core/proxied_transport.h"
#include "proxy/core/reception.h"
#include "proxy/io/runtime.h"

namespace weir::core {

class DataPath;

class Introduction final : public ClientConnection, io::TransportHandler, io::TimerHandler {
 public:
  Introduction(DataPath& path, io::TransportPtr transport, observe::ListenerShare& listener,
               std::shared_ptr<const ListenerTerms> terms);

  void drain(base::Duration idle) override;
  void cut(const base::Error& error) override;

 private:
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t) override {}
  void on_write_error(const base::Error&) override {}
  void on_timer() override;
  void enter(std::string_view rest);
  void fail(observe::ProxyHeaderFailure why);
  void close();

  DataPath& path_;
  io::TransportPtr transport_;
  const std::shared_ptr<const ListenerTerms> terms_;
  codec::ProxyHeaderReader reader_;
  io::Timer timer_;
  std::optional<base::Duration> grace_;  // for what comes of it, if it is to end
  bool closed_ = false;
};

}  // namespace weir::core
