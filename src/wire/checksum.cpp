#include "wire/checksum.hpp"

#include <cstring>

namespace fairlead::wire {
namespace {

template <typename T>
T load(const std::byte* from) {
    T v;
    std::memcpy(&v, from, sizeof(T));
    return v;
}

// The halves of 64-bit words go into sums of 64 bits, which need no carry.
std::uint64_t sum_words(const std::byte* p, std::size_t n) {
    std::uint64_t even = 0;
    std::uint64_t odd = 0;
    for (; n >= 8; n -= 8, p += 8) {
        const auto v = load<std::uint64_t>(p);
        even += v & 0xffff'ffffu;
        odd += v >> 32;
    }
    if ((n & 4) != 0) {
        even += load<std::uint32_t>(p);
        p += 4;
    }
    if ((n & 2) != 0) {
        odd += load<std::uint16_t>(p);
        p += 2;
    }
    if ((n & 1) != 0) {
        std::uint16_t last = 0;
        std::memcpy(&last, p, 1);
        even += last;
    }
    return even + odd;
}

}  // namespace

void PartialSum::add(Bytes piece) {
    PartialSum next;
    next.words_ = sum_words(piece.data(), piece.size());
    next.is_odd_ = piece.size() % 2 != 0;
    append(next);
}

PartialSum copy_and_sum(MutableBytes to, Bytes from) {
    FAIRLEAD_ASSERT(to.size() >= from.size());
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
    return sum_of(from);
}

PartialSum pseudo_header(const IpAddress& source, const IpAddress& target, IpProtocol protocol,
                         std::uint32_t bytes) {
    PartialSum sum;
    sum.add(std::as_bytes(source.wire_bytes()));
    sum.add(std::as_bytes(target.wire_bytes()));
    sum.add_u16(static_cast<std::uint16_t>(bytes >> 16));
    sum.add_u16(static_cast<std::uint16_t>(bytes));
    sum.add_u16(static_cast<std::uint16_t>(protocol));
    return sum;
}

}  // namespace fairlead::wire
