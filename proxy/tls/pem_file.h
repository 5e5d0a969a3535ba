// Files that operators name: read whole, and told apart by what the file system says of them.
#pragma once

#include <cstdint>
#include <string>

#include <openssl/asn1.h>

#include "proxy/base/result.h"
#include "proxy/tls/openssl.h"

namespace weir::tls {

// Empty, or why it cannot be read as a file is, its path first. What is no file might never end, or never
// begin.
std::string objection_to_file(const std::string& path);

// The error: why it cannot be read, its path first.
base::Result<std::string, std::string> contents_of(const std::string& path);

// Changes whenever the file does: where it lies, when it was written, its size. Asks the file system.
std::string stamp_of_file(const std::string& path);

// Reads PEM from a text that outlives it.
Owned<BIO> reader_of(const std::string& text);

// SHA-256, in hex.
std::string sha256_of(const std::string& bytes);

// Seconds since 1970; 0: it is no time.
std::int64_t seconds_of(const ASN1_TIME* time);

}  // namespace weir::tls
