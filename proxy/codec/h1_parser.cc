#include "proxy/codec/h1_parser.h"

#include "proxy/codec/byte_scan.h"
#include "proxy/codec/h1_grammar.h"
#include "proxy/http/field_names.h"
#include "proxy/http/uri.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::unexpected;
using http::FieldId;

unexpected<Error> refuse(std::uint16_t status, std::string_view detail) {
  Reason reason = status == 413 || status == 414 || status == 431 ? Reason::too_large : Reason::bad_request;
  return unexpected(Error{reason, Fault::downstream, base::Retry::never, status, detail});
}

// Those that say how to read a message, and that are told by its head alone.
constexpr http::FieldSet kNeverTrailers = {FieldId::authorization,
                                           FieldId::cache_control,
                                           FieldId::content_encoding,
                                           FieldId::content_length,
                                           FieldId::content_type,
                                           FieldId::cookie,
                                           FieldId::expect,
                                           FieldId::forwarded,
                                           FieldId::host,
                                           FieldId::location,
                                           FieldId::proxy_authenticate,
                                           FieldId::proxy_authorization,
                                           FieldId::range,
                                           FieldId::set_cookie,
                                           FieldId::trailer,
                                           FieldId::via,
                                           FieldId::x_forwarded_for,
                                           FieldId::x_forwarded_host,
                                           FieldId::x_forwarded_proto,
                                           FieldId::x_request_id};

// The first line, without its CRLF. The scan has seen to it that every LF follows a CR.
std::string_view first_line(std::string_view text) {
  return text.substr(0, find_first<Exactly<'\n'>>(text, 0) - 1);
}

bool ends_line(std::string_view text, std::size_t at) {
  return text[at] == '\r' && text[at + 1] == '\n';
}

// Reads the field lines of `text` from `at` up to the empty one into `out`, which has adopted `text`. Its end
// is an empty line, so whatever is looked for is found in time.
Result<void> parse_fields(std::string_view text, std::size_t at, std::size_t limit, http::Fields& out) {
  while (!ends_line(text, at)) {
    if (out.size() == limit) return refuse(431, "too many header fields");
    // In a line without a colon this finds a later line's, and the name is none since it holds a CR.
    const std::size_t colon = find_first<Exactly<':'>>(text, at);
    const std::string_view name(text.data() + at, colon - at);
    const FieldId id = http::field_id(name);
    if (id == FieldId::other && !is_token(name))
      return refuse(400, is_blank(text[at]) ? "line folding" : "a bad field name");
    if (name.size() > 1024) return refuse(431, "a field name over 1024 bytes");
    const std::size_t line_end = find_first<Control>(text, colon + 1);
    if (!ends_line(text, line_end)) return refuse(400, "a control character in a field value");
    std::size_t begin = colon + 1, end = line_end;
    while (begin < end && is_blank(text[begin])) ++begin;
    while (begin < end && is_blank(text[end - 1])) --end;
    out.add_slice(id, static_cast<std::uint32_t>(at), static_cast<std::uint16_t>(name.size()),
                  static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin));
    at = line_end + 2;
  }
  return {};
}

