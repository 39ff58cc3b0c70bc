// tcp/chunk.hpp — the one record of the send side (Linux's skb).
//
// Owns:   Chunk: bytes [begin, end) of the stream with the slices that hold them, how they were
//         sent, and what became of them; ChunkList.
// Rules:  A write fills a chunk up to the size goal; a chunk is split at an MSS boundary when part
//         of it is sent, lost or SACKed; it lives until its ACK. SYN and FIN count one byte and lie
//         in a chunk without slices, or (FIN) at a chunk's end.
// Not here: when to send (output.cpp), what is lost (scoreboard.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/assert.hpp"
#include "base/slab.hpp"
#include "fairlead/packet.hpp"
#include "tcp/segment.hpp"

namespace fairlead::tcp {

struct Chunk {
    // Its places in FlightIndex, while there is one.
    enum class Queue : std::uint8_t { None, Sent, Lost, GivenUp };
    struct Filing {
        Chunk* left = nullptr;
        Chunk* right = nullptr;
        Chunk* before = nullptr;
        Chunk* after = nullptr;
        std::uint32_t rank = 0;
        Queue queue = Queue::None;
    };
    // Of the flight that begins with it (flight_rate.hpp): the last delivery, and when what was
    // delivered then had been sent.
    struct Flight {
        Instant delivered{};
        Instant sent{};
    };

    static constexpr std::size_t kMaxSlices = 17;
    static constexpr std::int64_t kMaxBytes = 65536 - 193;  // a GSO packet, as Linux bounds it

    SlabNumber slab_number{};
    std::uint16_t mss = 0;       // the payload of its segments but the last; set when first sent
    std::uint16_t segments = 1;  // how many it was sent as, or would be
    Chunk* next = nullptr;
    Chunk* prev = nullptr;
    Position begin{};
    Position end{};  // SYN and FIN included
    bool syn = false;
    bool fin = false;
    bool psh = false;
    bool end_of_record = false;
    bool is_sacked = false;
    bool is_lost = false;
    bool is_retransmitted = false;  // a retransmission of it is in flight
    bool was_retransmitted = false;
    bool is_given_up = false;     // by RACK, which looks at it again when it was sent again
    bool is_app_limited = false;  // when it left there was nothing else to send
    std::uint8_t slice_count = 0;
    std::uint16_t unreturned = 0;        // acknowledged bytes, charged with the rest
    std::uint32_t delivered_before = 0;  // segments that had been delivered when it was last sent
    std::uint32_t lost_before = 0;       // likewise lost
    std::int32_t sent_in_flight = 0;     // segments, when it was last sent, it included
    Instant first_sent{};
    Instant last_sent{};
    Instant delivered_at{};  // the last delivery before it was last sent (delivery_rate.hpp)
    Instant flight_began{};  // when what was delivered then had been sent
    Flight flight{};
    Filing filing{};
    // The first slice_count of them live; the others were never made, since most chunks hold one.
    union {
        std::array<Slice, kMaxSlices> slices;
    };

    Chunk() {}
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;
    ~Chunk() { std::destroy_n(slices.data(), slice_count); }

    std::int64_t length() const { return end - begin; }
    // Bytes of data, without SYN and FIN.
    std::int64_t payload() const { return length() - (syn ? 1 : 0) - (fin ? 1 : 0); }
    Range range() const { return {begin, end}; }

    // Takes the slice at the end. False: no room for one that touches nothing.
    bool append(const Slice& slice) {
        if (slice_count > 0 && slices[slice_count - 1u].join(slice)) {
            end = end + slice.size();
            return true;
        }
        if (slice_count == kMaxSlices) return false;
        std::construct_at(&slices[slice_count++], slice);
        end = end + slice.size();
        return true;
    }
    // Forgets the first n bytes of data.
    void trim_front(std::int64_t n) {
        begin = begin + n;
        std::size_t gone = 0;
        while (n > 0) {
            Slice& s = slices[gone];
            if (n < s.size()) {
                s.trim_front(static_cast<std::uint32_t>(n));
                break;
            }
            n -= s.size();
            ++gone;
        }
        if (gone == 0) return;
        for (std::size_t i = gone; i < slice_count; ++i) slices[i - gone] = std::move(slices[i]);
        keep_slices(slice_count - gone);
    }
    void keep_slices(std::size_t n) {
        std::destroy(slices.data() + n, slices.data() + slice_count);
        slice_count = static_cast<std::uint8_t>(n);
    }
    // Moves all from `at` bytes of data on to `rest`, which is empty; flags of the end go along.
    void split(std::int64_t at, Chunk& rest);

    void count_segments(std::uint16_t mss_now) {
        mss = mss_now;
        const std::int64_t data = payload();
        segments = data <= mss_now ? std::uint16_t{1}
                                   : static_cast<std::uint16_t>((data + mss_now - 1) / mss_now);
    }
};

// Doubly linked, intrusive; owns nothing.
class ChunkList {
public:
    Chunk* first() const { return first_; }
    Chunk* last() const { return last_; }
    bool empty() const { return first_ == nullptr; }

    void push_back(Chunk& c) { insert_after(last_, c); }
    void insert_after(Chunk* before, Chunk& c) {
        c.prev = before;
        c.next = before == nullptr ? first_ : before->next;
        (c.prev == nullptr ? first_ : c.prev->next) = &c;
        (c.next == nullptr ? last_ : c.next->prev) = &c;
    }
    void remove(Chunk& c) {
        (c.prev == nullptr ? first_ : c.prev->next) = c.next;
        (c.next == nullptr ? last_ : c.next->prev) = c.prev;
        c.next = c.prev = nullptr;
    }

private:
    Chunk* first_ = nullptr;
    Chunk* last_ = nullptr;
};

}  // namespace fairlead::tcp
