#include "socket/socket_table.hpp"

#include <utility>

namespace fairlead::socket {

std::uint32_t SocketTable::open(Family family, SocketType type) {
    std::uint32_t index = free_;
    if (index == kNone) {
        index = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
    } else {
        free_ = slots_[index].next_free;
    }
    Slot& s = slots_[index];
    const std::uint32_t generation = s.generation + 1;
    s = Slot{.generation = generation == 0 ? 1 : generation, .type = type, .family = family};
    s.is_open = true;
    return index;
}

void SocketTable::close(std::uint32_t index) {
    Slot& s = slots_[index];
    if (std::exchange(s.rose, 0) != 0) ++stale_;
    s.is_open = false;
    s.connection = nullptr;
    if (s.datagrams != udp::kNoHandle) {
        slot_of_handle_[s.datagrams] = kNone;
        free_handles_.push_back(std::exchange(s.datagrams, udp::kNoHandle));
    }
    s.next_free = free_;
    free_ = index;
}

udp::Handle SocketTable::open_datagrams(std::uint32_t index) {
    if (free_handles_.empty()) {
        free_handles_.push_back(static_cast<udp::Handle>(slot_of_handle_.size()));
        slot_of_handle_.push_back(kNone);
    }
    const udp::Handle handle = free_handles_.back();
    free_handles_.pop_back();
    slot_of_handle_[handle] = index;
    slots_[index].datagrams = handle;
    return handle;
}

// An application that never asks for events must not fill the list with what it closed.
void SocketTable::drop_stale() {
    std::erase_if(listed_, [&](SocketId id) { return find(id) == nullptr; });
    reported_ = stale_ = 0;
}

bool SocketTable::take_listed(SocketId& id, Readiness& rose) {
    if (reported_ == listed_.size()) {
        listed_.clear();
        reported_ = stale_ = 0;
        return false;
    }
    id = listed_[reported_++];
    if (Slot* s = find(id); s != nullptr) rose = std::exchange(s->rose, 0);
    return true;
}

}  // namespace fairlead::socket