// What a node says of how long it keeps the connection; no time at all is the end of it.
void parse_keep_alive(std::string_view list, ConnectionOptions& options) {
  for_each_element(list, [&](std::string_view element) {
    if (!http::same_name(element.substr(0, 8), "timeout=")) return;
    auto seconds = parse_decimal(element.substr(8));
    if (!seconds || *seconds > 1'000'000'000) return;
    options.keep_alive_timeout_s = static_cast<std::uint32_t>(*seconds);
    if (*seconds == 0) options.close = true;
  });
}

// The Connection field (RFC 9110 7.6.1): options for this hop, and names of fields that go no further. A
// known field that is meant for the far end may not be named: a client could strip what the node relies on.
constexpr std::size_t kMostConnectionOptions = 32;

struct Hop {
  ConnectionOptions options;
  bool upgrade = false;
  bool names_end_to_end = false;
  bool malformed = false;
};

Hop take_hop_by_hop(http::Fields& fields) {
  Hop hop;
  if (!fields.has(FieldId::connection)) return hop;
  // Removing leaves the arena alone, so the views stay good meanwhile.
  std::size_t names = 0;
  fields.for_each([&](const http::Field& field) {
    if (field.id != FieldId::connection) return;
    for_each_element(field.value, [&](std::string_view name) {
      if (++names > kMostConnectionOptions) {
        hop.malformed = true;
        return;
      }
      FieldId id = http::field_id(name);
      if (http::same_name(name, "close")) {
        hop.options.close = true;
      } else if (id == FieldId::keep_alive) {
        hop.options.keep_alive = true;
      } else if (id == FieldId::upgrade) {
        hop.upgrade = true;
      } else if (!is_token(name)) {
        hop.malformed = true;
      } else if (id != FieldId::other && !http::kHopByHop.has(id)) {
        hop.names_end_to_end = hop.options.names_fields = true;
      } else if (id == FieldId::other) {
        hop.names_end_to_end |= http::is_end_to_end(name);
        hop.options.names_fields = true;
        fields.remove(name);
      }
    });
  });
  return hop;
}

// A node may name whatever it likes: it is obeyed (the framing has been read by then). What it cannot have
// meant ends the connection with this response.
void obey_node(Hop& hop, http::Fields& fields) {
  if (hop.malformed) hop.options.close = true;
  if (!hop.names_end_to_end) return;
  fields.for_each([&](const http::Field& field) {
    if (field.id != FieldId::connection) return;
    for_each_element(field.value, [&](std::string_view name) {
      FieldId id = http::field_id(name);
      if (id != FieldId::other && id != FieldId::connection) fields.remove(id);
    });
  });
}

// What `length` and this hop's ConnectionOptions say from now on.
void drop_hop_by_hop(http::Fields& fields) {
  fields.remove(http::kHopByHop);
  fields.remove(FieldId::content_length);
}

// How the body is framed (RFC 9112 6.3), from Content-Length and Transfer-Encoding.
Result<http::BodyLength> parse_framing(const http::Fields& fields, http::Version version,
                                       ConnectionOptions& options) {
  using Kind = http::BodyLength::Kind;
  const bool has_length = fields.has(FieldId::content_length);
  if (fields.has(FieldId::transfer_encoding)) {
    if (has_length) return refuse(400, "both Content-Length and Transfer-Encoding");
    if (version == http::Version::http10) return refuse(400, "Transfer-Encoding under HTTP/1.0");
    std::size_t chunked = 0, others = 0;
    bool last_is_chunked = false;
    bool malformed = false;
    fields.for_each([&](const http::Field& field) {
      if (field.id != FieldId::transfer_encoding) return;
      if (field.value.empty()) malformed = true;
      for_each_element(field.value, [&](std::string_view coding) {
        last_is_chunked = http::same_name(coding, "chunked");
        ++(last_is_chunked ? chunked : others);
        if (!is_token(coding)) malformed = true;
      });
      if (!field.value.empty() && (field.value.front() == ',' || field.value.back() == ',')) malformed = true;
    });
    if (malformed || chunked != 1 || !last_is_chunked)
      return refuse(400, "a Transfer-Encoding that does not end in one chunked");
    if (others > 0) return refuse(501, "a transfer coding other than chunked");
    options.chunked = true;
    return http::BodyLength{Kind::unknown, 0};
  }
  if (!has_length) return http::BodyLength{Kind::none, 0};
  if (fields.repeated(FieldId::content_length)) return refuse(400, "more than one Content-Length");
  auto bytes = parse_decimal(*fields.get(FieldId::content_length));
  if (!bytes) return refuse(400, "a bad Content-Length");
  return http::BodyLength{Kind::bytes, *bytes};
}

// "HTTP/1.x" only; 505 for other well-formed versions.
Result<http::Version> parse_version(std::string_view text) {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || !base::is_digit(text[5]) || text[6] != '.' ||
      !base::is_digit(text[7]))
    return refuse(400, "a bad HTTP version");
  if (text[5] != '1') return refuse(505, "an HTTP version other than 1.x");
  return text[7] == '0' ? http::Version::http10 : http::Version::http11;
}

