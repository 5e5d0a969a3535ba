// Request targets, their normal form, and the Host field.
#include "proxy/http/uri.h"

#include <random>

#include "tests/unit/catch.h"

using namespace std::string_view_literals;
using namespace weir::http;

namespace {

// "form scheme authority path" of a target, or "400".
std::string parsed(std::string_view raw, Method method = Method::get) {
  const auto target = parse_target(method, raw);
  if (!target) {
    const auto& error = target.error();
    CHECK(error.reason == weir::base::Reason::bad_request);
    CHECK(error.fault == weir::base::Fault::downstream);
    CHECK_FALSE(error.detail.empty());
    return std::to_string(error.status);
  }
  constexpr const char* kForms[] = {"origin", "absolute", "authority", "asterisk"};
  std::string text = kForms[static_cast<int>(target->form)];
  for (std::string_view part : {target->scheme, target->authority, target->path_and_query})
    text.append(" ").append(part.empty() ? "-" : part);
  return text;
}

// RFC 3986 5.2.4, word for word.
std::string remove_dot_segments(std::string in) {
  std::string out;
  const auto drop_last = [&] { out.resize(out.rfind('/') == out.npos ? 0 : out.rfind('/')); };
  while (!in.empty()) {
    if (in.starts_with("/./") || in == "/.") {
      in = "/" + in.substr(std::min<std::size_t>(3, in.size()));
    } else if (in.starts_with("/../") || in == "/..") {
      in = "/" + in.substr(std::min<std::size_t>(4, in.size()));
      drop_last();
    } else {
      const std::size_t end = std::min(in.find('/', 1), in.size());
      out += in.substr(0, end);
      in.erase(0, end);
    }
  }
  return out;
}

std::string normal(std::string_view path) {
  std::string out = "left from before";
  normalise(path, out);
  return out;
}

}  // namespace

TEST_CASE("the four forms of a target") {
  CHECK(parsed("/") == "origin - - /");
  CHECK(parsed("/a/b?c=d/e?f") == "origin - - /a/b?c=d/e?f");
  CHECK(parsed("//host/x") == "origin - - //host/x");
  CHECK(parsed("/?") == "origin - - /?");
  CHECK(parsed("http://example.com/x?y") == "absolute http example.com /x?y");
  CHECK(parsed("HTTPS://[::1]:8443/x") == "absolute https [::1]:8443 /x");
  CHECK(parsed("hTTp://a") == "absolute http a /");
  CHECK(parsed("http://a:80") == "absolute http a:80 /");
  CHECK(parsed("http://a?x=1") == "absolute http a ?x=1");
  CHECK(parsed("http://a", Method::options) == "absolute http a *");
  CHECK(parsed("http://a/", Method::options) == "absolute http a /");
  CHECK(parsed("http://a?x", Method::options) == "absolute http a ?x");
  CHECK(parsed("*", Method::options) == "asterisk - - *");
  CHECK(parsed("example.com:443", Method::connect) == "authority - example.com:443 -");
  CHECK(parsed("[::1]:443", Method::connect) == "authority - [::1]:443 -");
}

TEST_CASE("a form that the method may not have is refused") {
  for (Method method : {Method::get, Method::post, Method::other}) CHECK(parsed("*", method) == "400");
  CHECK(parsed("*x", Method::options) == "400");
  CHECK(parsed("example.com:443") == "400");
  for (std::string_view raw : {"/"sv, "*"sv, "example.com"sv, "example.com:"sv, ":443"sv, "http://a:1/"sv,
                               "a:99999"sv, "u@a:443"sv, ""sv, "a:443/"sv}) {
    INFO(raw);
    CHECK(parsed(raw, Method::connect) == "400");
  }
}

