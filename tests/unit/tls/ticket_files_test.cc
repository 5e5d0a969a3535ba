// Keys of session tickets from files.
#include "proxy/tls/ticket_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"

namespace weir::tls {

namespace {

struct KeyFolder {
  KeyFolder() { std::filesystem::create_directory(path); }
  ~KeyFolder() { std::filesystem::remove_all(path); }
  // So many bytes, each one more than the one before.
  std::string file(const std::string& name, std::size_t size, unsigned char first = 0,
                   mode_t mode = 0600) const {
    const std::string at = path + "/" + name;
    std::ofstream out(at, std::ios::binary);
    for (std::size_t i = 0; i < size; ++i) out.put(static_cast<char>(first + i));
    out.close();
    ::chmod(at.c_str(), mode);
    return at;
  }

  const std::string path =
      std::filesystem::temp_directory_path() / ("weir-ticket-files-" + std::to_string(::getpid()));
};

}  // namespace

TEST_CASE("files of 80 and of 48 bytes are laid out as nginx has them") {
  const KeyFolder folder;
  const auto loaded = TicketFiles::load({folder.file("long", 80), folder.file("short", 48, 100)});
  REQUIRE(loaded);
  const TicketKey& first = (*loaded)->newest();
  CHECK(first.kind == TicketKey::Kind::aes256);
  CHECK(first.name[0] == 0);
  CHECK(first.mac_key().size() == 32);
  CHECK(first.mac_key()[0] == 16);
  CHECK(first.cipher_key().size() == 32);
  CHECK(first.cipher_key()[0] == 48);
  CHECK(first.cipher_key()[31] == 79);
  std::array<unsigned char, 16> name{};
  for (std::size_t i = 0; i < name.size(); ++i) name[i] = static_cast<unsigned char>(100 + i);
  const auto second = (*loaded)->find(name);
  REQUIRE(second);
  CHECK(second->age == TicketKeys::Found::Age::older);
  CHECK(second->key.kind == TicketKey::Kind::aes128);
  CHECK(second->key.cipher_key().size() == 16);
  CHECK(second->key.cipher_key()[0] == 116);
  CHECK(second->key.mac_key().size() == 16);
  CHECK(second->key.mac_key()[0] == 132);
  CHECK((*loaded)->find(first.name)->age == TicketKeys::Found::Age::newest);
  name[0] = 0;
  CHECK_FALSE((*loaded)->find(name));
}

TEST_CASE("files of another size are none, and those that everybody may read are named") {
  const KeyFolder folder;
  for (const std::size_t size : {0U, 16U, 47U, 49U, 64U, 79U, 81U, 4096U}) {
    const auto loaded = TicketFiles::load({folder.file("good", 80), folder.file("bad", size)});
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().find("/bad: holds " + std::to_string(size) + " bytes") != std::string::npos);
  }
  CHECK_FALSE(TicketFiles::load({folder.path + "/none"}));
  const std::string open = folder.file("open", 80, 0, 0644);
  CHECK((*TicketFiles::load({folder.file("good", 80), open}))->exposed() == std::vector<std::string>{open});
}

TEST_CASE("what files hold tells them apart, and their stamp when they change") {
  const KeyFolder folder;
  const std::vector<std::string> files = {folder.file("key", 80)};
  const auto one = TicketFiles::load(files);
  CHECK((*one)->stamp() == stamp_of(files));
  folder.file("new", 80, 7);
  std::filesystem::rename(folder.path + "/new", files.front());
  CHECK((*one)->stamp() != stamp_of(files));
  CHECK((*TicketFiles::load(files))->digest() != (*one)->digest());
}

}  // namespace weir::tls
