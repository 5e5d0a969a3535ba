#include "tests/unit/codec/corpus.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace weir::codec {
namespace {

// Reads the escape that `text` begins with, behind its backslash, and takes it off.
std::string take_escape(std::string_view& text) {
  const char kind = text.front();
  text.remove_prefix(1);
  switch (kind) {
    case 'r':
      return "\r";
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '0':
      return std::string(1, '\0');
    case 'x': {
      const int byte = std::stoi(std::string(text.substr(0, 2)), nullptr, 16);
      text.remove_prefix(2);
      return std::string(1, static_cast<char>(byte));
    }
    case '{': {
      const std::size_t colon = text.find(':');
      std::size_t end = colon + 1;
      while (text[end] != '}') end += text[end] == '\\' ? 2 : 1;
      const std::string once = unescape(text.substr(colon + 1, end - colon - 1));
      std::string many;
      for (int i = std::stoi(std::string(text.substr(0, colon))); i > 0; --i) many += once;
      text.remove_prefix(end + 1);
      return many;
    }
    default:
      return std::string(1, kind);
  }
}

std::string strip(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

void read_file(const std::filesystem::path& path, std::vector<Case>& cases) {
  std::ifstream file(path);
  std::vector<std::pair<std::string, std::string>> defaults;
  const std::size_t first = cases.size();
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== ")) {
      cases.push_back({path.filename(), strip(line.substr(3)), {}, {}});
    } else if (line.starts_with("|")) {
      cases.back().bytes += unescape(std::string_view(line).substr(1)) + "\r\n";
    } else if (line.starts_with("+")) {
      cases.back().bytes += unescape(std::string_view(line).substr(1));
    } else if (!line.empty() && line.front() != '#') {
      const std::size_t colon = line.find(':');
      if (colon == line.npos) throw std::runtime_error(path.string() + ": " + line);
      auto& notes = cases.size() > first ? cases.back().notes : defaults;
      notes.emplace_back(strip(line.substr(0, colon)), strip(line.substr(colon + 1)));
    }
  }
  for (std::size_t i = first; i < cases.size(); ++i) {
    const Case before = cases[i];
    for (const auto& note : defaults)
      if (before.all(note.first).empty()) cases[i].notes.push_back(note);
  }
}

}  // namespace

std::string unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    text.remove_prefix(1);
    out += take_escape(text);
  }
  return out;
}

std::string as_bytes(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const bool two = (lead == 0xc2 || lead == 0xc3) && i + 1 < text.size();
    bytes += two ? static_cast<char>((lead & 3) << 6 | (text[i + 1] & 0x3f)) : text[i];
    i += two;
  }
  return bytes;
}

std::vector<std::string> Case::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : notes)
    if (name == key) values.push_back(value);
  return values;
}

std::string Case::get(std::string_view key, std::string_view otherwise) const {
  const auto values = all(key);
  return values.empty() ? std::string(otherwise) : values.front();
}

std::vector<Case> read_corpus(std::string_view folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(WEIR_SOURCE_DIR "/tests/corpus/").append(folder)))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Case> cases;
  for (const auto& path : paths) read_file(path, cases);
  return cases;
}

}  // namespace weir::codec
