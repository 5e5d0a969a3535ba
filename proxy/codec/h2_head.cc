#include "proxy/codec/h2_head.h"

#include "proxy/codec/h1_grammar.h"
#include "proxy/http/uri.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Retry;
using base::unexpected;
using http::FieldId;
using http::Method;
using Length = http::BodyLength::Kind;

constexpr std::size_t kFraming = 4;   // of a field, in an HTTP/1.1 head: ": " and the line's end
constexpr std::size_t kBesides = 11;  // of a request line: two spaces and the version, and the line's end
constexpr std::size_t kMostName = 1024;
constexpr std::size_t kMostMethod = 64;

unexpected<Error> malformed(std::string_view detail) {
  return unexpected(Error{Reason::bad_request, Fault::downstream, Retry::never, 0, detail});
}

unexpected<Error> refused(std::uint16_t status, std::string_view detail) {
  return unexpected(Error{Reason::bad_request, Fault::downstream, Retry::never, status, detail});
}

bool has_body(const http::BodyLength& length) {
  return length.kind == Length::unknown || length.bytes > 0;
}

// Some servers want to be told of the length of a body that is not there.
bool says_no_length(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch;
}

Result<void> settle_expect(http::Request& out) {
  const auto expect = out.fields.get(FieldId::expect);
  if (!expect) return {};
  if (out.fields.repeated(FieldId::expect) || !http::same_name(*expect, "100-continue"))
    return refused(417, "an Expect other than 100-continue");
  out.expects_continue = has_body(out.length);
  out.fields.remove(FieldId::expect);
  return {};
}

// Nothing of this hop, and no framing: `length` says it.
void drop_hop_by_hop(http::Fields& fields) {
  fields.remove(http::kHopByHop);
  fields.remove(FieldId::content_length);
}

}  // namespace

void H2Head::clear() {
  request_.clear();
  path_.clear();
  protocol_.clear();
  cookie_.clear();
  refusal_ = {};
  size_ = fields_ = 0;
  status_ = 0;
}

void H2Head::begin(std::int32_t stream, Kind kind) {
  clear();
  stream_ = stream;
  kind_ = kind;
}

bool H2Head::add(std::string_view name, std::string_view value, const HeadLimits& limits) {
  size_ += name.size() + value.size() + kFraming;
  if (size_ > limits.head) refuse(431, "the header is too large");
  if (refusal_.status != 0) return true;
  if (name.starts_with(':')) return add_pseudo(name, value, limits);
  const FieldId id = http::field_id(name);
  if ((id == FieldId::other && !is_token(name)) || !is_field_value(value)) return false;
  if (name.size() > kMostName) return refuse(431, "a field name over 1024 bytes"), true;
  if (id == FieldId::cookie) {
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
    return true;
  }
  if (++fields_ > limits.fields) return refuse(431, "too many header fields"), true;
  request_.fields.add(name, value);
  return true;
}

bool H2Head::add_pseudo(std::string_view name, std::string_view value, const HeadLimits& limits) {
  if (name == ":path" && value.size() > limits.start_line)
    refuse(414, "the request line is too long");
  else if (name == ":path")
    path_ = value;
  else if (name == ":method")
    request_.method_text = value;
  else if (name == ":scheme")
    request_.scheme = value;
  else if (name == ":authority")
    request_.authority = value;
  else if (name == ":protocol")
    protocol_ = value;
  else if (name == ":status" && value.size() == 3)
    status_ = static_cast<int>(parse_decimal(value).value_or(0));
  else
    return false;
  return true;
}

// The first reason stands.
void H2Head::refuse(std::uint16_t status, std::string_view detail) {
  if (refusal_.status == 0) refusal_ = {Reason::too_large, Fault::downstream, Retry::never, status, detail};
}

