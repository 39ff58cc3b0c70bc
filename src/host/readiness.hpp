// host/readiness.hpp — what the two sides of a ring do so that a descriptor's readiness is exact.
//
// Owns:      the order of loads, stores and fences by which neither side sleeps while the other has
//            something for it: a token for what is there to be read, a filler for a ring that is full, a
//            word for whoever waits for space.
// Rules:     each function is one side's, and runs on one thread of it at a time (the program's under a
//            lock of the slot). "Store, full fence, load" meets the same on the other side: one of
//            them sees the other. Words are of whatever kind the slot has, and so are the ends of
//            the pair: the test of all orders runs these functions over a model of both.
// Not here:  bytes (ring.hpp), the calls on descriptors (pair.hpp, src/preload).
#pragma once

#include <atomic>
#include <cstdint>

#include "host/arena.hpp"

namespace fairlead::host {

// --- the host ---

// Of the tokens that are counted and not sent yet. False: the program has them in its count already.
template <typename Tokens>
bool withdraw_token(Tokens& tokens) {
    std::uint32_t there = tokens.load();
    while (there != 0) {
        if (tokens.compare_exchange_strong(there, there - 1)) return true;
    }
    return false;
}

// False: so many wait that there is no place for another; the program asks when it takes them back.
template <typename S>
bool has_place_for_token(S& slot) {
    auto& both = slot.both;
    if (both.rx_tokens.load() < S::kMostTokens) return true;
    both.edge_skipped.store(1);
    S::fence();
    // It may have taken them back meanwhile, without seeing that one was passed over.
    return both.rx_tokens.load() < S::kMostTokens && both.edge_skipped.exchange(0) != 0;
}

// Nobody looks at the descriptor: whoever reads looks at the ring before it sleeps.
template <typename S>
bool is_unwatched(S& slot) {
    return slot.both.is_lazy.load() != 0 && slot.both.waiters.load() == 0;
}

// After what is to be read was put where the program finds it. A stream says where its bytes end (`tail`): if
// the program has read them by now, there is nothing to tell.
template <typename S, typename Send>
void raise_readable(S& slot, const std::uint32_t* tail, Send&& send_token) {
    auto& both = slot.both;
    S::fence();
    if (is_unwatched(slot)) return;
    const bool is_new_edge = both.is_edge.load(std::memory_order_relaxed) != 0;
    if (both.rx_tokens.load() != 0 && (!is_new_edge || !has_place_for_token(slot))) return;
    both.rx_tokens.fetch_add(1);
    S::fence();
    const bool is_read = tail != nullptr && slot.program.rx_head.load() == *tail;
    if (is_read && withdraw_token(both.rx_tokens)) return;
    if (!send_token()) (void)withdraw_token(both.rx_tokens);
}

// The ring is full, or holds what was not taken. False: there is room by now.
template <typename S>
bool await_space(S& slot, std::uint32_t head) {
    slot.both.wants_space.store(1);
    S::fence();
    return slot.program.rx_head.load(std::memory_order_acquire) == head;
}

// After room was made. Whether a filler is to be taken back.
template <typename S>
bool raise_writable(S& slot) {
    return slot.both.tx_room.exchange(kRoomThere) == kRoomFilled;
}

// --- the program ---

// Something was passed over: the host shall make the edge now.
template <typename S, typename Ends>
void ask_for_edge(S& slot, Ends& ends) {
    slot.both.wants_edge.store(1);
    ends.notify();
}

// When something is left: whoever waits for edges shall have the next one.
template <typename S, typename Ends>
void keep_edges(S& slot, Ends& ends) {
    if (slot.both.rx_tokens.load() < S::kMostTokens || ends.is_reset()) return;
    slot.both.rx_tokens.fetch_sub(S::kMostTokens - 1);
    ends.take_tokens(S::kMostTokens - 1);
    if (slot.both.edge_skipped.exchange(0) != 0) ask_for_edge(slot, ends);
}

// When the ring is empty: not readable any more. False: it is not.
template <typename S, typename Ends>
bool lower_readable(S& slot, Ends& ends) {
    const std::uint32_t count = slot.both.rx_tokens.exchange(0);
    if (count == 0) return true;
    const bool was_skipped = slot.both.edge_skipped.exchange(0) != 0;
    S::fence();
    const std::uint32_t head = slot.program.rx_head.load(std::memory_order_relaxed);
    if (slot.host.rx_tail.load(std::memory_order_acquire) != head) {
        // More has come meanwhile: the tokens stand for that, if the host has not sent others.
        if (was_skipped) ask_for_edge(slot, ends);
        std::uint32_t none = 0;
        if (slot.both.rx_tokens.compare_exchange_strong(none, count)) return false;
    }
    if (!ends.is_reset()) ends.take_tokens(count);
    return true;
}

// The descriptor shows that there is no room, if it does not yet.
template <typename S, typename Ends>
void show_no_room(S& slot, Ends& ends) {
    std::uint32_t hidden = kRoomWanted;
    if (slot.both.tx_room.compare_exchange_strong(hidden, kRoomFilled)) ends.send_filler();
}

// The ring has no room. False: there is room for `wanted` bytes by now.
template <typename S, typename Ends>
bool lower_writable(S& slot, std::uint32_t ring_bytes, std::uint32_t wanted, Ends& ends) {
    std::uint32_t before = kRoomThere;
    if (!slot.both.tx_room.compare_exchange_strong(before, kRoomWanted)) return true;
    S::fence();
    const std::uint32_t used = slot.program.tx_tail.load(std::memory_order_relaxed) -
                               slot.host.tx_head.load(std::memory_order_acquire);
    before = kRoomWanted;
    const bool has_room = ring_bytes - used >= wanted;
    if (has_room && slot.both.tx_room.compare_exchange_strong(before, kRoomThere)) return false;
    if (slot.both.is_lazy.load() == 0) show_no_room(slot, ends);
    return true;
}

// Around the sleep of one who reads. False: there is something to read, and nobody is to sleep.
template <typename S, typename IsThere>
bool begin_to_wait(S& slot, IsThere&& is_there) {
    slot.both.waiters.fetch_add(1);
    S::fence();
    if (!is_there()) return true;
    slot.both.waiters.fetch_sub(1);
    return false;
}

// Somebody is to look at the descriptor, from now on: it shows what there is. `ask_host` returns when the
// host has done what it was asked for.
template <typename S, typename Ends, typename AskHost>
void show_readiness(S& slot, Ends& ends, AskHost&& ask_host) {
    if (slot.both.is_lazy.exchange(0) == 0) return;
    S::fence();
    show_no_room(slot, ends);
    const bool is_empty = slot.host.rx_tail.load(std::memory_order_acquire) ==
                          slot.program.rx_head.load(std::memory_order_acquire);
    if (is_empty || slot.both.rx_tokens.load() != 0) return;
    slot.both.wants_edge.store(1);
    ask_host();
}

// After bytes were taken from a ring of that size. Whether the host is to be told.
template <typename S>
bool is_space_awaited(S& slot, std::uint32_t ring_bytes, std::uint32_t room) {
    S::fence();
    if (room < ring_bytes / 3 || slot.both.wants_space.load() == 0) return false;
    return slot.both.wants_space.exchange(0) != 0;
}

}  // namespace fairlead::host
