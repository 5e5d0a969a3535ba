// Where objects go that must not be destroyed inside their own callback. The runtime empties it between
// turns.
#pragma once

#include <memory>
#include <vector>

namespace weir::base {

class Graveyard {
 public:
  template <class T>
  void retire(std::unique_ptr<T> object) {
    if (object) dead_.push_back({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }
  bool empty() const { return dead_.empty(); }
  // Destroying may retire more; those go too.
  void clear() {
    while (!dead_.empty()) {
      Dead dead = dead_.back();
      dead_.pop_back();
      dead.destroy(dead.object);
    }
  }
  Graveyard() = default;
  Graveyard(const Graveyard&) = delete;
  Graveyard& operator=(const Graveyard&) = delete;
  ~Graveyard() { clear(); }

 private:
  struct Dead {
    void* object;
    void (*destroy)(void*);
  };
  std::vector<Dead> dead_;
};

}  // namespace weir::base
