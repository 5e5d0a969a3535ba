// Who may ask beyond what is open to all: whoever bears the token, where there is one (RFC 6750 2.1). A plain
// value.
#pragma once

#include <string>
#include <string_view>

namespace weir::admin {

class Token {
 public:
  Token() = default;  // everybody
  explicit Token(std::string text) : text_(std::move(text)) {}

  // `authorization` is that field's value. How long it takes says nothing of where the two part.
  bool lets_in(std::string_view authorization) const;
  friend bool operator==(const Token&, const Token&) = default;

 private:
  std::string text_;  // "": none is wanted
};

}  // namespace weir::admin
