// Keys of session tickets that machines share, so that a session goes on at any of them: files of random
// bytes, as nginx's ssl_session_ticket_key has them. The first makes tickets and all of them open them, so
// that a new key can be everywhere before it is the first anywhere. Immutable once loaded; any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/tls/ticket_keys.h"

namespace weir::tls {

// Changes whenever one of the files does. Asks the file system.
std::string stamp_of(const std::vector<std::string>& files);

class TicketFiles {
 public:
  static constexpr std::size_t kMost = 16;

  // At least one. The error says which file is no good, and why. Reads files.
  static base::Result<std::shared_ptr<const TicketFiles>, std::string> load(
      const std::vector<std::string>& files);

  const TicketKey& newest() const { return keys_.front(); }
  std::optional<TicketKeys::Found> find(std::span<const unsigned char, 16> name) const;

  const std::string& stamp() const { return stamp_; }    // of the files, before they were read
  const std::string& digest() const { return digest_; }  // of what they held
  // Files that everybody on the machine may read: whoever has a key can read what is said under its tickets.
  const std::vector<std::string>& exposed() const { return exposed_; }

 private:
  TicketFiles() = default;

  std::vector<TicketKey> keys_;
  std::vector<std::string> exposed_;
  std::string stamp_;
  std::string digest_;
};

}  // namespace weir::tls
