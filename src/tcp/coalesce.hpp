// tcp/coalesce.hpp — small payloads that wait are copied together.
//
// Why:    a packet that holds a few bytes costs as much memory as one that holds a thousand; a peer
//         that sends bytes one by one must not make us hold more than our buffer (Linux's
//         tcp_try_coalesce() and tcp_collapse()).
// Not here: pieces of one buffer that touch: Packet::append() joins those without a copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "fairlead/packet.hpp"
#include "tcp/true_size.hpp"

namespace fairlead::tcp {

// As much as leaves room for a second one in a small buffer.
inline constexpr std::size_t kSmallPayload = 1024;

// What a packet costs beside its bytes is a buffer for each piece of it.
inline std::uint32_t pieces_of(const Packet& packet) {
    return packet.slice_count() > 1 ? static_cast<std::uint32_t>(packet.slice_count()) : 1;
}

// Copies `small` behind the content of `last`, where nobody else sees that buffer and it has room.
// What it costs is up to the caller.
inline bool append_by_copy(Packet& last, const Packet& small) {
    if (small.size() > kSmallPayload || last.slice_count() == 0) return false;
    const Slice& tail = last.slices().back();
    Buffer* buffer = tail.buffer();
    const std::uint32_t end = tail.offset() + tail.size();
    if (buffer->references() != 1 || buffer->capacity() - end < small.size()) return false;
    const auto n = static_cast<std::uint32_t>(small.size());
    small.copy_to(0, {buffer->data() + end, n});
    return last.append(Slice{*buffer, end, n});
}

// What fits behind the payload of `last` costs nothing more (Linux's skb_try_coalesce()).
inline bool fill_spare(Packet& last, const Packet& next) {
    const auto n = static_cast<std::int32_t>(next.size());
    if (n > last.spare || !append_by_copy(last, next)) return false;
    last.spare -= n;
    return true;
}

// What a copy by tcp_collapse() costs: packets of at most a page each, without room for headers.
inline constexpr std::size_t kMostOfCopy = 3776;
constexpr TrueSize size_of_copy(std::size_t bytes) {
    constexpr std::int64_t kHeadroom = 64;
    const auto whole = static_cast<std::int32_t>(bytes / kMostOfCopy);
    const auto rest = static_cast<std::int64_t>(bytes % kMostOfCopy);
    TrueSize last = rest == 0 ? TrueSize{} : true_size(rest - kHeadroom);
    last.charge += whole * true_size(std::int64_t{kMostOfCopy} - kHeadroom).charge;
    return last;
}

// Packets copied together into as few small buffers as they fill, and into packets of a page: the next
// time one of those may be worth it and another not.
class Packing {
public:
    explicit Packing(PacketPool& pool) : pool_{pool} {}

    // Takes the content of `old`, as far as there is memory, and its charge with the last of it.
    void add(Packet& old) {
        while (old.size() != 0 && has_room()) {
            const auto n = static_cast<std::uint32_t>(
                std::min<std::size_t>({room_.size(), old.size(), kMostOfCopy - into_->size()}));
            Slice part = room_.part(0, n);
            old.copy_to(0, part.mutable_bytes());
            old.trim_front(n);
            room_.trim_front(n);
            into_->append(std::move(part));
        }
        if (old.size() == 0 && into_ != nullptr) into_->charge += old.charge;
    }
    // As it is.
    void append(PacketPtr packet) {
        end_packet();
        packed_.push_back(std::move(packet));
    }
    PacketQueue finish() {
        end_packet();
        return std::move(packed_);
    }

private:
    bool has_room() {
        const bool is_full = into_ != nullptr && (into_->size() >= kMostOfCopy ||
                                                  (room_.empty() && !into_->has_slice_room()));
        if (is_full) end_packet();
        if (into_ == nullptr) into_ = pool_.packet();
        if (into_ != nullptr && into_->size() == 0) into_->charge = 0;
        if (room_.empty()) room_ = pool_.small_buffer();
        return into_ != nullptr && !room_.empty();
    }
    void end_packet() {
        if (into_ != nullptr && into_->size() != 0) packed_.push_back(std::move(into_));
        into_ = nullptr;
    }

    PacketPool& pool_;
    PacketQueue packed_{};
    PacketPtr into_{};
    Slice room_{};
};

}  // namespace fairlead::tcp
