#include "proxy/core/grpc_web.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/policy/grpc.h"

namespace weir::core {
namespace {

using http::FieldId;

constexpr std::string_view kGrpc = "application/grpc";
constexpr std::string_view kWeb = "application/grpc-web";
constexpr std::string_view kText = "-text";
constexpr char kTrailers = '\x80';  // the frame of a message that is none

bool begins(std::string_view text, std::string_view start) {
  return http::same_name(text.substr(0, start.size()), start);
}

// What follows a type's name: its message format, its parameters.
bool ends_name(std::string_view rest) {
  return rest.empty() || std::string_view("+; \t").find(rest.front()) != std::string_view::npos;
}

bool asks_for_text(std::string_view accept) {
  const std::string wanted = std::string(kWeb) + std::string(kText);
  for (std::size_t at = 0; at + wanted.size() <= accept.size(); ++at)
    if (begins(accept.substr(at), wanted)) return true;
  return false;
}

std::string lower(std::string_view name) {
  std::string lowered(name);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), base::lower);
  return lowered;
}

}  // namespace

std::unique_ptr<GrpcWeb> GrpcWeb::translate(http::Request& request, http::Stream& client) {
  const std::string_view type = request.fields.get(FieldId::content_type).value_or("");
  if (!begins(type, kWeb)) return nullptr;
  std::string_view rest = type.substr(kWeb.size());
  const bool text = begins(rest, kText);
  if (text) rest.remove_prefix(kText.size());
  if (!ends_name(rest)) return nullptr;
  const std::string_view accept = request.fields.get(FieldId::accept).value_or("");
  const bool text_back = asks_for_text(accept) || (text && accept.find("grpc-web") == std::string_view::npos);
  const std::string spoken = std::string(kGrpc) + std::string(rest);
  request.fields.set(FieldId::content_type, spoken);
  request.accepts_trailers = true;
  if (text && request.length.kind == http::BodyLength::Kind::bytes)
    request.length = {http::BodyLength::Kind::unknown, 0};
  return std::unique_ptr<GrpcWeb>(
      new GrpcWeb(client, text ? Coding::text : Coding::binary, text_back ? Coding::text : Coding::binary));
}

std::string_view GrpcWeb::Pieces::add(std::string_view made, std::size_t in) {
  Piece* piece = &last();
  if (piece->made.capacity() - piece->made.size() < made.size()) {
    if (!piece->made.empty()) piece = &pieces_.emplace_back();
    piece->made.reserve(std::max(made.size(), kRoom));
  }
  const std::size_t at = piece->made.size();
  piece->made += made;
  piece->out += made.size();
  piece->in += in;
  return std::string_view(piece->made).substr(at);
}

void GrpcWeb::Pieces::add(std::size_t bytes) {
  last().out += bytes;
  last().in += bytes;
}

std::size_t GrpcWeb::Pieces::take(std::size_t out) {
  std::size_t in = 0;
  while (!pieces_.empty()) {
    Piece& piece = pieces_.front();
    const std::size_t gone = std::min(piece.out, out);
    piece.out -= gone;
    out -= gone;
    if (piece.out > 0) break;
    in += piece.in;
    pieces_.pop_front();
  }
  return in;
}

std::optional<std::string_view> GrpcWeb::receive(std::string_view bytes) {
  if (request_ == Coding::binary) return bytes;
  digits_ += bytes;
  const std::size_t whole = digits_.size() / 4 * 4;
  auto decoded = base::from_base64(std::string_view(digits_).substr(0, whole));
  if (!decoded) return std::nullopt;
  digits_.erase(0, whole);
  return to_node_.add(*decoded, bytes.size());
}

std::size_t GrpcWeb::sent(std::size_t bytes) {
  return to_client_.take(bytes);
}

void GrpcWeb::grant(std::size_t bytes) {
  const std::size_t came = request_ == Coding::binary ? bytes : to_node_.take(bytes);
  if (came > 0) client_.grant(came);
}

void GrpcWeb::send(http::Event&& event) {
  if (auto* head = std::get_if<http::ResponseHead>(&event)) {
    send_head(*head->head);
  } else if (const auto* body = std::get_if<http::Body>(&event)) {
    send_body(body->bytes);
  } else if (const auto* trailers = std::get_if<http::Trailers>(&event); trailers && is_call_) {
    send_trailers(*trailers->fields);
  } else {
    client_.send(std::move(event));
  }
}

void GrpcWeb::send_head(http::Response& head) {
  const std::string_view type = head.fields.get(FieldId::content_type).value_or("");
  is_call_ = !head.interim() && policy::is_grpc(type);
  if (is_call_) {
    std::string web(kWeb);
    if (response_ == Coding::text) web += kText;
    web += type.substr(kGrpc.size());
    head.fields.set(FieldId::content_type, web);
    const bool empty = head.length.kind == http::BodyLength::Kind::bytes && head.length.bytes == 0;
    if (!empty) head.length = {http::BodyLength::Kind::unknown, 0};
  }
  client_.send(http::ResponseHead{&head});
}

// Each piece of text is padded, so that none of it waits for more.
void GrpcWeb::send_body(std::string_view bytes) {
  if (is_call_ && response_ == Coding::text) {
    client_.send(http::Body{to_client_.add(base::to_base64(bytes), bytes.size())});
  } else {
    to_client_.add(bytes.size());
    client_.send(http::Body{bytes});
  }
}

void GrpcWeb::send_trailers(const http::Fields& trailers) {
  std::string lines;
  trailers.for_each([&lines](const http::Field& field) {
    lines += lower(field.name);
    lines += ':';
    lines += field.value;
    lines += "\r\n";
  });
  std::string frame(1, kTrailers);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(lines.size() >> shift & 0xff);
  frame += lines;
  if (response_ == Coding::text) frame = base::to_base64(frame);
  client_.send(http::Body{to_client_.add(frame, 0)});
}

}  // namespace weir::core
