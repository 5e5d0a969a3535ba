#include "proxy/http/uri.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "proxy/base/ascii.h"

namespace weir::http {

namespace {

enum : std::uint8_t { kUnreserved = 1, kHost = 2, kPath = 4, kQuery = 8 };

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&](std::string_view bytes, std::uint8_t bits) {
    for (char c : bytes) classes[static_cast<unsigned char>(c)] |= bits;
  };
  mark("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
       kUnreserved | kHost | kPath | kQuery);
  mark("!$&'()*+,;=", kHost | kPath | kQuery);  // sub-delims
  mark(":@/", kPath | kQuery);
  mark("?", kQuery);
  mark("[]|^", kPath | kQuery);  // these two lines: not RFC 3986, but what browsers send
  mark("`{}", kQuery);
  return classes;
}

constexpr auto kClasses = make_classes();

bool is(char c, std::uint8_t bits) {
  return (kClasses[static_cast<unsigned char>(c)] & bits) != 0;
}

// The byte that a percent-encoding at `at` stands for, or -1.
int triplet(std::string_view text, std::size_t at) {
  if (text.size() - at < 3) return -1;
  const int high = base::hex_value(text[at + 1]), low = base::hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

base::unexpected<base::Error> refuse(std::string_view detail) {
  return base::unexpected(
      base::Error{base::Reason::bad_request, base::Fault::downstream, base::Retry::never, 400, detail});
}

// Why the byte at `at` is refused; "" for a percent-encoding that is fine.
std::string_view objection(std::string_view text, std::size_t at) {
  const char c = text[at];
  const auto byte = static_cast<unsigned char>(c);
  if (c == '%') {
    const int decoded = triplet(text, at);
    if (decoded < 0) return "broken percent-encoding in the target";
    return decoded == 0 ? "encoded NUL in the target" : std::string_view();
  }
  if (c == '#') return "fragment in the target";
  if (c == ' ') return "space in the target";
  if (byte < 0x20 || byte == 0x7f) return "control character in the target";
  if (byte >= 0x80) return "byte beyond ASCII in the target";
  if (c == '\\') return "backslash in the target";
  return "character that a target may not hold";
}

std::string_view check(std::string_view text) {
  std::uint8_t allowed = kPath;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is(text[i], allowed)) continue;
    if (text[i] == '?') {
      allowed = kQuery;
      continue;
    }
    if (const std::string_view why = objection(text, i); !why.empty()) return why;
    i += 2;
  }
  return {};
}

// How many bytes of "scheme://" begin the text, in any case; 0: it begins otherwise.
std::size_t scheme_size(std::string_view text, std::string_view scheme) {
  if (text.size() < scheme.size() || !same_name(text.substr(0, scheme.size()), scheme)) return 0;
  return text.substr(scheme.size()).starts_with("://") ? scheme.size() + 3 : 0;
}

base::Result<Target> parse_absolute(Method method, std::string_view raw) {
  Target target{Target::Form::absolute, "http", {}, {}};
  std::size_t skip = scheme_size(raw, "http");
  if (skip == 0) {
    target.scheme = "https";
    skip = scheme_size(raw, "https");
  }
  if (skip == 0) return refuse("target neither begins with / nor is an http or https URI");
  raw.remove_prefix(skip);
  const std::size_t end = std::min(raw.find_first_of("/?#"), raw.size());
  target.authority = raw.substr(0, end);
  if (target.authority.find('@') != raw.npos) return refuse("userinfo in the target");
  if (!valid_host(target.authority)) return refuse("bad host in the target");
  target.path_and_query = raw.substr(end);
  if (const std::string_view why = check(target.path_and_query); !why.empty()) return refuse(why);
  if (target.path_and_query.empty()) target.path_and_query = method == Method::options ? "*" : "/";
  return target;
}

base::Result<Target> parse_authority(std::string_view raw) {
  const std::string_view host = host_without_port(raw);
  if (!valid_host(raw) || raw.size() < host.size() + 2) return refuse("CONNECT wants HOST:PORT");
  return Target{Target::Form::authority, {}, raw, {}};
}

