#include "proxy/tls/pem_file.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

namespace weir::tls {

std::string objection_to_file(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0)
    return fmt::format("{}: can't be read: {}", path, std::strerror(errno));
  return S_ISREG(status.st_mode) ? std::string() : fmt::format("{}: is not a file", path);
}

base::Result<std::string, std::string> contents_of(const std::string& path) {
  if (std::string why = objection_to_file(path); !why.empty()) return base::unexpected(std::move(why));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.bad() && file.is_open()) return text;
  return base::unexpected(fmt::format("{}: can't be read", path));
}

std::string stamp_of_file(const std::string& path) {
  struct stat status{};
  std::string stamp;
  if (::stat(path.c_str(), &status) != 0) stamp = fmt::format("{} ", errno);
  stamp += fmt::format("{}:{}:{}:{}.{} ", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                       status.st_mtim.tv_nsec);
  return stamp;
}

Owned<BIO> reader_of(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string sha256_of(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(::timegm(&parts))
                                                               : 0;
}

}  // namespace weir::tls