TEST_CASE("bad targets are refused") {
  for (std::string_view raw : {""sv,
                               "a"sv,
                               "?"sv,
                               "a/b"sv,
                               " /"sv,
                               "/a b"sv,
                               "/ "sv,
                               "/a#b"sv,
                               "/#"sv,
                               "/a\tb"sv,
                               "/a\rb"sv,
                               "/a\nb"sv,
                               "/\0"sv,
                               "/\x7f"sv,
                               "/\x80"sv,
                               "/\xc3\xbc"sv,
                               "/?\xff"sv,
                               "/\""sv,
                               "/<"sv,
                               "/>"sv,
                               "/?<"sv,
                               "/\\"sv,
                               "/?\\"sv,
                               "/`"sv,
                               "/{"sv,
                               "/}"sv,
                               "/%"sv,
                               "/%2"sv,
                               "/%zz"sv,
                               "/%2g"sv,
                               "/a%"sv,
                               "/?%"sv,
                               "/?%4"sv,
                               "/%00"sv,
                               "/?a=%00"sv,
                               "/a%\x00\x30"sv,
                               "http:/a"sv,
                               "http:a"sv,
                               "http://"sv,
                               "http:///a"sv,
                               "http://?x"sv,
                               "http://:80/"sv,
                               "http://u@a/"sv,
                               "http://u:p@a/"sv,
                               "http://a b/"sv,
                               "http://a/b c"sv,
                               "http://a#f"sv,
                               "http://a/#f"sv,
                               "http://a\\b/"sv,
                               "http://[::1/"sv,
                               "http://[zz]/"sv,
                               "http://a:x/"sv,
                               "http://a:65536/"sv,
                               "ftp://a/"sv,
                               "httpx://a/"sv,
                               "ws://a/"sv,
                               "file:///etc/passwd"sv,
                               "://a"sv,
                               "\\"sv,
                               "\\\\a"sv}) {
    INFO(raw);
    CHECK(parsed(raw) == "400");
  }
}

TEST_CASE("what browsers send raw is tolerated where it is unambiguous") {
  CHECK(parsed("/a[1]|^").starts_with("origin"));
  CHECK(parsed("/a?x[]=1|2^3`{}").starts_with("origin"));
  CHECK(parsed("/-._~!$&'()*+,;=:@%20").starts_with("origin"));
}

TEST_CASE("every byte is either allowed or refused, in a path and in a query") {
  constexpr std::string_view kBoth = "!$&'()*+,-./:;=@_~[]|^?";
  constexpr std::string_view kQueryOnly = "`{}";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool path = word || kBoth.find(c) != kBoth.npos;
    const bool query = path || kQueryOnly.find(c) != kQueryOnly.npos;
    INFO("byte " << byte);
    CHECK((parsed(std::string("/") + c) != "400") == path);
    CHECK((parsed(std::string("/?") + c) != "400") == query);
  }
}

TEST_CASE("the normal form") {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"/", "/"},
      {"*", "*"},
      {"", "/"},
      {"?x", "/?x"},
      {"/a/b", "/a/b"},
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/a/b/../../c", "/c"},
      {"/..", "/"},
      {"/../../a", "/a"},
      {"/.", "/"},
      {"/a/.", "/a/"},
      {"/a/..", "/"},
      {"/a/b/..", "/a/"},
      {"/a/%2e%2E/b", "/b"},
      {"/%2e/a", "/a"},
      {"/a/.%2e", "/"},
      {"/a%2fb", "/a%2Fb"},
      {"/a%2f..%2fb", "/a%2F..%2Fb"},
      {"/%7euser/%41%2d", "/~user/A-"},
      {"/%e4%bd", "/%E4%BD"},
      {"/%252e%252e/a", "/%252e%252e/a"},
      {"//a//b", "//a//b"},
      {"/a//../b", "/a/b"},
      {"/..//a", "//a"},
      {"/.hidden", "/.hidden"},
      {"/...", "/..."},
      {"/a./b../c", "/a./b../c"},
      {"/.a/..b", "/.a/..b"},
      {"/a?b=/../c%2e", "/a?b=/../c%2e"},
      {"/a/..?x=/./", "/?x=/./"},
      {"/%3f?x", "/%3F?x"},
      {"/a/../..?", "/?"},
  };
  for (const auto& [raw, expected] : kCases) {
    INFO(raw);
    CHECK(normal(raw) == expected);
  }
}

