// With what TLS is spoken in trials: Weir's settings, and what the model peers have of OpenSSL's. Made once a
// process, from the files of tests/tls/sim; immutable, any thread.
#pragma once

#include <array>
#include <memory>

#include "proxy/tls/client_settings.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/server_settings.h"

namespace weir::sim {

class TrialCredentials {
 public:
  static constexpr std::size_t kTerms = 2;  // sessions of one of them are of no use under the other
  static const TrialCredentials& get();

  // Of Weir: as a listener has them, and a pool whose nodes are spoken to like that.
  const std::shared_ptr<const tls::ServerSettings>& listener(std::size_t terms) const {
    return listener_[terms];
  }
  const std::shared_ptr<const tls::ClientSettings>& pool(std::size_t terms, io::Protocol protocol) const {
    return pool_[terms][static_cast<std::size_t>(protocol)];
  }
  // Of model peers; ModelTls sets what is called back.
  SSL_CTX* client() const { return client_.get(); }
  SSL_CTX* node() const { return node_.get(); }
  SSL_CTX* stranger() const { return stranger_.get(); }  // a node that nobody believes

 private:
  static constexpr std::size_t kProtocols = 3;
  TrialCredentials();

  std::array<std::shared_ptr<const tls::ServerSettings>, kTerms> listener_;
  std::array<std::array<std::shared_ptr<const tls::ClientSettings>, kProtocols>, kTerms> pool_;
  tls::Owned<SSL_CTX> client_, node_, stranger_;
};

}  // namespace weir::sim
