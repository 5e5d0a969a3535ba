#include "proxy/tls/ticket_files.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>

#include "proxy/tls/pem_file.h"

namespace weir::tls {

namespace {

constexpr std::size_t kShort = 48;  // name, AES-128, HMAC
constexpr std::size_t kLong = 80;   // name, HMAC, AES-256

TicketKey key_of(const std::string& bytes) {
  TicketKey key{};
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::copy_n(at, 16, key.name.begin());
  if (bytes.size() == kShort) {
    key.kind = TicketKey::Kind::aes128;
    std::copy_n(at + 16, 16, key.cipher.begin());
    std::copy_n(at + 32, 16, key.mac.begin());
  } else {
    std::copy_n(at + 16, 32, key.mac.begin());
    std::copy_n(at + 48, 32, key.cipher.begin());
  }
  return key;
}

bool is_exposed(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IROTH | S_IWOTH)) != 0;
}

}  // namespace

std::string stamp_of(const std::vector<std::string>& files) {
  std::string stamp;
  for (const std::string& path : files) stamp += stamp_of_file(path);
  return stamp;
}

base::Result<std::shared_ptr<const TicketFiles>, std::string> TicketFiles::load(
    const std::vector<std::string>& files) {
  std::shared_ptr<TicketFiles> loaded(new TicketFiles);
  loaded->stamp_ = stamp_of(files);
  std::string all;
  for (const std::string& path : files) {
    auto bytes = contents_of(path);
    if (!bytes) return base::unexpected(bytes.error());
    if (bytes->size() != kShort && bytes->size() != kLong)
      return base::unexpected(
          fmt::format("{}: holds {} bytes; a key of tickets has 80 (or 48), such as openssl rand 80 makes",
                      path, bytes->size()));
    loaded->keys_.push_back(key_of(*bytes));
    all += *bytes;
    OPENSSL_cleanse(bytes->data(), bytes->size());
    if (is_exposed(path)) loaded->exposed_.push_back(path);
  }
  loaded->digest_ = sha256_of(all);
  OPENSSL_cleanse(all.data(), all.size());
  return loaded;
}

std::optional<TicketKeys::Found> TicketFiles::find(std::span<const unsigned char, 16> name) const {
  using Age = TicketKeys::Found::Age;
  for (std::size_t i = 0; i < keys_.size(); ++i)
    if (std::equal(name.begin(), name.end(), keys_[i].name.begin()))
      return TicketKeys::Found{keys_[i], i == 0 ? Age::newest : Age::older};
  return std::nullopt;
}

}  // namespace weir::tls