bool valid_port(std::string_view port) {
  unsigned value = 0;
  for (char c : port) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 65535) return false;
  }
  return true;
}

// The port of a valid host[:port].
unsigned port_of(std::string_view scheme, std::string_view host_and_port) {
  const std::string_view port = host_and_port.substr(host_without_port(host_and_port).size());
  if (port.size() < 2) return scheme == "https" ? 443 : 80;
  unsigned value = 0;
  for (char c : port.substr(1)) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

bool valid_v6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.size() >= sizeof copy || text.find('\0') != text.npos) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr ignored;
  return inet_pton(AF_INET6, copy, &ignored) == 1;
}

bool valid_name(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is(name[i], kHost)) continue;
    if (name[i] != '%') return false;
    const int decoded = triplet(name, i);
    if (decoded <= 0x20 || decoded == 0x7f) return false;
    i += 2;
  }
  return !name.empty();
}

// Whether the path is its own normal form for sure: no percent sign, no segment that begins with a dot.
bool plainly_normal(std::string_view path) {
  char before = '\0';
  for (char c : path) {
    if (c == '%' || (c == '.' && before == '/')) return false;
    before = c;
  }
  return true;
}

void append_decoded(std::string_view segment, std::string& out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const int decoded = segment[i] == '%' ? triplet(segment, i) : -1;
    if (decoded < 0) {
      out += segment[i];
      continue;
    }
    if (is(static_cast<char>(decoded), kUnreserved)) {
      out += static_cast<char>(decoded);
    } else {
      out += '%';
      out += kDigits[decoded / 16];
      out += kDigits[decoded % 16];
    }
    i += 2;
  }
}

// `path` begins with a slash; each turn takes one slash and the segment behind it.
void append_normal(std::string_view path, std::string& out) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::size_t slash = out.size();
    out += '/';
    append_decoded(path.substr(1, end - 1), out);
    path.remove_prefix(end);
    const std::string_view segment = std::string_view(out).substr(slash + 1);
    if (segment != "." && segment != "..") continue;
    const bool up = segment.size() == 2;
    out.resize(slash);
    if (up && slash > 0) out.resize(out.rfind('/'));
    if (path.empty()) out += '/';
  }
}

}  // namespace

base::Result<Target> parse_target(Method method, std::string_view raw) {
  if (raw.empty()) return refuse("empty target");
  if (method == Method::connect) return parse_authority(raw);
  if (raw == "*") {
    if (method != Method::options) return refuse("target * with a method other than OPTIONS");
    return Target{Target::Form::asterisk, {}, {}, raw};
  }
  if (raw.front() != '/') return parse_absolute(method, raw);
  if (const std::string_view why = check(raw); !why.empty()) return refuse(why);
  return Target{Target::Form::origin, {}, {}, raw};
}

void normalise(std::string_view path_and_query, std::string& out) {
  const std::size_t end = std::min(path_and_query.find('?'), path_and_query.size());
  const std::string_view path = path_and_query.substr(0, end);
  if (!path.empty() && plainly_normal(path)) {
    out.assign(path_and_query);
    return;
  }
  out.clear();
  if (path.empty()) {
    out += '/';
  } else {
    append_normal(path, out);
  }
  out.append(path_and_query.substr(end));
}

bool valid_host(std::string_view host_and_port) {
  const std::string_view host = host_without_port(host_and_port);
  const std::string_view rest = host_and_port.substr(host.size());
  if (!rest.empty() && (rest.front() != ':' || !valid_port(rest.substr(1)))) return false;
  if (!host.starts_with('[')) return valid_name(host);
  return host.ends_with(']') && valid_v6(host.substr(1, host.size() - 2));
}

bool same_authority(std::string_view scheme, std::string_view a, std::string_view b) {
  return same_name(host_without_port(a), host_without_port(b)) && port_of(scheme, a) == port_of(scheme, b);
}

std::string_view host_without_port(std::string_view host_and_port) {
  const char last = host_and_port.starts_with('[') ? ']' : ':';
  const std::size_t end = host_and_port.find(last);
  if (end == host_and_port.npos) return host_and_port;
  return host_and_port.substr(0, last == ']' ? end + 1 : end);
}

}  // namespace weir::http
