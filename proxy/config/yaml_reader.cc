#include "proxy/config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "proxy/config/environment.h"

namespace weir::config {

namespace {

Position position(const YAML::Mark& mark) {
  if (mark.is_null()) return {1, 1};
  return {mark.line + 1, mark.column + 1};
}

// Puts the library's events together; the innermost open list or map is the last of open_.
class TreeBuilder : public YAML::EventHandler {
 public:
  enum class Wanted : std::uint8_t { values, written };

  TreeBuilder(Report& report, Wanted wanted) : report_(report), wanted_(wanted) {}

  ValuePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2)
      report_.error(position(mark), "",
                    "a second document begins here, or what stands here belongs to none; a file holds one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Value::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Value::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<Value> value;
    YAML::anchor_t anchor;
  };

  static std::shared_ptr<Value> make(Value::Kind kind, const YAML::Mark& mark) {
    auto value = std::make_shared<Value>();
    value->kind = kind;
    value->at = position(mark);
    return value;
  }
  void open(Value::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style);
  void close();
  void done(std::shared_ptr<Value> value, YAML::anchor_t anchor);
  void add_key(Value& map, const Value& key);
  void check_tag(const YAML::Mark& mark, const std::string& tag);
  bool key_is_due() const {
    return !open_.empty() && open_.back().value->kind == Value::Kind::map &&
           open_.back().value->keys.size() == open_.back().value->items.size();
  }

  Report& report_;
  const Wanted wanted_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::shared_ptr<Value>> anchors_;
  ValuePtr root_;
  std::size_t expanded_ = 0;
  int documents_ = 0;
};

// The library finds out that a value is missing only at what follows; its key is where an operator looks.
void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  auto value = make(Value::Kind::null, mark);
  if (!open_.empty() && open_.back().value->kind == Value::Kind::map && !key_is_due())
    value->at = open_.back().value->keys.back().at;
  done(std::move(value), anchor);
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) throw YAML::ParserException(mark, "an alias stands inside of its own anchor");
  expanded_ += found->second->size;
  if (expanded_ > kMaxAliasValues)
    throw YAML::ParserException(mark, fmt::format("aliases expand to more than {} values", kMaxAliasValues));
  if (wanted_ == Wanted::values) return done(found->second, 0);
  found->second->use = Value::Use::shared;
  auto value = std::make_shared<Value>(*found->second);
  value->use = Value::Use::alias;
  value->at = position(mark);
  done(std::move(value), 0);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& text) {
  check_tag(mark, tag);
  auto value = make(Value::Kind::scalar, mark);
  value->text = text;
  if (wanted_ == Wanted::values && !key_is_due()) {
    if (const std::string why = expand_environment(value->text); !why.empty()) {
      report_.error(value->at, "", why);
      value->kind = Value::Kind::bad;
    }
    if (value->text != text) value->source = Value::Source::environment;
  }
  done(std::move(value), anchor);
}

void TreeBuilder::open(Value::Kind kind, const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
  check_tag(mark, tag);
  open_.push_back({make(kind, mark), anchor});
  if (style == YAML::EmitterStyle::Flow) open_.back().value->style = Value::Style::flow;
}

void TreeBuilder::close() {
  Open closed = std::move(open_.back());
  open_.pop_back();
  done(std::move(closed.value), closed.anchor);
}

void TreeBuilder::done(std::shared_ptr<Value> value, YAML::anchor_t anchor) {
  if (anchor != 0) anchors_[anchor] = value;
  if (open_.empty()) {
    if (documents_ == 1) root_ = std::move(value);
    return;
  }
  const bool is_key = key_is_due();
  Value& outer = *open_.back().value;
  outer.size += value->size;
  if (is_key) {
    add_key(outer, *value);
  } else {
    outer.items.push_back(std::move(value));
  }
}

void TreeBuilder::add_key(Value& map, const Value& key) {
  if (key.kind != Value::Kind::scalar) report_.error(key.at, "", "a key is not text; a key is a plain word");
  map.keys.push_back({key.text, key.at});
}

// "?" and "!" are the library's words for plain and quoted values.
void TreeBuilder::check_tag(const YAML::Mark& mark, const std::string& tag) {
  if (tag.empty() || tag == "?" || tag == "!") return;
  report_.error(position(mark), "", fmt::format("the tag {} has no meaning here; leave it out", tag));
}

ValuePtr read_tree(std::string_view text, Report& report, TreeBuilder::Wanted wanted) {
  TreeBuilder builder(report, wanted);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // Two at most: at a stray token the library goes on finding empty documents for ever.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& failure) {
    report.error(position(failure.mark), "", "not readable as YAML: " + failure.msg);
    return nullptr;
  }
  ValuePtr root = builder.root();
  if (!root || root->kind == Value::Kind::null) {
    report.error({1, 1}, "", "the file is empty; pools is required");
    return nullptr;
  }
  return root;
}

}  // namespace

ValuePtr read_yaml(std::string_view text, Report& report) {
  return read_tree(text, report, TreeBuilder::Wanted::values);
}

ValuePtr read_written(std::string_view text, Report& report) {
  return read_tree(text, report, TreeBuilder::Wanted::written);
}

}  // namespace weir::config
