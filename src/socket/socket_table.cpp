#include "socket/socket_table.hpp"

#include <utility>

namespace fairlead::socket {

SocketId SocketTable::renew(std::uint32_t index, Family family, SocketType type) {
    Slot& s = at(index);
    const std::uint32_t generation = s.generation + 1;
    s = Slot{.generation = generation == 0 ? 1 : generation,
             .type = type,
             .family = family,
             .is_open = true};
    return {index, s.generation};
}

SocketId SocketTable::open_stream(Family family, std::uint32_t number,
                                  tcp::Connection& connection) {
    if (number >= streams_.size()) streams_.resize(number + 1);
    const SocketId id = renew(number, family, SocketType::Stream);
    streams_[number].connection = &connection;
    return id;
}

SocketId SocketTable::open_datagrams(Family family, SocketType type) {
    if (free_datagrams_.empty()) {
        free_datagrams_.push_back(static_cast<udp::Handle>(datagrams_.size()));
        datagrams_.emplace_back();
    }
    const udp::Handle handle = free_datagrams_.back();
    free_datagrams_.pop_back();
    const SocketId id = renew(index_of(handle), family, type);
    datagrams_[handle].datagrams = handle;
    return id;
}

void SocketTable::close(std::uint32_t index) {
    Slot& s = at(index);
    if (std::exchange(s.rose, 0) != 0) ++stale_;
    s.is_open = false;
    s.connection = nullptr;
    if (!s.is_stream()) free_datagrams_.push_back(std::exchange(s.datagrams, udp::kNoHandle));
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
