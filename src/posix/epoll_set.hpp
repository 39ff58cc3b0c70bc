// posix/epoll_set.hpp — an epoll instance: what it watches, and what is ready.
//
// Owns:   EpollItem, one for each (open file, descriptor), with a place in the file's wait queue;
//         the ready list; who waits in epoll_wait().
// Knows:  fs/eventpoll.c: an edge is a wake-up of the file, level is asked again at each wait, a
//         one-shot item sleeps until it is modified, an exclusive one counts as told only when
//         somebody waits; nesting and its limits.
// Not here: which file is ready now (open_file_table.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "fairlead/error.hpp"
#include "posix/wait_queue.hpp"

namespace fairlead::posix {

class EpollSet;
class OpenFileTable;
struct OpenFile;

struct EpollEvent {
    std::uint32_t events = 0;
    std::uint64_t data = 0;
};

struct EpollItem {
    EpollSet* set = nullptr;
    OpenFile* file = nullptr;
    int fd = -1;
    PollMask events = 0;
    std::uint64_t data = 0;
    Waiter waiter{};  // in the file's queue
    bool is_ready = false;
    EpollItem* next_ready = nullptr;
    EpollItem* prev_ready = nullptr;
};

class EpollSet {
public:
    EpollSet(OpenFileTable& files, OpenFile& self) : files_{files}, self_{self} {}
    EpollSet(const EpollSet&) = delete;
    EpollSet& operator=(const EpollSet&) = delete;

    // Exists, NoSuchEntry, InvalidArgument, NotPermitted, TooManyLinks, as epoll_ctl(2).
    Result<void> control(int operation, OpenFile& target, int fd, const EpollEvent& event);
    // How many of `into` were filled.
    std::size_t collect(std::span<EpollEvent> into);
    // May there be something? Level items are asked when they are collected.
    bool has_candidates() const { return first_ready_ != nullptr; }
    // Is something ready indeed: what poll() says of the set itself.
    bool is_ready();
    // The file is gone: all items that watch it go.
    static void forget(OpenFile& file);

    WaitQueue& waiting() { return waiting_; }
    OpenFile& file() { return self_; }
    std::size_t size() const { return items_.size(); }

private:
    static constexpr int kMostNested = 4;  // EP_MAX_NESTS

    static bool on_wake(Waiter& waiter, PollMask key);
    static EpollSet* watcher_of(const Waiter& waiter);
    Result<void> add(OpenFile& target, int fd, const EpollEvent& event);
    void queue_ready(EpollItem& item);
    void unqueue(EpollItem& item);
    void tell();
    void recheck(EpollItem& item);
    PollMask state_of(const EpollItem& item);
    int depth_below(const EpollSet& inserting_into, int depth) const;
    int depth_above(int depth) const;

    using Key = std::pair<int, const OpenFile*>;
    OpenFileTable& files_;
    OpenFile& self_;
    std::map<Key, std::unique_ptr<EpollItem>> items_;
    EpollItem* first_ready_ = nullptr;
    EpollItem* last_ready_ = nullptr;
    WaitQueue waiting_{};
};

}  // namespace fairlead::posix