// method SP request-target SP HTTP-version, with single spaces and nothing else.
Result<http::Target> parse_request_line(std::string_view line, http::Request& out) {
  std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_token(line.substr(0, space))) return refuse(400, "a bad method");
  if (space > 64) return refuse(400, "a method over 64 bytes");
  out.method_text = line.substr(0, space);
  out.method = http::method_of(out.method_text);
  std::string_view rest = line.substr(space + 1);
  space = rest.rfind(' ');
  if (space == std::string_view::npos) return refuse(400, "a request line without a version");
  auto version = parse_version(rest.substr(space + 1));
  if (!version) return unexpected(version.error());
  out.version = *version;
  auto target = http::parse_target(out.method, rest.substr(0, space));
  if (!target) out.target = rest.substr(0, space);  // for the log
  return target;
}

// What the request line and Host say together about whom the request is for.
Result<void> settle_authority(const http::Target& target, http::Request& out) {
  auto host = out.fields.get(FieldId::host);
  if (out.fields.repeated(FieldId::host)) return refuse(400, "more than one Host");
  if (!host && out.version == http::Version::http11) return refuse(400, "no Host");
  if (host && !http::valid_host(*host)) return refuse(400, "a bad Host");
  if (target.form == http::Target::Form::absolute) {
    if (host && !http::same_authority(target.scheme, *host, target.authority))
      return refuse(400, "a Host at odds with the request target");
    out.scheme = target.scheme;
    out.authority = target.authority;
  } else if (target.form == http::Target::Form::authority) {
    out.authority = target.authority;
  } else if (host) {
    out.authority = *host;
  }
  out.fields.remove(FieldId::host);
  return {};
}

// The protocols of Upgrade that may go on, as one list.
void gather_protocols(const http::Fields& fields, std::string& out) {
  fields.for_each([&](const http::Field& field) {
    if (field.id != FieldId::upgrade) return;
    for_each_element(field.value, [&](std::string_view protocol) {
      if (!may_be_offered(protocol)) return;
      if (!out.empty()) out += ", ";
      out += protocol;
    });
  });
}

// The protocols a client offers to switch to.
void settle_upgrade(const Hop& hop, http::Request& out) {
  if (!hop.upgrade || out.version == http::Version::http10) return;
  if (out.length.kind == http::BodyLength::Kind::unknown || out.length.bytes > 0) return;
  gather_protocols(out.fields, out.upgrade);
}

Result<void> settle_expect(http::Request& out) {
  auto expect = out.fields.get(FieldId::expect);
  if (!expect) return {};
  if (out.version != http::Version::http10) {
    if (out.fields.repeated(FieldId::expect) || !http::same_name(*expect, "100-continue"))
      return refuse(417, "an Expect other than 100-continue");
    out.expects_continue = out.length.kind == http::BodyLength::Kind::unknown || out.length.bytes > 0;
  }
  out.fields.remove(FieldId::expect);
  return {};
}

void settle_te(http::Request& out) {
  if (!out.fields.has(FieldId::te)) return;
  out.fields.for_each([&](const http::Field& field) {
    if (field.id == FieldId::te)
      for_each_element(field.value, [&](std::string_view coding) {
        out.accepts_trailers |= http::same_name(coding, "trailers");
      });
  });
}

