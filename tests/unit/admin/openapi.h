// docs/openapi.json, and whether an answer is what it says: as much of JSON Schema as stands there.
#pragma once

#include <algorithm>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir::admin {

class OpenApi {
 public:
  using Json = nlohmann::json;

  OpenApi() : root_(Json::parse(std::ifstream(WEIR_SOURCE_DIR "/docs/openapi.json"))) {}

  const Json& paths() const { return root_.at("paths"); }

  // What is wrong with this answer to a request; "" if nothing is.
  std::string fault(const std::string& method, const std::string& path, int status, const std::string& type,
                    const std::string& body) const {
    const Json& responses = paths().at(path).at(method).at("responses");
    const std::string code = std::to_string(status);
    const Json& response = follow(responses.contains(code) ? responses.at(code) : responses.at("default"));
    if (!response.at("content").contains(type)) return fmt::format("{}: a body of type {}", status, type);
    if (type != "application/json") return {};
    return mismatch(response.at("content").at(type).at("schema"), Json::parse(body), "body");
  }

 private:
  const Json& follow(const Json& part) const {
    if (!part.contains("$ref")) return part;
    return root_.at(Json::json_pointer(part.at("$ref").get<std::string>().substr(1)));
  }

  std::string mismatch(const Json& reference, const Json& value, const std::string& at) const {
    const Json& schema = follow(reference);
    if (schema.contains("anyOf")) {
      for (const Json& each : schema.at("anyOf"))
        if (mismatch(each, value, at).empty()) return {};
      return at + " is none of several";
    }
    if (schema.contains("type") && !has_type(schema.at("type"), value))
      return fmt::format("{} is {}, no {}", at, value.dump(), schema.at("type").dump());
    if (schema.contains("enum") && !contains(schema.at("enum"), value))
      return fmt::format("{} is {}", at, value.dump());
    if (schema.contains("const") && schema.at("const") != value)
      return fmt::format("{} is {}", at, value.dump());
    return value.is_object()  ? of_object(schema, value, at)
           : value.is_array() ? of_list(schema, value, at)
                              : "";
  }

  std::string of_object(const Json& schema, const Json& value, const std::string& at) const {
    for (const Json& key : schema.value("required", Json::array()))
      if (!value.contains(key.get<std::string>())) return fmt::format("{} lacks {}", at, key.dump());
    const Json known = schema.value("properties", Json::object());
    for (const auto& [key, member] : value.items()) {
      if (known.contains(key)) {
        if (std::string wrong = mismatch(known.at(key), member, at + "." + key); !wrong.empty()) return wrong;
      } else if (schema.value("additionalProperties", true) == false) {
        return fmt::format("{} has {}, which is not described", at, key);
      }
    }
    return {};
  }

  std::string of_list(const Json& schema, const Json& value, const std::string& at) const {
    for (const Json& item : value)
      if (std::string wrong = mismatch(schema.at("items"), item, at + "[]"); !wrong.empty()) return wrong;
    return {};
  }

  static bool contains(const Json& list, const Json& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
  static bool has_type(const Json& type, const Json& value) {
    if (type.is_array())
      return std::any_of(type.begin(), type.end(), [&](const Json& each) { return has_type(each, value); });
    if (type == "integer") return value.is_number_integer();
    return type == (value.is_number() ? "number" : std::string(value.type_name()));
  }

  const Json root_;
};

}  // namespace weir::admin
