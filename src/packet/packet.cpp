#include "fairlead/packet.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace fairlead {

void Packet::overrun() noexcept {
    constexpr bool kHasHeadroom = false;
    FAIRLEAD_ASSERT(kHasHeadroom);
    __builtin_unreachable();
}

MutableBytes Packet::extend_head(std::size_t n) {
    FAIRLEAD_ASSERT(slice_count() == 0 && head_end_ + n <= kRoom);
    const std::size_t at = head_end_;
    head_end_ = static_cast<std::uint16_t>(head_end_ + n);
    size_ += static_cast<std::uint32_t>(n);
    return {room_.data() + at, n};
}

void Packet::trim_slices_front(std::size_t n) {
    FAIRLEAD_ASSERT(n <= size_);
    size_ -= static_cast<std::uint32_t>(n);
    position_ += static_cast<std::int32_t>(n);
    const std::size_t from_head = std::min(n, head_size());
    head_begin_ = static_cast<std::uint16_t>(head_begin_ + from_head);
    n -= from_head;
    while (n > 0) {
        Slice& s = slices_[first_];
        if (n < s.size()) {
            s.trim_front(static_cast<std::uint32_t>(n));
            return;
        }
        n -= s.size();
        s = Slice{};
        ++first_;
    }
}

void Packet::trim_slices_back(std::size_t n) {
    FAIRLEAD_ASSERT(n <= size_);
    size_ -= static_cast<std::uint32_t>(n);
    while (n > 0 && first_ != end_) {
        Slice& s = slices_[end_ - 1u];
        if (n < s.size()) {
            s.trim_back(static_cast<std::uint32_t>(n));
            return;
        }
        n -= s.size();
        s = Slice{};
        --end_;
    }
    head_end_ = static_cast<std::uint16_t>(head_end_ - n);
}

bool Packet::append_behind(Slice& slice) {
    const std::uint32_t bytes = slice.size();
    if (bytes == 0) return true;
    if (first_ != end_ && slices_[end_ - 1u].join(slice)) {
        size_ += bytes;
        return true;
    }
    if (first_ == end_) first_ = end_ = 0;
    if (end_ == kMaxSlices) return false;
    slices_[end_++] = std::move(slice);
    size_ += bytes;
    return true;
}

bool Packet::append_content(Packet& other) {
    if (other.head_size() != 0) return false;
    if (end_ + other.slice_count() > kMaxSlices) {
        // The last and the first may still touch: one slice more than fits is then no slice more.
        if (other.slice_count() != 1 || first_ == end_) return false;
        if (!slices_[end_ - 1u].join(other.slices_[other.first_])) return false;
        size_ += other.size_;
        other.clear();
        return true;
    }
    for (std::size_t i = other.first_; i < other.end_; ++i) append(std::move(other.slices_[i]));
    other.clear();
    return true;
}

bool Packet::gather(std::size_t n) {
    if (n > size_ || n > kRoom) return false;
    const std::size_t have = head_size();
    // As low as it takes: what was headroom above n stays so.
    const std::size_t begin = std::min<std::size_t>(head_begin_, kRoom - n);
    std::memmove(room_.data() + begin, room_.data() + head_begin_, have);
    std::size_t at = begin + have;
    std::size_t missing = n - have;
    while (missing > 0) {
        Slice& s = slices_[first_];
        const std::size_t take = std::min<std::size_t>(missing, s.size());
        std::memcpy(room_.data() + at, s.data(), take);
        at += take;
        missing -= take;
        if (take == s.size()) {
            s = Slice{};
            ++first_;
        } else {
            s.trim_front(static_cast<std::uint32_t>(take));
        }
    }
    head_begin_ = static_cast<std::uint16_t>(begin);
    head_end_ = static_cast<std::uint16_t>(at);
    return true;
}

bool Packet::copy_front(std::size_t n) {
    if (head_size() != 0) return pull(n);
    if (n > size_ || n > headroom()) return false;
    const std::uint32_t whole = size_;
    const std::int32_t position = position_;
    copy_to(0, {room_.data() + head_begin_ - n, n});
    trim_front(n);
    head_begin_ = static_cast<std::uint16_t>(head_begin_ - n);
    size_ = whole;
    position_ = position;
    return true;
}

void Packet::copy_to(std::size_t offset, MutableBytes to) const {
    FAIRLEAD_ASSERT(offset + to.size() <= size_);
    std::size_t at = 0;
    for_each_piece(offset, [&](Bytes piece) {
        const std::size_t n = std::min(piece.size(), to.size() - at);
        if (n != 0) std::memcpy(to.data() + at, piece.data(), n);
        at += n;
    });
}

}  // namespace fairlead