// HTTP-version SP 3DIGIT [ SP reason-phrase ]; a missing last space is common and means the same.
Result<void> parse_status_line(std::string_view line, http::Response& out) {
  auto version = parse_version(line.substr(0, 8));
  if (!version) return unexpected(version.error());
  if (line[7] > '1') return refuse(400, "an HTTP version other than 1.0 and 1.1");
  out.version = *version;
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' '))
    return refuse(400, "a bad status line");
  auto status = parse_decimal(line.substr(9, 3));
  if (!status || *status < 100) return refuse(400, "a bad status code");
  out.status = static_cast<int>(*status);
  if (line.size() > 13) out.reason_phrase = line.substr(13);
  if (!is_field_value(out.reason_phrase)) return refuse(400, "a control character in the status line");
  return {};
}

Result<ConnectionOptions> read_response(std::string_view text, const HeadLimits& limits,
                                        http::Response& out) {
  out.clear();
  const std::string_view line = first_line(text);
  if (auto status = parse_status_line(line, out); !status) return unexpected(status.error());
  out.fields.adopt(text);
  if (auto fields = parse_fields(text, line.size() + 2, limits.fields, out.fields); !fields)
    return unexpected(fields.error());
  Hop hop = take_hop_by_hop(out.fields);
  if (auto list = out.fields.get(FieldId::keep_alive)) parse_keep_alive(*list, hop.options);
  auto length = parse_framing(out.fields, out.version, hop.options);
  if (!length) return unexpected(length.error());
  out.length = *length;
  if (out.status == 101 || out.status == 426) gather_protocols(out.fields, out.upgrade);
  obey_node(hop, out.fields);
  drop_hop_by_hop(out.fields);
  return hop.options;
}

// Whether a CR stands without its LF; that of a last CR may still come.
bool has_bare_cr(std::string_view text) {
  for (std::size_t cr = text.find('\r'); cr != std::string_view::npos; cr = text.find('\r', cr + 1))
    if (cr + 1 < text.size() && text[cr + 1] != '\n') return true;
  return false;
}

// What has arrived of a request's first line. A status line is bounded by limits.header alone.
Result<void> judge_beginning(std::string_view text, const HeadLimits& limits) {
  // What cannot be a method (a TLS hello, say) is refused without waiting for a line end.
  if (!text.empty() && text[0] != '\r' && !is_token_char(text[0])) return refuse(400, "not HTTP");
  if (text.size() > limits.start_line + 1) return refuse(414, "the request line is too long");
  return {};
}

// Of an answer, its first bytes are: what is no HTTP (a greeting, a TLS alert, a page) may end nowhere.
bool may_be_response(std::string_view text) {
  constexpr std::string_view kBegin = "HTTP/";
  return text.starts_with(kBegin) || kBegin.starts_with(text);
}

// A request line is judged at once, so that what is not HTTP/1.1 hears of it without waiting for more.
Result<void> judge_start_line(std::string_view line, HeadScan::Kind kind) {
  if (line.empty()) return refuse(400, "an empty start line");
  if (kind != HeadScan::Kind::request) return {};
  auto version = parse_version(line.substr(line.rfind(' ') + 1));
  if (!version) return unexpected(version.error());
  return {};
}

}  // namespace

Result<std::size_t> HeadScan::find_end(std::string_view bytes, const HeadLimits& limits, Kind kind) {
  begun_ = true;
  bool start_line = lines_ == 0 && kind != Kind::trailers;
  std::size_t scanned = scanned_, line_at = line_at_, lines = lines_;
  while (true) {
    const std::size_t end = find_first<Exactly<'\n'>>(bytes, scanned);
    if (start_line && kind == Kind::request)
      if (auto good = judge_beginning(bytes.substr(0, end), limits); !good) return unexpected(good.error());
    if (end >= limits.head) return refuse(431, "the header is too large");
    if (end == bytes.size()) {
      // In a whole head the parser finds these; here nobody would until the rest comes, if it ever does.
      if (kind == Kind::response && !may_be_response(bytes)) return refuse(400, "not HTTP");
      if (has_bare_cr(bytes.substr(scanned_))) return refuse(400, "a bare CR");
      line_at_ = static_cast<std::uint32_t>(line_at);
      lines_ = static_cast<std::uint32_t>(lines);
      scanned_ = static_cast<std::uint32_t>(bytes.ends_with('\r') ? end - 1 : end);
      return std::size_t{0};
    }
    if (end == line_at || bytes[end - 1] != '\r')
      return refuse(400, kind == Kind::response && !may_be_response(bytes) ? "not HTTP" : "a bare LF");
    scanned = end + 1;
    if (start_line) {
      start_line = false;
      if (auto good = judge_start_line(bytes.substr(0, end - 1), kind); !good)
        return unexpected(good.error());
    } else if (end - 1 == line_at) {
      return scanned;
    }
    line_at = scanned;
    if (++lines > limits.fields + 1) return refuse(431, "too many header fields");
  }
}

