#include "ip/reassembly.hpp"

#include <algorithm>

namespace fairlead::ip {
namespace {

constexpr Duration kLifetimeV6 = Duration::from_s(60);  // RFC 8200 §4.5

// What a packet keeps from being used by others: itself, and each buffer it has a slice of.
std::size_t memory_of(const Packet& packet) {
    std::size_t bytes = sizeof(Packet);
    for (const Slice& s : packet.slices()) bytes += s.buffer()->capacity();
    return bytes;
}

std::size_t bucket_of(std::uint64_t hash, std::size_t buckets) {
    return static_cast<std::size_t>(hash % buckets);
}

}  // namespace

std::optional<std::uint8_t> ecn_of_whole(std::uint8_t seen, std::uint8_t first) {
    constexpr std::uint8_t kNotCapable = 1u << 0;
    constexpr std::uint8_t kCongestion = 1u << 3;
    if ((seen & kNotCapable) != 0 && seen != kNotCapable) return std::nullopt;
    return (seen & kCongestion) != 0 ? std::uint8_t{3} : first;
}

Reassembly::~Reassembly() {
    for (std::uint32_t i = 0; i < datagrams_.size(); ++i) {
        if (datagrams_[i].is_used) drop(i);
    }
}

PieceFate Reassembly::add(PacketPtr packet, const FragmentPiece& piece, Instant now,
                          WholeDatagram& whole) {
    if (bytes_ > static_cast<std::size_t>(config_.ipfrag_high_thresh)) return PieceFate::NoRoom;
    std::uint32_t index = find_or_make(piece.key, now);
    has_begun_anew_ = is_overtaken(datagrams_[index]);
    if (has_begun_anew_) {
        const std::uint32_t arrival = datagrams_[index].arrival;
        const std::uint32_t tenure = datagrams_[index].tenure;
        drop(index);
        index = find_or_make(piece.key, now);
        datagrams_[index].arrival = arrival;
        datagrams_[index].tenure = tenure;
    }
    Datagram& d = datagrams_[index];

    // RFC 791 §3.2: only the last may end between two units of eight bytes.
    std::uint32_t bytes = piece.payload_bytes;
    if (piece.more) bytes -= bytes % 8;
    const std::uint32_t end = piece.offset + bytes;
    if (bytes == 0 || end > kMaxPayload || !has_valid_end(d, piece, end)) {
        drop(index);
        return PieceFate::Malformed;
    }
    if (piece.offset == 0 && d.first == nullptr) {
        d.first = pool_.clone(*packet);
        d.next_header = piece.next_header;
        d.tos = piece.tos;
        if (d.first == nullptr) {
            drop(index);
            return PieceFate::NoRoom;
        }
        d.held += sizeof(Packet);
        bytes_ += sizeof(Packet);
    }
    packet->trim_front(piece.header_bytes);
    packet->trim_back(packet->size() - bytes);

    const PieceFate fate = insert(d, std::move(packet), piece);
    if (fate == PieceFate::Overlap) drop(index);
    if (fate != PieceFate::Kept || !d.has_last || d.have != d.length) return fate;
    const bool is_whole = assemble(d, whole);
    drop(index);
    return is_whole ? PieceFate::Whole : PieceFate::NoRoom;
}

// Linux's ip_frag_too_far(). Who loses its place in the table to another host is judged anew.
bool Reassembly::is_overtaken(Datagram& d) {
    const std::int64_t most = config_.ipfrag_max_dist;
    if (!d.key.source.is_v4() || most == 0) return false;
    Arrivals& from = arrivals_[bucket_of(hash_(d.key.source), kSources)];
    if (from.source != d.key.source) {
        from = {.source = d.key.source, .count = 0, .tenure = from.tenure + 1};
    }
    ++from.count;
    const bool is_late = d.pieces != nullptr && d.tenure == from.tenure &&
                         std::int64_t{from.count - d.arrival} > most;
    d.arrival = from.count;
    d.tenure = from.tenure;
    return is_late;
}

// Linux's ip_frag_queue(): one end, and nothing behind it.
bool Reassembly::has_valid_end(Datagram& d, const FragmentPiece& piece, std::uint32_t end) const {
    if (!piece.more) {
        if (end < d.length || (d.has_last && end != d.length)) return false;
        d.has_last = true;
    } else if (d.has_last && end > d.length) {
        return false;
    }
    d.length = std::max(d.length, end);
    return true;
}

PieceFate Reassembly::insert(Datagram& d, PacketPtr packet, const FragmentPiece& piece) {
    const auto begin = static_cast<std::int64_t>(piece.offset);
    const auto end = begin + static_cast<std::int64_t>(packet->size());
    const auto end_of = [](const Packet* p) {
        return p->place + static_cast<std::int64_t>(p->size());
    };
    Packet** at = &d.pieces;
    while (*at != nullptr && end_of(*at) <= begin) at = &(*at)->next;
    if (*at != nullptr && (*at)->place < end) {
        const bool is_within = (*at)->place <= begin && end <= end_of(*at);
        return is_within ? PieceFate::Duplicate : PieceFate::Overlap;
    }
    const std::size_t memory = memory_of(*packet);
    d.held += memory;
    bytes_ += memory;
    d.have += static_cast<std::uint32_t>(packet->size());
    d.ecn_seen = static_cast<std::uint8_t>(d.ecn_seen | 1u << (piece.tos & 3));
    packet->place = begin;
    packet->next = *at;
    *at = packet.release();
    return PieceFate::Kept;
}

bool Reassembly::assemble(Datagram& d, WholeDatagram& whole) {
    const auto ecn = ecn_of_whole(d.ecn_seen, d.tos & 3);
    if (!ecn) return false;
    whole.payload = joined(d);
    if (whole.payload == nullptr) return false;
    whole.first = std::move(d.first);
    whole.next_header = d.next_header;
    whole.tos = static_cast<std::uint8_t>((d.tos & 0xfc) | *ecn);
    return true;
}

// Copies: forty pieces of an Ethernet's size have no room in one packet's slices.
PacketPtr Reassembly::joined(const Datagram& d) {
    PacketPtr out = pool_.packet();
    if (out == nullptr) return nullptr;
    Slice room{};
    std::uint32_t used = 0;
    std::uint32_t left = d.length;
    for (const Packet* p = d.pieces; p != nullptr; p = p->next) {
        out->meta.arrived = std::max(out->meta.arrived, p->meta.arrived);
        out->meta.interface = p->meta.interface;
        for (std::size_t from = 0; from < p->size();) {
            if (used == room.size()) {
                if (!room.empty() && !out->append(std::move(room))) return nullptr;
                room =
                    left <= PacketPool::kSmallBytes ? pool_.small_buffer() : pool_.large_buffer();
                if (room.empty()) return nullptr;
                room.trim_back(room.size() - std::min(room.size(), left));
                used = 0;
            }
            const auto n = std::min<std::size_t>(p->size() - from, room.size() - used);
            p->copy_to(from, room.mutable_bytes().subspan(used, n));
            from += n;
            used += static_cast<std::uint32_t>(n);
            left -= static_cast<std::uint32_t>(n);
        }
    }
    if (!out->append(std::move(room))) return nullptr;
    return out;
}

std::uint32_t Reassembly::find_or_make(const DatagramKey& key, Instant now) {
    const std::uint64_t more = std::uint64_t{key.id} << 8 | key.protocol;
    std::uint32_t& bucket = buckets_[bucket_of(hash_(key.source, key.destination, more), kBuckets)];
    for (std::uint32_t i = bucket; i != kNone; i = datagrams_[i].next) {
        if (datagrams_[i].key == key) return i;
    }
    std::uint32_t index = free_;
    if (index == kNone) {
        index = static_cast<std::uint32_t>(datagrams_.size());
        datagrams_.emplace_back();
    } else {
        free_ = datagrams_[index].next;
    }
    Datagram& d = datagrams_[index];
    const Duration lifetime =
        key.source.is_v4() ? Duration::from_s(config_.ipfrag_time) : kLifetimeV6;
    d.key = key;
    d.is_used = true;
    d.until = now + lifetime;
    d.held = sizeof(Datagram);
    d.next = bucket;
    bucket = index;
    bytes_ += d.held;
    next_ = std::min(next_, d.until);
    ++count_;
    return index;
}

void Reassembly::drop(std::uint32_t index) {
    Datagram& d = datagrams_[index];
    const std::uint64_t more = std::uint64_t{d.key.id} << 8 | d.key.protocol;
    const std::uint64_t hash = hash_(d.key.source, d.key.destination, more);
    std::uint32_t* at = &buckets_[bucket_of(hash, kBuckets)];
    while (*at != index) at = &datagrams_[*at].next;
    *at = d.next;
    while (d.pieces != nullptr) {
        const PacketPtr piece{d.pieces};
        d.pieces = piece->next;
        piece->next = nullptr;
    }
    bytes_ -= d.held;
    --count_;
    d = Datagram{};
    d.next = free_;
    free_ = index;
    if (count_ == 0) next_ = Instant::never();
}

std::optional<ExpiredDatagram> Reassembly::expire(Instant now) {
    if (now < next_) return std::nullopt;
    next_ = Instant::never();
    for (std::uint32_t i = 0; i < datagrams_.size(); ++i) {
        Datagram& d = datagrams_[i];
        if (!d.is_used) continue;
        if (d.until <= now) {
            ExpiredDatagram expired{.key = d.key, .first = std::move(d.first)};
            drop(i);
            next_ = now;  // there may be more
            if (count_ == 0) next_ = Instant::never();
            return expired;
        }
        next_ = std::min(next_, d.until);
    }
    return std::nullopt;
}

}  // namespace fairlead::ip
