// ip/reassembly.hpp — pieces of datagrams, until they are whole.
//
// Owns:   the fragments that wait for the rest of their datagram.
// Knows:  RFC 791 §3.2, RFC 8200 §4.5, RFC 5722 and Linux for both families: a piece that overlaps
//         another ends the whole datagram, an exact duplicate is dropped; RFC 3168 §5.3 (ECN).
// Room:   ipfrag_high_thresh bytes, counted as the memory that the pieces hold down and not as
//         what they say; a piece beyond it is refused. ipfrag_time seconds (60 s for IPv6). Of
//         IPv4, what was passed by ipfrag_max_dist later pieces of its host begins anew: its
//         identification is another datagram's by then.
// Not here: what a header says (wire/), sending of Time Exceeded: the first piece comes out of
//         expire() for that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/config.hpp"
#include "fairlead/packet.hpp"
#include "fairlead/time.hpp"
#include "ip/address_hash.hpp"

namespace fairlead::ip {

struct DatagramKey {
    IpAddress source{};
    IpAddress destination{};  // with their zones
    std::uint32_t id = 0;
    std::uint8_t protocol = 0;  // IPv4 only: IPv6's key is without it

    bool operator==(const DatagramKey&) const = default;
};

// One fragment: where its payload stands in the packet and in the datagram.
struct FragmentPiece {
    DatagramKey key{};
    std::uint32_t header_bytes = 0;   // what lies before the payload in the packet
    std::uint32_t payload_bytes = 0;  // what lies behind that is padding
    std::uint32_t offset = 0;         // of the payload in the datagram
    bool more = false;
    std::uint8_t next_header = 0;  // IPv6 only: what the fragment header names
    std::uint8_t tos = 0;
};

enum class PieceFate : std::uint8_t {
    Kept,
    Whole,      // it was the last that missed: ReasmOKs
    Duplicate,  // dropped, and nothing else
    Overlap,    // the datagram is gone: ReasmFails, ReasmOverlaps
    Malformed,  // likewise: two ends, bytes behind the end, no bytes, over 65535
    NoRoom,     // dropped: ReasmFails
};

// A datagram put together: its payload, and the first piece as it came, headers included.
struct WholeDatagram {
    PacketPtr payload{};
    PacketPtr first{};
    std::uint8_t next_header = 0;  // as the first piece has it
    std::uint8_t tos = 0;
};

// A datagram that was given up. Without a first piece nobody is told (RFC 792).
struct ExpiredDatagram {
    DatagramKey key{};
    PacketPtr first{};
};

class Reassembly {
public:
    static constexpr std::uint32_t kMaxPayload = 65535;

    // `config` and `pool` outlive it.
    Reassembly(const Config& config, PacketPool& pool, AddressHash hash)
        : config_{config}, pool_{pool}, hash_{hash} {}
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;
    ~Reassembly();

    // Takes the packet in every case. `whole` is filled when the answer is Whole.
    PieceFate add(PacketPtr packet, const FragmentPiece& piece, Instant now, WholeDatagram& whole);

    Instant next_deadline() const { return next_; }
    // What is due at `now`, one after another, until none.
    std::optional<ExpiredDatagram> expire(Instant now);
    // What was there before the piece that was added last is given up: ReasmFails.
    bool has_begun_anew() const { return has_begun_anew_; }

    std::size_t bytes() const { return bytes_; }  // held down now
    std::size_t datagrams() const { return count_; }

private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::size_t kBuckets = 256;
    static constexpr std::size_t kSources = 64;

    // How many pieces came from a host: as long as it has the place, which another may take.
    struct Arrivals {
        IpAddress source{};
        std::uint32_t count = 0;
        std::uint32_t tenure = 0;
    };

    struct Datagram {
        DatagramKey key{};
        bool is_used = false;
        bool has_last = false;
        std::uint8_t next_header = 0;
        std::uint8_t tos = 0;
        std::uint8_t ecn_seen = 0;  // a bit for each codepoint
        std::uint32_t length = 0;   // the highest end seen
        std::uint32_t have = 0;     // bytes there
        std::size_t held = 0;
        Packet* pieces = nullptr;  // by offset, linked by next; place is the offset
        PacketPtr first{};
        Instant until{};
        std::uint32_t arrival = 0;  // of its last piece, among those from that host
        std::uint32_t tenure = 0;
        std::uint32_t next = kNone;  // in its bucket, or in the free list
    };

    std::uint32_t find_or_make(const DatagramKey& key, Instant now);
    void drop(std::uint32_t index);
    bool is_overtaken(Datagram& d);
    bool has_valid_end(Datagram& d, const FragmentPiece& piece, std::uint32_t end) const;
    PieceFate insert(Datagram& d, PacketPtr packet, const FragmentPiece& piece);
    bool assemble(Datagram& d, WholeDatagram& whole);
    PacketPtr joined(const Datagram& d);

    const Config& config_;
    PacketPool& pool_;
    AddressHash hash_;
    std::size_t bytes_ = 0;
    std::size_t count_ = 0;
    bool has_begun_anew_ = false;
    std::array<Arrivals, kSources> arrivals_{};
    Instant next_ = Instant::never();  // not later than the earliest
    std::uint32_t free_ = kNone;
    std::vector<Datagram> datagrams_{};
    std::array<std::uint32_t, kBuckets> buckets_ = [] {
        std::array<std::uint32_t, kBuckets> all{};
        all.fill(kNone);
        return all;
    }();
};

// RFC 3168 §5.3 and Linux's table: what the whole's codepoint is where the pieces carried those of
// `seen` (a bit for each). Nothing: a mix that no honest path makes, to be dropped.
std::optional<std::uint8_t> ecn_of_whole(std::uint8_t seen, std::uint8_t first);

}  // namespace fairlead::ip
