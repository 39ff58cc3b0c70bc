#include "posix/epoll_set.hpp"

#include <algorithm>

#include "posix/open_file_table.hpp"

namespace fairlead::posix {
namespace {

// What is no event but a way of telling (EP_PRIVATE_BITS).
constexpr PollMask kManner = abi::kWakeup | abi::kOneShot | abi::kEdge | abi::kExclusive;
constexpr PollMask kExclusiveMay =
    abi::kIn | abi::kOut | abi::kError | abi::kHangup | abi::kWakeup | abi::kEdge | abi::kExclusive;
constexpr PollMask kAlways = abi::kError | abi::kHangup;

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }

}  // namespace

EpollSet* EpollSet::watcher_of(const Waiter& waiter) {
    if (waiter.on_wake != &EpollSet::on_wake) return nullptr;
    return static_cast<EpollItem*>(waiter.owner)->set;
}

Result<void> EpollSet::control(int operation, OpenFile& target, int fd, const EpollEvent& event) {
    const bool has_event = operation != abi::kEpollDelete;
    if (has_event && (event.events & abi::kExclusive) != 0) {
        if (operation == abi::kEpollModify) return refused(Errc::InvalidArgument);
        const bool is_odd = (event.events & ~kExclusiveMay) != 0;
        if (operation == abi::kEpollAdd && (target.kind == FileKind::Epoll || is_odd)) {
            return refused(Errc::InvalidArgument);
        }
    }
    if (operation == abi::kEpollAdd && target.kind == FileKind::Epoll) {
        const int below = target.epoll->depth_below(*this, 0);
        if (below > kMostNested || below + 1 + depth_above(0) > kMostNested) {
            return refused(Errc::TooManyLinks);
        }
    }
    const auto found = items_.find({fd, &target});
    switch (operation) {
        case abi::kEpollAdd:
            if (found != items_.end()) return refused(Errc::Exists);
            return add(target, fd, event);
        case abi::kEpollDelete:
            if (found == items_.end()) return refused(Errc::NoSuchEntry);
            unqueue(*found->second);
            items_.erase(found);
            return {};
        case abi::kEpollModify: {
            if (found == items_.end()) return refused(Errc::NoSuchEntry);
            EpollItem& item = *found->second;
            if ((item.events & abi::kExclusive) != 0) return refused(Errc::InvalidArgument);
            item.events = event.events | kAlways;
            item.data = event.data;
            recheck(item);
            return {};
        }
        default: return refused(Errc::InvalidArgument);
    }
}

Result<void> EpollSet::add(OpenFile& target, int fd, const EpollEvent& event) {
    auto item = std::make_unique<EpollItem>();
    item->set = this;
    item->file = &target;
    item->fd = fd;
    item->events = event.events | kAlways;
    item->data = event.data;
    item->waiter.owner = item.get();
    item->waiter.on_wake = &EpollSet::on_wake;
    item->waiter.is_exclusive = (event.events & abi::kExclusive) != 0;
    target.queue.add(item->waiter);
    EpollItem& added = *items_.emplace(Key{fd, &target}, std::move(item)).first->second;
    recheck(added);
    return {};
}

// ep_poll_callback()
bool EpollSet::on_wake(Waiter& waiter, PollMask key) {
    auto& item = *static_cast<EpollItem*>(waiter.owner);
    const bool is_exclusive = waiter.is_exclusive;
    if ((item.events & ~kManner) == 0 || (key & item.events) == 0) return !is_exclusive;
    EpollSet& set = *item.set;
    const bool is_waited_for = !set.waiting_.empty();
    if (!item.is_ready) set.queue_ready(item);
    set.tell();
    if (!is_exclusive) return true;
    // Of in and out, the one that happened must be the one that was asked for.
    const PollMask way = key & (abi::kIn | abi::kOut);
    const bool is_meant = way == 0 || way == (abi::kIn | abi::kOut) || (item.events & way) != 0;
    return is_waited_for && is_meant;
}

void EpollSet::tell() {
    waiting_.wake(abi::kIn | abi::kReadNormal, false);
    self_.queue.wake(abi::kIn | abi::kReadNormal, false);
}

void EpollSet::recheck(EpollItem& item) {
    if (state_of(item) == 0 || item.is_ready) return;
    queue_ready(item);
    tell();
}

PollMask EpollSet::state_of(const EpollItem& item) {
    return files_.poll_mask(*item.file) & item.events & ~kManner;
}

void EpollSet::queue_ready(EpollItem& item) {
    item.is_ready = true;
    item.next_ready = nullptr;
    item.prev_ready = last_ready_;
    (last_ready_ != nullptr ? last_ready_->next_ready : first_ready_) = &item;
    last_ready_ = &item;
}

void EpollSet::unqueue(EpollItem& item) {
    if (!item.is_ready) return;
    (item.prev_ready != nullptr ? item.prev_ready->next_ready : first_ready_) = item.next_ready;
    (item.next_ready != nullptr ? item.next_ready->prev_ready : last_ready_) = item.prev_ready;
    item.is_ready = false;
    item.next_ready = item.prev_ready = nullptr;
}

// ep_send_events(): a level item goes to the end of the list again, so that the next wait asks it.
std::size_t EpollSet::collect(std::span<EpollEvent> into) {
    std::size_t count = 0;
    EpollItem* const last = last_ready_;
    bool is_last = last == nullptr;
    while (!is_last && count < into.size()) {
        EpollItem& item = *first_ready_;
        is_last = &item == last;
        unqueue(item);
        const PollMask state = state_of(item);
        if (state == 0) continue;
        into[count++] = {.events = state, .data = item.data};
        if ((item.events & abi::kOneShot) != 0) {
            item.events &= kManner;
        } else if ((item.events & abi::kEdge) == 0) {
            queue_ready(item);
        }
    }
    if (first_ready_ != nullptr) waiting_.wake(abi::kIn | abi::kReadNormal, false);
    return count;
}

bool EpollSet::is_ready() {
    EpollItem* item = first_ready_;
    while (item != nullptr) {
        EpollItem* const next = item->next_ready;
        if (state_of(*item) != 0) return true;
        unqueue(*item);
        item = next;
    }
    return false;
}

void EpollSet::forget(OpenFile& file) {
    for (Waiter* w = file.queue.first(); w != nullptr;) {
        Waiter* const next = w->next;
        if (EpollSet* set = watcher_of(*w)) {
            auto& item = *static_cast<EpollItem*>(w->owner);
            set->unqueue(item);
            set->items_.erase({item.fd, item.file});
        }
        w = next;
    }
}

int EpollSet::depth_below(const EpollSet& inserting_into, int depth) const {
    int deepest = 0;
    for (const auto& [key, item] : items_) {
        if (item->file->kind != FileKind::Epoll) continue;
        const EpollSet& below = *item->file->epoll;
        if (&below == &inserting_into || depth > kMostNested) return kMostNested + 1;
        deepest = std::max(deepest, below.depth_below(inserting_into, depth + 1) + 1);
        if (deepest > kMostNested) break;
    }
    return deepest;
}

int EpollSet::depth_above(int depth) const {
    int highest = 0;
    if (depth > kMostNested) return highest;
    for (const Waiter* w = self_.queue.first(); w != nullptr; w = w->next) {
        if (const EpollSet* set = watcher_of(*w)) {
            highest = std::max(highest, set->depth_above(depth + 1) + 1);
        }
    }
    return highest;
}

}  // namespace fairlead::posix
