// A doubly linked list whose links live in its members: linking and unlinking allocate nothing and take
// constant time, and a member that is destroyed leaves its list by itself. One Tag a list that a member may
// be on.
#pragma once

#include <cstddef>

#include "proxy/base/check.h"

namespace weir::base {

template <class Tag>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class IntrusiveList;
  ListHook* prev_ = nullptr;
  ListHook* next_ = nullptr;
};

// T derives from ListHook<Tag>. The list owns nothing.
template <class T, class Tag>
class IntrusiveList {
 public:
  using Hook = ListHook<Tag>;

  IntrusiveList() { head_.prev_ = head_.next_ = &head_; }
  ~IntrusiveList() {
    while (!empty()) front().Hook::unlink();
    head_.prev_ = head_.next_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return static_cast<T&>(*head_.next_); }
  T& back() { return static_cast<T&>(*head_.prev_); }
  void push_back(T& item) { insert_before(head_, item); }
  void push_front(T& item) { insert_before(*head_.next_, item); }
  T& pop_front() {
    T& item = front();
    static_cast<Hook&>(item).unlink();
    return item;
  }
  // Takes every member of `other`, in order.
  void splice(IntrusiveList& other) {
    while (!other.empty()) push_back(other.pop_front());
  }
  // The first of which this is true; nullptr: none.
  template <class F>
  T* find(F&& matches) {
    for (Hook* at = head_.next_; at != &head_; at = at->next_)
      if (T& member = static_cast<T&>(*at); matches(member)) return &member;
    return nullptr;
  }
  // Calls f with each member; f may unlink the member it is given, and no other.
  template <class F>
  void for_each(F&& f) {
    for (Hook* at = head_.next_; at != &head_;) {
      Hook* next = at->next_;
      f(static_cast<T&>(*at));
      at = next;
    }
  }

 private:
  void insert_before(Hook& at, T& item) {
    Hook& hook = item;
    WEIR_CHECK(!hook.linked());
    hook.prev_ = at.prev_;
    hook.next_ = &at;
    at.prev_->next_ = &hook;
    at.prev_ = &hook;
  }
  Hook head_;
};

}  // namespace weir::base
