#include "proxy/config/read_log.h"

#include <algorithm>
#include <iterator>

#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

void read_path(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed =
      "stdout, stderr, off, a file's path, or syslog: and the path of a unix socket, such as syslog:/dev/log";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (text == "syslog") return field.refuse(std::string(kAllowed) + "; did you mean syslog:/dev/log?");
  if (text.empty() || text.size() >= 4096 || text.find('\0') != text.npos) return field.refuse(kAllowed);
  if (text.starts_with(kSyslog) && !io::Address::parse("unix:" + text.substr(kSyslog.size())))
    return field.refuse(kAllowed);
  out = text;
}

void read_format(const Field& field, AccessLog& out) {
  constexpr std::string_view kAllowed =
      "json, combined, or a template with fields in braces, such as '{time} {client} {path} {status}'";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (text == "json" || text == "combined") {
    out.format = text == "json" ? LogFormat::json : LogFormat::combined;
    return;
  }
  if (text.find('{') == text.npos) return field.refuse(kAllowed);
  auto parsed = LogTemplate::parse(text);
  if (!parsed) return field.fail(parsed.error());
  out.format = LogFormat::custom;
  out.custom = std::move(*parsed);
}

}  // namespace

void read_log(const Field& field, Log& out) {
  const Section section(field, keys::kLog);
  section.read("level", read_word<base::LogLevel>, out.level, std::span(kLogLevels));
  section.read("format", read_word<base::LogStyle>, out.format, std::span(kLogStyles));
}

void read_access_log(const Field& field, AccessLog& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off") {
    out.path = "off";
    return;
  }
  if (!field.must_be(Value::Kind::map, "off, or a map with " + joined(keys::kAccessLogKeys))) return;
  const Section section(field, keys::kAccessLog);
  section.read("path", read_path, out.path);
  section.read("format", read_format, out);
  section.read("sample", read_sample, out.sample);
}

}  // namespace weir::config
