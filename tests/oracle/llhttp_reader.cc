#include "tests/oracle/llhttp_reader.h"

#include <llhttp.h>

namespace weir::oracle {
namespace {

struct Reader {
  Reading reading;
  bool is_head = false;
  bool in_value = false;
};

Reader& of(llhttp_t* parser) {
  return *static_cast<Reader*>(parser->data);
}
Message& message(llhttp_t* parser) {
  return of(parser).reading.messages.back();
}

int on_message_begin(llhttp_t* parser) {
  of(parser).reading.messages.emplace_back();
  of(parser).in_value = false;
  return 0;
}

int on_url(llhttp_t* parser, const char* at, std::size_t size) {
  message(parser).target.append(at, size);
  return 0;
}

auto& fields_under_way(llhttp_t* parser) {
  Message& now = message(parser);
  return now.head_complete ? now.trailers : now.fields;
}

int on_header_field(llhttp_t* parser, const char* at, std::size_t size) {
  auto& fields = fields_under_way(parser);
  if (fields.empty() || of(parser).in_value) fields.emplace_back();
  of(parser).in_value = false;
  fields.back().first.append(at, size);
  return 0;
}

int on_header_value(llhttp_t* parser, const char* at, std::size_t size) {
  of(parser).in_value = true;
  fields_under_way(parser).back().second.append(at, size);
  return 0;
}

int on_headers_complete(llhttp_t* parser) {
  Message& now = message(parser);
  now.head_complete = true;
  of(parser).in_value = true;
  if (parser->type == HTTP_REQUEST)
    now.method = llhttp_method_name(static_cast<llhttp_method_t>(parser->method));
  now.status = parser->type == HTTP_RESPONSE ? parser->status_code : 0;
  const bool bodyless = of(parser).is_head || now.status == 204 || now.status == 304;
  return bodyless && now.status >= 200 ? 1 : 0;  // llhttp knows neither the request nor RFC 9112 6.3 rule 1
}

int on_body(llhttp_t* parser, const char* at, std::size_t size) {
  message(parser).body.append(at, size);
  return 0;
}

int on_message_complete(llhttp_t* parser) {
  message(parser).complete = true;
  return 0;
}

// llhttp hands out an empty value only sometimes; a name alone has it too.
int on_header_value_complete(llhttp_t* parser) {
  of(parser).in_value = true;
  return 0;
}

Reading read(std::string_view bytes, llhttp_type_t type, bool is_head) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_message_begin = on_message_begin;
  settings.on_url = on_url;
  settings.on_header_field = on_header_field;
  settings.on_header_value = on_header_value;
  settings.on_header_value_complete = on_header_value_complete;
  settings.on_headers_complete = on_headers_complete;
  settings.on_body = on_body;
  settings.on_message_complete = on_message_complete;
  Reader reader;
  reader.is_head = is_head;
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  parser.data = &reader;
  llhttp_errno_t result = llhttp_execute(&parser, bytes.data(), bytes.size());
  if (result == HPE_PAUSED_UPGRADE) {
    if (llhttp_get_error_pos(&parser) != bytes.data() + bytes.size())
      reader.reading.error = "bytes behind an upgrade";
    return reader.reading;
  }
  if (result == HPE_OK && type == HTTP_RESPONSE && llhttp_message_needs_eof(&parser))
    result = llhttp_finish(&parser);
  if (result != HPE_OK)
    reader.reading.error = std::string(llhttp_errno_name(result)) + " " +
                           (llhttp_get_error_reason(&parser) ? llhttp_get_error_reason(&parser) : "");
  return reader.reading;
}

}  // namespace

Reading read_requests(std::string_view bytes) {
  return read(bytes, HTTP_REQUEST, false);
}

Reading read_responses(std::string_view bytes, std::string_view method) {
  return read(bytes, HTTP_RESPONSE, method == "HEAD");
}

bool knows_method(std::string_view method) {
#define WEIR_METHOD(number, name, text) \
  if (method == #text) return true;
  HTTP_METHOD_MAP(WEIR_METHOD)
#undef WEIR_METHOD
  return false;
}

}  // namespace weir::oracle
