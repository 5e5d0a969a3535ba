// What a codec told those above it, as text that tests compare: one line an event, bodies joined, so that the
// same bytes in other pieces must give the same transcript.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/message.h"

namespace weir::codec {

inline constexpr http::BodyLength kUnknown{http::BodyLength::Kind::unknown, 0};

std::string told(const http::Fields& fields);    // "Name=value|Name=value"
std::string told(const http::Request& request);  // all of a head, in one line
std::string told(const http::Response& response);

class Transcript {
 public:
  void line(std::string_view text) {
    end_body();
    text_.append(text).append("\n");
  }
  void body(std::string_view bytes) {
    if (bytes.empty()) return;  // a sign of life, which depends on how the bytes were cut
    if (!in_body_) text_ += "body ";
    in_body_ = true;
    text_ += bytes;
  }
  // Ends what was joined so far.
  const std::string& text() {
    end_body();
    return text_;
  }
  bool has(std::string_view part) { return text().find(part) != std::string::npos; }
  void clear() {
    text_.clear();
    in_body_ = false;
  }

 private:
  void end_body() {
    if (in_body_) text_ += "\n";
    in_body_ = false;
  }
  std::string text_;
  bool in_body_ = false;
};

}  // namespace weir::codec
