// Certificates as files hold them.
#include "proxy/tls/certificate.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"

namespace weir::tls {

namespace {

const std::string kCertificates = WEIR_SOURCE_DIR "/tests/tls/";

base::Result<std::shared_ptr<const Certificate>, std::string> load_pair(const std::string& cert,
                                                                        const std::string& key) {
  return Certificate::load({kCertificates + cert, kCertificates + key});
}

std::string refusal(const std::string& cert, const std::string& key) {
  const auto loaded = load_pair(cert, key);
  return loaded ? "none" : loaded.error().substr(loaded.error().rfind('/') + 1);
}

}  // namespace

TEST_CASE("a certificate knows its names, its kind and its time") {
  const auto ecdsa = load_pair("a-ecdsa.pem", "a-ecdsa.key");
  REQUIRE(ecdsa);
  CHECK((*ecdsa)->names() == std::vector<std::string>{"a.test", "*.w.test"});
  CHECK((*ecdsa)->kind() == Certificate::Kind::ecdsa);
  CHECK((*ecdsa)->not_after() - (*ecdsa)->not_before() == 36500LL * 86400);
  CHECK((*ecdsa)->fingerprint().size() == 64);
  const auto rsa = load_pair("a-rsa.pem", "a-rsa.key");
  REQUIRE(rsa);
  CHECK((*rsa)->kind() == Certificate::Kind::rsa);
  CHECK((*rsa)->fingerprint() != (*ecdsa)->fingerprint());
}

TEST_CASE("the common name stands for names that are not given otherwise, in lower case") {
  CHECK((*load_pair("b.pem", "b.key"))->names() == std::vector<std::string>{"b.test"});
  CHECK((*load_pair("c.pem", "c.key"))->names() == std::vector<std::string>{"c.test"});
}

TEST_CASE("certificate and key may be one file, and a chain stands behind the first") {
  CHECK((*load_pair("c-both.pem", "c-both.pem"))->names() == std::vector<std::string>{"c.test"});
  CHECK((*load_pair("chain.pem", "c.key"))->names() == std::vector<std::string>{"leaf.test"});
}

TEST_CASE("what cannot be served with is refused, by file and reason") {
  CHECK(refusal("none.pem", "c.key") == "none.pem: can't be read: No such file or directory");
  CHECK(refusal("c.pem", "none.key") == "none.key: can't be read: No such file or directory");
  CHECK(load_pair("", "c.key").error() == kCertificates + ": is not a file");
  CHECK(refusal("c.key", "c.key") == "c.key: holds no certificate in PEM (no start line)");
  CHECK(refusal("c.pem", "c.pem") == "c.pem: holds no private key in PEM (unsupported)");
  CHECK(refusal("a-ecdsa.pem", "locked.key") ==
        "locked.key: the key needs a password; Weir takes keys without one");
  CHECK(refusal("a-ecdsa.pem", "c.key") == "a-ecdsa.pem");  // "... is not the key of ..."
  CHECK(refusal("weak.pem", "weak.key") == "weak.pem: cannot be served with: ee key too small");
}

TEST_CASE("the stamp of its files changes when one of them does") {
  const std::string folder =
      std::filesystem::temp_directory_path() / ("weir-tls-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const CertificateFiles files{folder + "/cert", folder + "/key"};
  CHECK(stamp_of(files) == stamp_of(files));
  const std::string none = stamp_of(files);
  std::ofstream(files.cert) << "1";
  const std::string one = stamp_of(files);
  CHECK(one != none);
  std::ofstream(files.key) << "1";
  const std::string both = stamp_of(files);
  CHECK(both != one);
  std::ofstream(folder + "/new") << "1";
  std::filesystem::rename(folder + "/new", files.cert);
  CHECK(stamp_of(files) != both);
  std::filesystem::remove_all(folder);
}

}  // namespace weir::tls
