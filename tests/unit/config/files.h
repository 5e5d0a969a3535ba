// The configurations that tests are made of: config.example.yaml with its parts, and tests/config.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "proxy/config/read.h"

namespace weir::config {

std::string contents(const std::filesystem::path& path);

// The golden files of tests/config/FOLDER, read with the environment that they ask for.
std::set<std::filesystem::path> yaml_files(const char* folder);
Loaded load(const std::filesystem::path& path);
std::string messages(const Loaded& loaded);  // a line each

std::string example();             // config.example.yaml
std::string first_part();          // what is live in it
std::string with_defaults_live();  // the same, and the defaults that it shows in comments
std::string second_part();         // the keys without default

// "section key" for each key in the text, as keys::kAll names sections.
std::set<std::string> keys_of(const std::string& text);

}  // namespace weir::config
