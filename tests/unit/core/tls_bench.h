// A data path whose clients speak TLS, byte by byte.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "proxy/tls/server_settings.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"
#include "tests/unit/core/tls_client.h"

namespace weir::core {

inline tls::ServerOptions options_with(std::initializer_list<const char*> names) {
  tls::ServerOptions options;
  for (const std::string name : names)
    options.certificates.push_back(
        {WEIR_SOURCE_DIR "/tests/tls/" + name + ".pem", WEIR_SOURCE_DIR "/tests/tls/" + name + ".key"});
  return options;
}

struct TlsBench : Bench {
  explicit TlsBench(tls::ServerOptions options = options_with({"a-ecdsa", "a-rsa", "b"}))
      : Bench(one_pool({"127.0.0.1:1"})), settings(load(options)) {}

  static std::shared_ptr<const tls::ServerSettings> load(const tls::ServerOptions& options) {
    auto made = tls::ServerSettings::load(options);
    INFO((made ? std::string() : made.error()));
    REQUIRE(made);
    return *made;
  }

  void arrive(PlayedTransport& socket) {
    path.reserve();
    path.accept(io::TransportPtr(&socket), listener_counts,
                std::make_shared<Reception>(ListenerTerms{.tls = settings}));
  }
  // Bytes go to and fro until neither side has more to say.
  void talk(PlayedTransport& socket, TlsClient& client) {
    if (!client.stands()) client.begin();
    for (;;) {
      const std::string out = client.give();
      if (!out.empty() && socket.handler != nullptr && !socket.released) runtime.read(socket, out);
      const std::string in = socket.take_written();
      if (out.empty() && in.empty()) return;
      client.take(in);
    }
  }
  void shake(PlayedTransport& socket, TlsClient& client) {
    arrive(socket);
    talk(socket, client);
    REQUIRE(client.stands());
  }

  std::shared_ptr<const tls::ServerSettings> settings;
};

inline const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace weir::core
