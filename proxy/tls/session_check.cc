#include "proxy/tls/session_check.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <bit>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/ascii.h"

namespace weir::tls {
namespace {

// The host that a client names, as a number; 0: none. OpenSSL reads it only after it has looked for a
// session.
int name_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::uintptr_t number_of(std::string_view name) {
  return name.empty() ? 0 : std::hash<std::string>()(base::lowered(std::string(name)));
}

int on_client_hello(SSL* ssl, int*, void*) {
  constexpr std::size_t kHead = 5;  // of the list, the name's kind, the name
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  std::string_view name;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) == 1 && size > kHead)
    name = std::string_view(reinterpret_cast<const char*>(bytes), size).substr(kHead);
  SSL_set_ex_data(ssl, name_index(), std::bit_cast<void*>(number_of(name)));
  return SSL_CLIENT_HELLO_SUCCESS;
}

// Under TLS 1.2 a session goes on under its own name alone (RFC 6066 3), and OpenSSL does not see to that.
bool is_of_other_name(const SSL* ssl, const SSL_SESSION* session) {
  if (SSL_version(ssl) >= TLS1_3_VERSION) return false;
  const char* name = SSL_SESSION_get0_hostname(session);
  return std::bit_cast<std::uintptr_t>(SSL_get_ex_data(ssl, name_index())) !=
         number_of(name != nullptr ? name : "");
}

// A ticket brings the certificate of its session with it, which was believed then (RFC 8446 4.6.1): its time
// may be over since, or that of the lists in which it did not stand: `until` is that, as a number; 0: there
// are none.
SSL_TICKET_RETURN on_ticket_opened(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                                   SSL_TICKET_STATUS status, void* until) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (is_of_other_name(ssl, session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  X509* shown = SSL_SESSION_get0_peer(session);
  if (shown != nullptr && X509_cmp_current_time(X509_get0_notAfter(shown)) <= 0)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  const auto lists = std::bit_cast<std::intptr_t>(until);
  if (shown != nullptr && lists != 0 && lists <= std::time(nullptr)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

bool check_sessions(ssl_ctx_st& context, std::optional<std::int64_t> crl_until) {
  SSL_CTX_set_client_hello_cb(&context, on_client_hello, nullptr);
  void* until = std::bit_cast<void*>(static_cast<std::intptr_t>(crl_until.value_or(0)));
  return SSL_CTX_set_session_ticket_cb(&context, nullptr, on_ticket_opened, until) == 1;
}

}  // namespace weir::tls
