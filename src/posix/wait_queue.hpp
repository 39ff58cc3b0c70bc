// posix/wait_queue.hpp — who waits for an open file, and who of them is told.
//
// Owns:   Waiter (a link in one queue, and whom to tell) and WaitQueue.
// Knows:  Linux's __wake_up_common(): those who merely watch are all told, of the exclusive ones
//         the first that takes it; a key says what happened, and who does not ask for it is passed
//         over.
// Not here: what a waiter does about it (call.hpp, epoll_set.hpp).
#pragma once

#include "posix/abi.hpp"

namespace fairlead::posix {

using abi::PollMask;

inline constexpr PollMask kAnything = ~PollMask{0};  // a key of one who says no more

class WaitQueue;

struct Waiter {
    // Says whether the wake-up was taken: an exclusive one is then not given to another.
    using OnWake = bool (*)(Waiter& self, PollMask key);

    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() { leave(); }
    void leave();

    WaitQueue* queue = nullptr;
    Waiter* next = nullptr;
    Waiter* prev = nullptr;
    OnWake on_wake = nullptr;
    void* owner = nullptr;
    PollMask key = kAnything;  // what a pending call waits for
    bool is_exclusive = false;
};

class WaitQueue {
public:
    WaitQueue() = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    bool empty() const { return first_ == nullptr; }
    Waiter* first() { return first_; }
    // Exclusive ones stand behind the others, in the order in which they came.
    void add(Waiter& waiter) {
        waiter.queue = this;
        Waiter* before = waiter.is_exclusive ? nullptr : first_;
        waiter.next = before;
        waiter.prev = waiter.is_exclusive ? last_ : nullptr;
        (waiter.prev != nullptr ? waiter.prev->next : first_) = &waiter;
        (before != nullptr ? before->prev : last_) = &waiter;
    }
    void remove(Waiter& waiter) {
        (waiter.prev != nullptr ? waiter.prev->next : first_) = waiter.next;
        (waiter.next != nullptr ? waiter.next->prev : last_) = waiter.prev;
        waiter.queue = nullptr;
        waiter.next = waiter.prev = nullptr;
    }
    // `everybody`: all exclusive ones too, as when a socket's state has changed.
    void wake(PollMask key, bool everybody) {
        for (Waiter* w = first_; w != nullptr;) {
            Waiter* next = w->next;
            const bool is_taken = w->on_wake(*w, key);
            if (is_taken && w->is_exclusive && !everybody) return;
            w = next;
        }
    }

private:
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
};

inline void Waiter::leave() {
    if (queue != nullptr) queue->remove(*this);
}

}  // namespace fairlead::posix
