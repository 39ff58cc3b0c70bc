// host/arena.hpp — the memory that a host and its programs share: where what lies, and who writes it.
//
// Owns:      the layout of an arena (a header, slots, two rings a slot) and of the page that tells of
//            the host; the bits of a socket's status.
// Rules:     a line of a slot has one writer, but for `Both`, which is changed by exchange or add
//            only. Indices run freely and wrap at 2^32; a ring's place is the index modulo its size.
//            The writer of an index stores with release, the reader loads with acquire. A ring
//            doubles where that moves no byte of it (ring.hpp). The host
//            believes nothing that a program writes (ring.hpp), and reads nothing back of what it wrote.
// Shared by: the host (src/host) and the library in the program (src/preload), which may be of
//            different builds: kLayoutVersion is compared when a program comes.
// Not here:  how it is made and mapped, how bytes move, how sleepers are woken.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fairlead::host {

inline constexpr std::uint32_t kLayoutVersion = 7;
inline constexpr std::size_t kLine = 64;
inline constexpr std::size_t kPage = 4096;
inline constexpr std::uint32_t kRingBytes = 128 * 1024;  // of a ring at first
inline constexpr std::uint32_t kMostDoublings = 2;
inline constexpr std::uint32_t kMostRingBytes = kRingBytes << kMostDoublings;
inline constexpr std::uint32_t kSlots = 16384;  // of an arena
inline constexpr std::uint32_t kWordBits = 64;
inline constexpr std::uint32_t kDirtyWords = kSlots / kWordBits;
inline constexpr std::uint32_t kDirtySums = kDirtyWords / kWordBits;

using Word = std::atomic<std::uint32_t>;
using Bits = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && Bits::is_always_lock_free);

// What has become of a socket; the host's word.
inline constexpr std::uint32_t kStatusConnecting = 1;
inline constexpr std::uint32_t kStatusConnected = 2;
inline constexpr std::uint32_t kStatusReadEnd = 4;   // after what the ring holds comes the end
inline constexpr std::uint32_t kStatusWriteEnd = 8;  // nothing more can be written
inline constexpr std::uint32_t kStatusReset = 16;    // it is over; `error` says why
inline constexpr std::uint32_t kStatusListening = 32;
inline constexpr std::uint32_t kStatusErrors = 64;  // its error queue holds something

// Of an error (Slot::host.error): what a call returns is the lowest bits.
inline constexpr std::uint32_t kErrorNumber = 0x3fff;
inline constexpr std::uint32_t kErrorQueued = 0x4000;  // the error queue holds something, too
inline constexpr std::uint32_t kErrorOfSend = 0x8000;  // of a datagram that was not sent

// Of the urgent byte (Slot::host.urgent): the byte itself is the lowest eight bits.
inline constexpr std::uint32_t kUrgentByte = 0xff;
inline constexpr std::uint32_t kUrgentInline = 0x100;   // it lies among the others
inline constexpr std::uint32_t kUrgentCount = 0x10000;  // one for each byte; 0: there was none
constexpr std::uint32_t urgent_count(std::uint32_t word) { return word / kUrgentCount; }

// How far the ring of what is sent lets the program go on.
inline constexpr std::uint32_t kRoomThere = 0;
// The program has found it full, and nobody sees that in its descriptor.
inline constexpr std::uint32_t kRoomWanted = 1;
// It has put a filler into its descriptor, or is about to.
inline constexpr std::uint32_t kRoomFilled = 2;

struct Slot {
    // Where each arrival is an edge, as many tokens may wait. What comes then is noted, and is an edge
    // once the library has taken tokens back.
    static constexpr std::uint32_t kMostTokens = 64;

