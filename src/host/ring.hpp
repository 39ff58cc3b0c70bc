// host/ring.hpp — bytes in a ring that two processes share.
//
// Owns:      the arithmetic of free-running indices, the pieces that a range of a ring lies in, and
//            the host's check of an index that a program has written.
// Rules:     whoever writes bytes keeps its own index privately; an index of the other side is loaded
//            once and goes through accept_*(), or is not used.
// Not here:  where the indices lie (arena.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "host/arena.hpp"

namespace fairlead::host {

using Piece = std::span<std::byte>;

// What lies from `index` on, `count` bytes (at most the ring), in one piece or two.
inline std::array<Piece, 2> ring_pieces(Ring ring, std::uint32_t index, std::uint32_t count) {
    const std::uint32_t place = index & (ring.bytes - 1);
    const std::uint32_t first = std::min(count, ring.bytes - place);
    return {Piece{ring.base + place, first}, Piece{ring.base, count - first}};
}

// How many bytes are to be put from `tail` on until a ring of that size may double. There all that the
// ring holds lies in its first half to be, at places that are the same in both; what comes goes behind.
constexpr std::uint32_t until_doubling(std::uint32_t tail, std::uint32_t bytes) {
    return (bytes - tail) & (2 * bytes - 1);
}

inline void ring_put(Ring ring, std::uint32_t index, std::span<const std::byte> bytes) {
    for (const Piece& piece : ring_pieces(ring, index, static_cast<std::uint32_t>(bytes.size()))) {
        if (piece.empty()) continue;
        std::memcpy(piece.data(), bytes.data(), piece.size());
        bytes = bytes.subspan(piece.size());
    }
}

inline void ring_get(Ring ring, std::uint32_t index, std::span<std::byte> into) {
    for (const Piece& piece : ring_pieces(ring, index, static_cast<std::uint32_t>(into.size()))) {
        if (piece.empty()) continue;
        std::memcpy(into.data(), piece.data(), piece.size());
        into = into.subspan(piece.size());
    }
}

// The host's two indices of a ring: one that it writes, one of the program that it has seen.
struct RingIndices {
    std::uint32_t head = 0;  // where the next byte is taken
    std::uint32_t tail = 0;  // where the next byte is put
    std::uint32_t doublings = 0;

    std::uint32_t bytes() const { return kRingBytes << doublings; }
    std::uint32_t used() const { return tail - head; }
    std::uint32_t room() const { return bytes() - used(); }
    // A side that waits is told of room when there is so much.
    std::uint32_t enough() const { return bytes() / 3; }
    // The program says that it has put more. False: that cannot be.
    bool accept_tail(std::uint32_t said) {
        if (said - head > bytes() || said - head < used()) return false;
        tail = said;
        return true;
    }
    // The program has doubled it. False: it may not.
    bool accept_doublings(std::uint32_t said, std::uint32_t granted) {
        if (said < doublings || said > granted) return false;
        doublings = said;
        return true;
    }
    // The program says that it has taken more. False: that cannot be.
    bool accept_head(std::uint32_t said) {
        if (tail - said > used()) return false;
        head = said;
        return true;
    }
};

// Datagrams lie in a ring as records: a head, the name, control messages, the bytes; then up to the
// next multiple of kRecordUnit.
struct RecordHead {
    std::uint32_t payload = 0;
    std::uint16_t name = 0;
    std::uint16_t control = 0;
    std::uint32_t flags = 0;  // of the message: MSG_TRUNC and its like
    std::uint32_t whole = 0;  // what the datagram had, where more than the payload
};
static_assert(sizeof(RecordHead) == 16);

inline constexpr std::uint32_t kRecordUnit = 16;
inline constexpr std::uint32_t kMostPayload = 65535;
inline constexpr std::uint32_t kMostName = 128;
inline constexpr std::uint32_t kMostControl = 512;

constexpr std::uint32_t record_bytes(const RecordHead& head) {
    const std::uint32_t sum =
        std::uint32_t{sizeof(RecordHead)} + head.name + head.control + head.payload;
    return (sum + kRecordUnit - 1) / kRecordUnit * kRecordUnit;
}

// Whether a record of that head can be, where `there` bytes are.
constexpr bool is_possible(const RecordHead& head, std::uint32_t there) {
    return head.payload <= kMostPayload && head.name <= kMostName && head.control <= kMostControl &&
           record_bytes(head) <= there;
}

inline constexpr std::uint32_t kLargestRecord =
    record_bytes({.payload = kMostPayload, .name = kMostName, .control = kMostControl});

}  // namespace fairlead::host
