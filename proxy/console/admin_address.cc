#include "proxy/console/admin_address.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/config/read.h"
#include "proxy/config/read_token.h"

namespace weir::console {
namespace {

using Found = base::Result<AdminPlace, std::string>;

constexpr std::string_view kDefault = "127.0.0.1:9901";

// http:// may stand before it, as in what a browser takes.
Found parse(std::string_view text, std::string_view source) {
  std::string_view plain = text;
  if (plain.starts_with("http://")) {
    plain.remove_prefix(7);
    if (plain.ends_with('/')) plain.remove_suffix(1);
  }
  const auto address = io::Address::parse(plain);
  const bool usable = address && (address->kind == io::Address::Kind::unix_path || address->port != 0);
  if (usable) return AdminPlace{*address};
  return base::unexpected(
      fmt::format("{}: \"{}\" is no address; write HOST:PORT, [IPV6]:PORT or unix:/PATH", source, text));
}

io::Address reachable(io::Address address) {
  if (address.kind != io::Address::Kind::ip || !address.ip.is_any()) return address;
  address.ip = *io::Ip::parse(address.ip.family == io::Ip::Family::v4 ? "127.0.0.1" : "::1");
  return address;
}

std::string first_error(const config::Loaded& loaded) {
  for (const config::Diagnostic& diagnostic : loaded.diagnostics)
    if (diagnostic.level == config::Diagnostic::Level::error) return diagnostic.text();
  return "cannot be read";
}

Found from_config(const std::string& file) {
  const config::Loaded loaded = config::read_file(file);
  if (!loaded.config)
    return base::unexpected(fmt::format("{}; mend it, or say --admin ADDRESS", first_error(loaded)));
  const auto& address = loaded.config->admin.address;
  if (!address)
    return base::unexpected(fmt::format("{}: there is no admin port (admin: off), so nothing to ask", file));
  if (address->kind == io::Address::Kind::ip && address->port == 0)
    return base::unexpected(fmt::format(
        "{}: the admin port is any free one (port 0); say --admin with the one that Weir's log names", file));
  return AdminPlace{reachable(*address), loaded.config->admin.token};
}

Found find_address(const AdminSources& sources) {
  if (!sources.admin.empty()) return parse(sources.admin, "--admin");
  if (!sources.config.empty()) return from_config(sources.config);
  if (!sources.environment.empty()) return parse(sources.environment, "WEIR_ADMIN");
  return AdminPlace{*io::Address::parse(kDefault)};
}

}  // namespace

Found find_admin(const AdminSources& sources) {
  Found found = find_address(sources);
  if (!found) return found;
  if (!sources.token_file.empty()) {
    auto token = config::token_of_file(sources.token_file);
    if (!token) return base::unexpected("--token-file: " + token.error());
    found->token = std::move(*token);
  }
  if (found->token.empty()) found->token = sources.token;
  if (found->token.empty()) return found;
  if (const std::string_view why = config::objection_to_token(found->token); !why.empty())
    return base::unexpected(fmt::format("WEIR_TOKEN: {}", why));
  return found;
}

}  // namespace weir::console
