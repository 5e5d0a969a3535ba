#include "proxy/codec/h2_pairs.h"

#include <charconv>

#include "proxy/base/put.h"

namespace weir::codec {
namespace {

using http::FieldId;

// A guesser must not learn them from how well they compress (RFC 7541 7.1.3).
constexpr http::FieldSet kSecrets = {FieldId::authorization, FieldId::proxy_authorization};
constexpr std::size_t kShortCookie = 20;
// Different in each message, so that they would only push others out of the peer's table.
constexpr http::FieldSet kUnique = {FieldId::x_request_id};

bool is_secret(const http::Field& field) {
  if (field.id == FieldId::cookie) return field.value.size() < kShortCookie;
  return kSecrets.has(field.id);
}

std::string_view digits(std::uint64_t number, char (&text)[24]) {
  return {text, static_cast<std::size_t>(std::to_chars(text, text + sizeof text, number).ptr - text)};
}

void put_length(const http::BodyLength& length, H2Pairs& out) {
  char text[24];
  if (length.kind == http::BodyLength::Kind::bytes) out.add("content-length", digits(length.bytes, text));
}

}  // namespace

void H2Pairs::clear() {
  text_.clear();
  pairs_.clear();
}

H2Pairs::Pair H2Pairs::operator[](std::size_t index) const {
  const Entry& entry = pairs_[index];
  const char* name = text_.data() + entry.at;
  return {{name, entry.name_size}, {name + entry.name_size, entry.value_size}, entry.keep};
}

void H2Pairs::add(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size(), whole = at + name.size() + value.size();
  text_.resize_and_overwrite(whole, [&](char* text, std::size_t) {
    base::put(base::put(text + at, name), value);
    return whole;
  });
  pairs_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size()), Pair::Keep::anywhere});
}

void H2Pairs::add(const http::Fields& fields, std::string_view without) {
  fields.for_each([&](const http::Field& field) {
    if (http::kHopByHop.has(field.id)) return;
    if (!without.empty() && http::same_name(field.name, without)) return;
    add(field.name, field.value);
    if (is_secret(field) || kUnique.has(field.id)) pairs_.back().keep = Pair::Keep::nowhere;
  });
}

void put_response(const http::Response& response, int status, H2Pairs& out) {
  char text[24];
  out.clear();
  out.add(":status", digits(static_cast<std::uint64_t>(status), text));
  out.add(response.fields);
  if (status >= 200 && status != 204) put_length(response.length, out);
}

void put_request(const http::Request& request, std::string_view scheme, std::string_view protocol,
                 H2Pairs& out) {
  const bool connect = !protocol.empty();
  out.clear();
  out.add(":method", connect ? std::string_view("CONNECT") : std::string_view(request.method_text));
  out.add(":scheme", scheme);
  out.add(":authority", request.authority);
  out.add(":path", request.target);
  if (connect) out.add(":protocol", protocol);
  out.add(request.fields, connect ? std::string_view("Sec-WebSocket-Key") : std::string_view());
  if (!connect) put_length(request.length, out);
  if (request.expects_continue) out.add("expect", "100-continue");
  if (request.accepts_trailers) out.add("te", "trailers");
}

}  // namespace weir::codec
