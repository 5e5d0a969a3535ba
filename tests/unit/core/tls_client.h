// A TLS client that a test plays: bytes in, bytes out, no socket.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir::core {

class TlsClient {
 public:
  explicit TlsClient(const std::string& host = "a.test", int version = TLS1_3_VERSION,
                     SSL_SESSION* session = nullptr)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(SSL_new(context_.get()), SSL_free) {
    SSL_set_min_proto_version(ssl_.get(), version);
    SSL_set_max_proto_version(ssl_.get(), version);
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }

  SSL* get() { return ssl_.get(); }
  // With whatever chain stands behind it.
  void show(const std::string& cert, const std::string& key) {
    SSL_use_certificate_chain_file(ssl_.get(), cert.c_str());
    SSL_use_PrivateKey_file(ssl_.get(), key.c_str(), SSL_FILETYPE_PEM);
  }
  // What came from Weir.
  void take(std::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    if (!SSL_is_init_finished(ssl_.get())) SSL_do_handshake(ssl_.get());
    char buffer[4096];
    for (int got = 0; (got = SSL_read(ssl_.get(), buffer, sizeof buffer)) > 0;)
      heard.append(buffer, static_cast<std::size_t>(got));
    ended = (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    ERR_clear_error();
  }
  void begin() {
    SSL_do_handshake(ssl_.get());
    ERR_clear_error();
  }
  void say(std::string_view text) { SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())); }
  void say_goodbye() { SSL_shutdown(ssl_.get()); }
  // What is on its way to Weir.
  std::string give() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &bytes);
    std::string given(bytes, static_cast<std::size_t>(size));
    (void)BIO_reset(SSL_get_wbio(ssl_.get()));
    return given;
  }
  bool stands() const { return SSL_is_init_finished(ssl_.get()) != 0; }
  std::string certificate_name() {
    X509* certificate = SSL_get_peer_certificate(ssl_.get());
    if (certificate == nullptr) return "none";
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    const bool rsa = EVP_PKEY_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA;
    X509_free(certificate);
    return std::string(name) + (rsa ? " rsa" : " ecdsa");
  }

  std::string heard;
  bool ended = false;  // by a goodbye

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

}  // namespace weir::core
