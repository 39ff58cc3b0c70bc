// preload/session.hpp — this process and its host.
//
// Owns:      the control connection (opened when it is first needed, and anew in the child of a fork),
//            the arenas that are mapped.
// Rules:     one request at a time; signals wait meanwhile. Whoever has started in the program keeps its
//            access: a child that changes its user or its root was connected before it did.
// Not here:  what the requests mean (calls_*.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "preload/table.hpp"

namespace fairlead::preload {

struct Ask {
    host::Op op{};
    host::SocketKey key{};
    std::array<std::uint32_t, 3> arguments{};
    std::span<const std::byte> bytes{};
    int fd = -1;  // goes along
};

struct Told {
    host::Reply reply{};
    std::array<std::byte, host::kMostBytes> bytes{};
    std::array<int, 3> fds{-1, -1, -1};
    int fd_count = 0;
    std::span<std::byte> more{};  // what comes behind all of the bytes goes here
};

// Whether this program's internet sockets are a host's.
bool is_hosted();

// How long it wants its programs to look before they sleep, in microseconds; -1: there is none yet.
std::int64_t spin_of_host();

// Whether some socket of the host had what descriptors do not show (unusual.hpp).
bool is_any_unusual();

// 0 and more, or an errno, negative: ENETDOWN where there is no host any more.
int ask(const Ask& what, Told& told);
int ask(const Ask& what);

// The socket of that slot, from now on of that generation; null: its arena is not mapped.
Socket* place_socket(const host::SocketKey& key, std::uint32_t flags);
// A new socket's locks are made by whoever has it first.
void make_locks(const Socket& socket);

// A descriptor that came from elsewhere (exec, a message): one of ours, if it is one.
void adopt(int fd);

}  // namespace fairlead::preload
