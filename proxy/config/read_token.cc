#include "proxy/config/read_token.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include "proxy/config/source.h"

namespace weir::config {
namespace {

constexpr std::size_t kLeast = 16, kMost = 1024;
constexpr std::string_view kFile = "file:";
constexpr std::string_view kToken = "file:/PATH, ${NAME}, a text, or off";

void warn_of_readers(const Field& field, const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IROTH | S_IWOTH)) == 0) return;
  field.report.warning(
      field.value.at, field.path,
      fmt::format("everybody on this machine may read {}; chmod 640 it, or 600", in_quotes(path)));
}

void read_file_token(const Field& field, const std::string& path, std::optional<std::string>& out) {
  if (!path.starts_with('/'))
    return field.fail(fmt::format("{} is no whole path; allowed: file:/PATH", in_quotes(path)));
  auto token = token_of_file(path);
  if (!token) return field.fail(token.error());
  warn_of_readers(field, path);
  out = std::move(*token);
}

}  // namespace

void read_token(const Field& field, std::optional<std::string>& out) {
  if (!field.must_be(Value::Kind::scalar, kToken)) return;
  const std::string& text = field.value.text;
  if (text == "off") return out.emplace(), void();
  if (text.starts_with(kFile)) return read_file_token(field, text.substr(kFile.size()), out);
  if (const std::string_view why = objection_to_token(text); !why.empty())
    return field.fail(std::string(why));
  if (field.value.source == Value::Source::file)
    field.report.warning(field.value.at, field.path,
                         "stands in this file, for all who read it; file:/PATH or ${NAME} keep it elsewhere");
  out = text;
}

base::Result<std::string, std::string> token_of_file(const std::string& path) {
  Report report(path);
  auto text = load(path, report);
  if (!text) return base::unexpected(report.take().front().text());
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (const std::string_view why = objection_to_token(*text); !why.empty())
    return base::unexpected(fmt::format("{}: {}", path, why));
  return std::move(*text);
}

std::string_view objection_to_token(std::string_view text) {
  if (text.size() < kLeast)
    return "is too short to be secret; allowed: 16 to 1024 characters, such as openssl rand -hex 32 makes";
  if (text.size() > kMost) return "is longer than 1024 characters; openssl rand -hex 32 makes a good one";
  const std::string_view body = text.substr(0, text.find_last_not_of('=') + 1);
  const bool fits = !body.empty() &&
                    body.find_first_not_of(
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") == body.npos;
  return fits ? std::string_view()
              : "is no bearer token; allowed: A-Z a-z 0-9 - . _ ~ + / and, at its end, =";
}

}  // namespace weir::config