Result<ConnectionOptions> parse_request(std::string_view text, const HeadLimits& limits, http::Request& out) {
  out.clear();
  const std::string_view line = first_line(text);
  auto target = parse_request_line(line, out);
  if (!target) return unexpected(target.error());
  out.fields.adopt(text);
  if (auto fields = parse_fields(text, line.size() + 2, limits.fields, out.fields); !fields)
    return unexpected(fields.error());
  if (auto authority = settle_authority(*target, out); !authority) {
    out.target = target->path_and_query;
    return unexpected(authority.error());
  }
  if (out.method == http::Method::connect) return refuse(405, "CONNECT");
  http::normalise(target->path_and_query, out.target);
  Hop hop = take_hop_by_hop(out.fields);
  if (hop.malformed) return refuse(400, "a bad Connection option");
  if (hop.names_end_to_end) return refuse(400, "Connection names an end-to-end field");
  auto length = parse_framing(out.fields, out.version, hop.options);
  if (!length) return unexpected(length.error());
  out.length = *length;
  settle_upgrade(hop, out);
  settle_te(out);
  if (auto expect = settle_expect(out); !expect) return unexpected(expect.error());
  drop_hop_by_hop(out.fields);
  return hop.options;
}

Result<ConnectionOptions> parse_response(std::string_view text, const HeadLimits& limits,
                                         http::Response& out) {
  auto options = read_response(text, limits, out);
  if (!options) return unexpected(blame_node(options.error()));
  return options;
}

std::string named_fields(std::string_view head) {
  std::string names;
  std::string_view line = first_line(head);
  for (std::size_t at = line.size() + 2; !ends_line(head, at); at += line.size() + 2) {
    line = first_line(head.substr(at));
    const std::size_t colon = line.find(':');
    if (http::field_id(line.substr(0, colon)) != FieldId::connection) continue;
    names.append(line.substr(colon + 1));
    names += ',';
  }
  return names;
}

Result<void> parse_trailers(std::string_view text, const HeadLimits& limits, Fault from, http::Fields& out) {
  out.clear();
  out.adopt(text);
  if (auto fields = parse_fields(text, 0, limits.fields, out); !fields)
    return unexpected(from == Fault::upstream ? blame_node(fields.error()) : fields.error());
  drop_what_no_trailer_is(out);
  return {};
}

void drop_what_no_trailer_is(http::Fields& trailers) {
  trailers.remove(kNeverTrailers);
  trailers.remove(http::kHopByHop);
  trailers.remove_unknown(http::vouches_for_client);
}

// h2c is never forwarded (RFC 9113 3.1 retired it), however a node might be got to read it.
bool may_be_offered(std::string_view protocol) {
  const std::size_t slash = protocol.find('/');
  const std::string_view name = protocol.substr(0, slash);
  if (!is_token(name)) return false;
  if (slash != std::string_view::npos && !is_token(protocol.substr(slash + 1))) return false;
  return !http::same_name(name, "h2c") && !http::same_name(name, "h2") && !http::same_name(name, "HTTP");
}

Error blame_node(Error error) {
  error.reason = Reason::upstream_bad;
  error.fault = Fault::upstream;
  error.status = 502;
  return error;
}

}  // namespace weir::codec