    struct alignas(kLine) {
        Word tx_tail;
        Word rx_head;  // of a listener: connections taken
        Word tx_doublings;
        Word tx_urgents;     // how often there was urgent data
        Word tx_urgent_at;   // behind the last byte of it
        Word urgent_passed;  // the number of the urgent byte that was read over,
        Word urgent_taken;   // and of that which was read by itself
        Word linger;         // close() waits for so many seconds, less one; 0: it does not
    } program;
    struct alignas(kLine) {
        Word tx_head;
        Word rx_tail;  // of a listener: connections handed over
        Word status;
        Word error;  // an errno in the low half, in the high half how many came before it
        Word rx_doublings;
        Word tx_granted;  // so many doublings the program may make
        Word urgent;      // what the peer said was urgent
        Word urgent_at;   // where it is, or would be, in the ring
    } host;
    struct alignas(kLine) {
        Word rx_tokens;     // bytes in the program's descriptor
        Word tx_room;       // kRoomThere, kRoomWanted, kRoomFilled
        Word wants_space;   // the host waits for space in the ring of what is received
        Word error_taken;   // the `error` that a call has returned
        Word is_taken;      // a program has the descriptor (of a connection that was handed over)
        Word is_edge;       // somebody waits for edges: each arrival is one
        Word wants_edge;    // tokens were taken back, and an arrival is still to be one
        Word edge_skipped;  // an arrival found no place for its token
        Word has_urgent_token;  // the program's descriptor shows POLLPRI
        Word is_lazy;  // nobody has asked yet whether the descriptor is readable or writable
        Word waiters;  // of a lazy one: those that sleep until it is readable
    } both;
    // Two mutexes of the program's side, for its readers and for its writers.
    alignas(kLine) std::byte locks[2 * kLine];

    // Of both sides: a store before it is seen, or the other's is by a load after it.
    static void fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
};
static_assert(sizeof(Slot) == 5 * kLine);

struct ArenaHeader {
    // Which slots the host shall look at: a bit for each, and above them a bit for each word.
    alignas(kLine) Bits dirty_sum[kDirtySums];
    alignas(kLine) Bits dirty[kDirtyWords];
};

struct StatePage {
    Word is_asleep;        // whoever makes something dirty rings the doorbell
    Word has_unusual;      // some socket had urgent data, or an error queue: they show no other way
    std::int32_t pid;      // of the host
    std::int32_t spin_us;  // for programs that do not say themselves: spin.hpp
};

constexpr std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

inline constexpr std::size_t kSlotsAt = whole_pages(sizeof(ArenaHeader));
inline constexpr std::size_t kRingsAt = whole_pages(kSlotsAt + kSlots * sizeof(Slot));
inline constexpr std::size_t kArenaBytes = kRingsAt + std::size_t{kSlots} * 2 * kMostRingBytes;

// A ring as it is now. Whoever writes it doubles it; whoever reads it asks for its size after the index.
struct Ring {
    // NOLINTNEXTLINE(google-explicit-constructor): memory of a ring's first size is one
    constexpr Ring(std::byte* begin, std::uint32_t doublings = 0)
        : base{begin},
          bytes{kRingBytes << (doublings < kMostDoublings ? doublings : kMostDoublings)} {}

    std::byte* base;
    std::uint32_t bytes;
};

// An arena that is mapped somewhere.
class ArenaView {
public:
    ArenaView() = default;
    explicit ArenaView(std::byte* base) : base_{base} {}

    std::byte* base() const { return base_; }
    explicit operator bool() const { return base_ != nullptr; }
    ArenaHeader& header() const { return *reinterpret_cast<ArenaHeader*>(base_); }
    Slot& slot(std::uint32_t number) const {
        return *reinterpret_cast<Slot*>(base_ + kSlotsAt + number * sizeof(Slot));
    }
    static constexpr std::size_t rings_offset(std::uint32_t number) {
        return kRingsAt + std::size_t{number} * 2 * kMostRingBytes;
    }
    Ring tx_ring(std::uint32_t number, std::uint32_t doublings = 0) const {
        return {base_ + rings_offset(number), doublings};
    }
    Ring rx_ring(std::uint32_t number, std::uint32_t doublings = 0) const {
        return {base_ + rings_offset(number) + kMostRingBytes, doublings};
    }

    // After an index was stored.
    void mark_dirty(std::uint32_t number) const {
        const std::uint32_t word = number / kWordBits;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        ArenaHeader& h = header();
        h.dirty[word].fetch_or(std::uint64_t{1} << number % kWordBits);
        h.dirty_sum[word / kWordBits].fetch_or(std::uint64_t{1} << word % kWordBits);
    }

private:
    std::byte* base_ = nullptr;
};

}  // namespace fairlead::host
