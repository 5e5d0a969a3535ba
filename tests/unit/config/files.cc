#include "tests/unit/config/files.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "proxy/config/yaml_reader.h"
#include "tests/unit/catch.h"

namespace weir::config {

namespace {

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

constexpr std::string_view kMore = "# ---- More";

// A secret, which a file of the repository cannot be: everybody may read those.
struct TicketKeyFile {
  TicketKeyFile() {
    std::ofstream(path, std::ios::binary) << std::string(80, 'k');
    std::filesystem::permissions(path,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  ~TicketKeyFile() { std::filesystem::remove(path); }

  const std::string path =
      std::filesystem::temp_directory_path() / ("weir-tickets-" + std::to_string(::getpid()) + ".key");
};

std::string ticket_key() {
  static const TicketKeyFile file;
  return file.path;
}

// Puts "section key" into `found` for each key in the tree; names of pools become *, items [].
void collect(const Value& value, const std::string& path, std::set<std::string>& found) {
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    if (value.kind == Value::Kind::list) {
      collect(*value.items[i], path + "[]", found);
      continue;
    }
    const std::string key = path == "pools" ? "*" : value.keys[i].text;
    found.insert(path + " " + key);
    collect(*value.items[i], path.empty() ? key : path + "." + key, found);
  }
}

}  // namespace

std::set<std::filesystem::path> yaml_files(const char* folder) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "tests" / "config" / folder))
    if (entry.path().extension() == ".yaml") files.insert(entry.path());
  return files;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

Loaded load(const std::filesystem::path& path) {
  setenv("WEIR_TEST_WORKERS", "3", 1);
  setenv("WEIR_TEST_NAME", "edge", 1);
  setenv("WEIR_TEST_TOKEN", "0123456789abcdef", 1);
  setenv("WEIR_TEST_LIST", "[1, 2]", 1);
  setenv("WEIR_TEST_TLS", WEIR_SOURCE_DIR "/tests/tls", 1);
  return read_text(contents(path), path.filename().string());
}

std::string messages(const Loaded& loaded) {
  std::string text;
  for (const auto& diagnostic : loaded.diagnostics) text += diagnostic.text() + "\n";
  return text;
}

// With certificates that are there.
std::string example() {
  std::string text = contents(kRoot / "config.example.yaml");
  const std::string folder = kRoot / "tests" / "tls";
  for (const auto& [shown, real] : {std::pair("/etc/weir/example.com", "/a-ecdsa"),
                                    {"/etc/weir/example.org", "/ocsp/both"},
                                    {"/etc/weir/certificates", "/folder"},
                                    {"/etc/weir/clients-ca", "/clients/ca"},
                                    {"/etc/weir/clients-crl", "/clients/crl"}})
    for (std::size_t at = 0; (at = text.find(shown, at)) != text.npos;)
      text.replace(at, std::string_view(shown).size(), folder + real);
  constexpr std::string_view kTickets = "/etc/weir/tickets.key";
  text.replace(text.find(kTickets), kTickets.size(), ticket_key());
  return text;
}

std::string first_part() {
  const std::string text = example();
  return text.substr(0, text.find(kMore));
}

// "#key: value" becomes live; "# words" stays a comment.
std::string with_defaults_live() {
  std::istringstream lines(first_part());
  std::string line, text;
  while (std::getline(lines, line)) {
    const std::size_t at = line.find_first_not_of(' ');
    if (at != line.npos && line[at] == '#' && at + 1 < line.size() && line[at + 1] != ' ') line.erase(at, 1);
    text += line + "\n";
  }
  return text;
}

std::string second_part() {
  const std::string whole = example();
  std::istringstream lines(whole.substr(whole.find('\n', whole.find(kMore))));
  std::string line, text;
  while (std::getline(lines, line)) text += (line.starts_with('#') ? line.substr(1) : line) + "\n";
  return text;
}

std::set<std::string> keys_of(const std::string& text) {
  std::set<std::string> found;
  Report report("example");
  const ValuePtr root = read_yaml(text, report);
  REQUIRE(root);
  collect(*root, "", found);
  return found;
}

}  // namespace weir::config