Result<void> H2Head::finish_request(Ends ends, const HeadLimits& limits, http::Request& out) {
  out.clear();
  out.take(request_);
  out.version = http::Version::http2;
  out.target = path_;  // for the log
  if (auto good = settle_method(out); !good) return good;
  if (refusal_.status != 0) return unexpected(refusal_);
  if (!cookie_.empty()) out.fields.add(FieldId::cookie, cookie_);
  if (auto good = settle_authority(out); !good) return good;
  if (out.method == Method::connect) return settle_connect(out);
  if (auto good = settle_target(limits, out); !good) return good;
  if (protocol_.empty()) {
    if (auto good = settle_length(ends, out.fields, out.length); !good) return good;
    if (ends == Ends::here && out.length.kind == Length::none && says_no_length(out.method))
      out.length = {Length::bytes, 0};
    if (auto good = settle_expect(out); !good) return good;
  } else {
    out.fields.remove(FieldId::expect);
  }
  out.accepts_trailers = out.fields.has(FieldId::te);  // nothing else may stand there (RFC 9113 8.2.2)
  drop_hop_by_hop(out.fields);
  return {};
}

// An extended CONNECT is to the node what it was before HTTP/2: a GET that offers another protocol.
Result<void> H2Head::settle_method(http::Request& out) {
  if (!is_token(out.method_text)) return malformed("a bad method");
  if (out.method_text.size() > kMostMethod) return refused(400, "a method over 64 bytes");
  out.method = http::method_of(out.method_text);
  if (protocol_.empty() || out.method != Method::connect) return {};
  if (!may_be_offered(protocol_)) return refused(501, "a protocol that is not passed on");
  out.method_text = "GET";
  out.method = Method::get;
  out.upgrade = protocol_;
  return {};
}

Result<void> H2Head::settle_authority(http::Request& out) const {
  const auto host = out.fields.get(FieldId::host);
  if (out.fields.repeated(FieldId::host)) return malformed("more than one host");
  if (host && !http::valid_host(*host)) return malformed("a bad host");
  if (out.authority.empty() && host) out.authority = *host;
  if (!http::valid_host(out.authority)) return malformed("a bad :authority");
  if (host && !http::same_authority(out.scheme, *host, out.authority))
    return malformed("a host at odds with :authority");
  out.fields.remove(FieldId::host);
  return {};
}

Result<void> H2Head::settle_connect(http::Request& out) {
  if (!http::parse_target(Method::connect, out.authority)) return malformed("a bad :authority of CONNECT");
  return refused(405, "CONNECT");
}

Result<void> H2Head::settle_target(const HeadLimits& limits, http::Request& out) const {
  for (char& c : out.scheme) c = base::lower(c);
  if (out.scheme != "http" && out.scheme != "https")
    return refused(400, "a scheme other than http and https");
  if (out.method_text.size() + path_.size() + kBesides > limits.start_line)
    return unexpected(
        Error{Reason::too_large, Fault::downstream, Retry::never, 414, "the request line is too long"});
  const auto target = http::parse_target(out.method, path_);
  if (!target) return malformed(target.error().detail);
  if (target->form == http::Target::Form::absolute) return malformed("a :path that names a host");
  http::normalise(target->path_and_query, out.target);
  return {};
}

Result<void> H2Head::settle_length(Ends ends, const http::Fields& fields, http::BodyLength& out) const {
  const auto length = fields.get(FieldId::content_length);
  if (fields.repeated(FieldId::content_length)) return malformed("more than one content-length");
  if (length) {
    const auto bytes = parse_decimal(*length);
    if (!bytes) return malformed("a bad content-length");
    out = {Length::bytes, *bytes};
  } else {
    out = {ends == Ends::here ? Length::none : Length::unknown, 0};
  }
  return {};
}

// What breaks the rules is the node's fault, and there is one answer to all of it.
Result<void> H2Head::finish_response(Ends ends, http::Response& out) {
  out.clear();
  out.version = http::Version::http2;
  if (refusal_.status != 0) return unexpected(blame_node(refusal_));
  if (status_ < 100) return unexpected(blame_node(malformed("a bad :status").error()));
  if (status_ == 101) return unexpected(blame_node(malformed("a 101 over HTTP/2").error()));
  out.status = status_;
  out.fields.swap(request_.fields);
  if (!cookie_.empty()) out.fields.add(FieldId::cookie, cookie_);
  if (auto good = settle_length(ends, out.fields, out.length); !good)
    return unexpected(blame_node(good.error()));
  drop_hop_by_hop(out.fields);
  return {};
}

Result<void> H2Head::finish_trailers(http::Fields& out) {
  out.clear();
  if (refusal_.status != 0) return unexpected(refusal_);
  out.swap(request_.fields);
  drop_what_no_trailer_is(out);
  return {};
}

}  // namespace weir::codec