TEST_CASE("normalising again changes nothing, and nothing normal holds dot segments") {
  constexpr const char* kParts[] = {"/", ".", "..", "%2e", "%2F", "a", "%41", "//", "?", "%25", "b"};
  std::mt19937 random(7);
  for (int i = 0; i < 50'000; ++i) {
    std::string raw = "/";
    for (unsigned parts = random() % 12; parts > 0; --parts) raw += kParts[random() % std::size(kParts)];
    const std::string once = normal(raw);
    INFO(raw << " -> " << once);
    REQUIRE(normal(once) == once);
    const std::string path = once.substr(0, once.find('?')) + "/";
    REQUIRE(path.starts_with('/'));
    REQUIRE(path.find("/./") == path.npos);
    REQUIRE(path.find("/../") == path.npos);
    REQUIRE(parsed(once) != "400");
    const std::size_t query = raw.find('?');
    if (query != raw.npos) REQUIRE(once.ends_with(raw.substr(query)));
  }
}

TEST_CASE("dot segments go exactly as RFC 3986 says") {
  constexpr const char* kParts[] = {"/", "/.", "/..", "/a", ".", "b"};
  std::mt19937 random(11);
  for (int i = 0; i < 50'000; ++i) {
    std::string raw = "/";
    for (unsigned parts = random() % 10; parts > 0; --parts) raw += kParts[random() % std::size(kParts)];
    INFO(raw);
    REQUIRE(normal(raw) == remove_dot_segments(raw));
  }
}

TEST_CASE("Host fields") {
  for (std::string_view host :
       {"a"sv, "a.b"sv, "a.b."sv, "a:80"sv, "a:"sv, "a:0"sv, "a:65535"sv, "a:00080"sv, "1.2.3.4"sv, "[::1]"sv,
        "[::1]:80"sv, "[::]:"sv, "[::ffff:1.2.3.4]"sv, "a_b"sv, "a-b~!$&'()*+,;="sv, "%41.b"sv}) {
    INFO(host);
    CHECK(valid_host(host));
  }
  for (std::string_view host : {""sv,        ":"sv,
                                ":80"sv,     " "sv,
                                "a b"sv,     " a"sv,
                                "a "sv,      "a:b"sv,
                                "a:65536"sv, "a:99999999999999999999"sv,
                                "a:-1"sv,    "a:+1"sv,
                                "a:80:80"sv, "u@a"sv,
                                "u:p@a"sv,   "a/b"sv,
                                "a?b"sv,     "a#b"sv,
                                "a\\b"sv,    "http://a"sv,
                                "[::1"sv,    "::1"sv,
                                "[]"sv,      "[::1]x"sv,
                                "[::1]80"sv, "[1.2.3.4]"sv,
                                "[v1.x]"sv,  "[fe80::1%25eth0]"sv,
                                "[::1\0]"sv, "[[::1]]"sv,
                                "a]"sv,      "a[::1]"sv,
                                "a\0"sv,     "a\t"sv,
                                "\x80"sv,    "a\"b"sv,
                                "a<b"sv,     "a|b"sv,
                                "a^b"sv,     "a`b"sv,
                                "{a}"sv,     "%"sv,
                                "%4"sv,      "%zz"sv,
                                "%00"sv,     "a%20b"sv,
                                "a%0d"sv}) {
    INFO(host);
    CHECK_FALSE(valid_host(host));
  }
  CHECK_FALSE(valid_host("[" + std::string(5000, ':') + "]"));
}

TEST_CASE("a host without its port") {
  CHECK(host_without_port("a:80") == "a");
  CHECK(host_without_port("a") == "a");
  CHECK(host_without_port("a:") == "a");
  CHECK(host_without_port("[::1]:80") == "[::1]");
  CHECK(host_without_port("[::1]") == "[::1]");
  CHECK(host_without_port("") == "");
}

TEST_CASE("a scheme's own port may be said or not") {
  CHECK(same_authority("http", "a.test", "A.test"));
  CHECK(same_authority("http", "a.test", "a.test:80"));
  CHECK(same_authority("http", "a.test:", "a.test:080"));
  CHECK(same_authority("https", "[::1]:443", "[::1]"));
  CHECK(same_authority("https", "a.test:80", "a.test:80"));
  CHECK_FALSE(same_authority("http", "a.test", "b.test"));
  CHECK_FALSE(same_authority("http", "a.test", "a.test:443"));
  CHECK_FALSE(same_authority("https", "a.test", "a.test:80"));
  CHECK_FALSE(same_authority("http", "a.test:8080", "a.test:80"));
  CHECK_FALSE(same_authority("http", "", "a.test"));
}
