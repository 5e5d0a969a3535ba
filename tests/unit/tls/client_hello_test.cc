#include "proxy/tls/client_hello.h"

#include <openssl/ssl.h>

#include <string>

#include "tests/unit/catch.h"

using namespace weir::tls;
using namespace std::string_view_literals;

namespace {

std::string sized(std::size_t bytes, std::string_view content) {
  std::string text;
  for (std::size_t i = bytes; i-- > 0;) text += static_cast<char>(content.size() >> (8 * i) & 0xff);
  return text.append(content);
}

std::string extension(unsigned type, std::string_view content) {
  return std::string{static_cast<char>(type >> 8), static_cast<char>(type & 0xff)} + sized(2, content);
}

std::string name_extension(std::string_view name) {
  return extension(0, sized(2, std::string(1, '\0') + sized(2, name)));
}

std::string hello_message(std::string_view extensions) {
  const std::string body = std::string("\x03\x03") + std::string(32, 'r') + sized(1, "session") +
                           sized(2, "\x13\x01"sv) + sized(1, "\0"sv) + sized(2, extensions);
  return "\x01" + sized(3, body);
}

// In records of so many bytes.
std::string hello_records(std::string_view message, std::size_t piece = 16384) {
  std::string records;
  for (; !message.empty(); message.remove_prefix(std::min(piece, message.size())))
    records += "\x16\x03\x01" + sized(2, message.substr(0, piece));
  return records;
}

struct HeardHello {
  ClientHello::State state = ClientHello::State::more;
  std::string name{};
  bool operator==(const HeardHello&) const = default;
};

HeardHello hear(std::string_view bytes, std::size_t piece) {
  ClientHello hello;
  HeardHello heard;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    heard.state = hello.read(bytes.substr(0, piece));
  heard.name = hello.server_name();
  return heard;
}

// However it is cut.
std::string name_of_hello(std::string_view bytes) {
  const HeardHello whole = hear(bytes, bytes.size());
  CHECK(whole.state == ClientHello::State::over);
  for (const std::size_t piece : {1, 2, 3, 7, 100}) CHECK(hear(bytes, piece) == whole);
  return whole.name;
}

// What OpenSSL's own client says first.
std::string real_hello(const char* name) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  SSL_set_connect_state(ssl);
  if (name != nullptr) SSL_set_tlsext_host_name(ssl, name);
  SSL_do_handshake(ssl);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string hello(text, static_cast<std::size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return hello;
}

}  // namespace

TEST_CASE("the name that a client of OpenSSL's asks for") {
  CHECK(name_of_hello(real_hello("db.example.com")) == "db.example.com");
  CHECK(name_of_hello(real_hello("DB.Example.Com")) == "db.example.com");
  CHECK(name_of_hello(real_hello(nullptr)).empty());
}

TEST_CASE("a message in many records, and with others around its extension") {
  const std::string message = hello_message(extension(0x2a2a, "") + extension(16, "any") +
                                            name_extension("a.test") + extension(51, "key"));
  for (const std::size_t piece : {1, 2, 5, 60, 16384})
    CHECK(name_of_hello(hello_records(message, piece)) == "a.test");
  CHECK(name_of_hello(hello_records(message) + "and what follows") == "a.test");
}

TEST_CASE("what is no ClientHello has no name, and is known as soon as it can be") {
  for (const std::string_view text :
       {"G"sv, "\x15"sv, "\x80"sv, "\x16\x02"sv, "\x16\x03\x01\x00\x00"sv, "\x16\x03\x01\x40\x00"sv,
        "\x16\x03\x01\xff\xff"sv, "\x16\x03\x01\x00\x04\x02\x00\x00\x01"sv,
        "\x16\x03\x01\x00\x04\x01\x00\x40\x01"sv})
    CHECK(hear(text, 1).state == ClientHello::State::over);
  const std::string good = hello_records(hello_message(name_extension("a.test")));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK(hear(std::string_view(good).substr(0, size), 1).state == ClientHello::State::more);
}

TEST_CASE("a message that is larger than its bound ends there") {
  std::string large = hello_message(extension(21, std::string(16000, '\0')) + name_extension("a.test"));
  CHECK(name_of_hello(hello_records(large)) == "a.test");
  CHECK(name_of_hello(hello_records(large, 100)).empty());  // the records' headers count
  large = hello_message(extension(21, std::string(17000, '\0')) + name_extension("a.test"));
  CHECK(name_of_hello(hello_records(large)).empty());
}

TEST_CASE("lengths that lie yield no name") {
  const std::string good = hello_message(extension(16, "any") + name_extension("a.test"));
  for (std::size_t at = 4; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = '\xff';
    const std::string name = name_of_hello(hello_records(bad));
    INFO(at);
    CHECK((name.empty() || name == "a.test"));
  }
  for (std::size_t size = 0; size + 1 < good.size() - 4; ++size) {
    std::string body = good.substr(4, size);
    CHECK(name_of_hello(hello_records("\x01" + sized(3, body))).empty());
  }
}

TEST_CASE("a name that no host could have is none") {
  for (const std::string_view name :
       {""sv, "10.0.0.1"sv, "::1"sv, "[::1]"sv, "a b"sv, "a.test:443"sv, "a\0b"sv, "a..b"sv, "-a.test"sv,
        "unix:/x"sv, "\xc3\xa4.test"sv, "a/b"sv})
    CHECK(name_of_hello(hello_records(hello_message(name_extension(name)))).empty());
  CHECK(name_of_hello(hello_records(hello_message(name_extension(std::string(254, 'a'))))).empty());
  const std::string two = extension(
      0, sized(2, std::string(1, '\0') + sized(2, "a.test") + std::string(1, '\0') + sized(2, "b.test")));
  CHECK(name_of_hello(hello_records(hello_message(two))).empty());
  const std::string other_type = extension(0, sized(2, std::string(1, '\1') + sized(2, "a.test")));
  CHECK(name_of_hello(hello_records(hello_message(other_type))).empty());
  CHECK(name_of_hello(hello_records(hello_message(name_extension("a.test") + name_extension("b.test")))) ==
        "a.test");
}
