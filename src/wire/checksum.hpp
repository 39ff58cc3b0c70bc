// wire/checksum.hpp — the Internet checksum, in pieces.
//
// Owns:   PartialSum (a one's complement sum of bytes that lie in several places), the copy that
//         sums on its way, the sums of the pseudo-headers, and the update of one changed field.
// Knows:  RFC 1071 (any word size and byte order give the same sum), RFC 1624 (the update),
//         RFC 9293 §3.1 and RFC 8200 §8.1 (pseudo-headers).
// Why:    a payload lies in several slices of any length. A piece that begins at an odd place adds
//         its bytes the other way round; PartialSum remembers how many it has seen.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"
#include "wire/ip_protocol.hpp"

namespace fairlead::wire {

template <std::unsigned_integral T>
inline std::uint64_t load_word(const std::byte* from) {
    T v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

// The sum of a few bytes as this machine loads them, in at most 34 bits.
inline std::uint64_t sum_short(const std::byte* p, std::size_t n) {
    // Whole words with their carries kept: an addition and one with carry for each.
    __extension__ using Wide = unsigned __int128;
    Wide words = 0;
    for (; n >= 8; n -= 8, p += 8) words += load_word<std::uint64_t>(p);
    const auto low = static_cast<std::uint64_t>(words);
    std::uint64_t sum =
        (low >> 32) + (low & 0xffff'ffffu) + static_cast<std::uint64_t>(words >> 64);
    if ((n & 4) != 0) {
        sum += load_word<std::uint32_t>(p);
        p += 4;
    }
    if ((n & 2) != 0) {
        sum += load_word<std::uint16_t>(p);
        p += 2;
    }
    // As if a zero byte followed, in either byte order.
    if ((n & 1) != 0) {
        sum += to_big_endian(static_cast<std::uint16_t>(std::to_integer<unsigned>(*p) << 8));
    }
    return sum;
}

// The same of any number of bytes.
std::uint64_t sum_long(const std::byte* p, std::size_t n);

class PartialSum {
public:
    constexpr PartialSum() = default;

    // The bytes that follow those already added. Nobody outside sees the sum itself: it stays in
    // registers.
    void add(Bytes piece) {
        const std::uint64_t words = piece.size() < kShort ? sum_short(piece.data(), piece.size())
                                                          : sum_long(piece.data(), piece.size());
        words_ += is_odd_ ? swapped(fold_words(words)) : words;
        is_odd_ = is_odd_ != (piece.size() % 2 != 0);
    }
    // An IPv4 address that follows; only where what was added so far has even length.
    void add_v4(const IpAddress& address) {
        words_ += load_word<std::uint32_t>(
            std::as_bytes(std::span{address.bytes()}).subspan<12>().data());
    }
    // A field that follows, in host order; only where what was added so far has even length.
    constexpr void add_u16(std::uint16_t word) { words_ += to_big_endian(word); }
    // What was summed elsewhere (by copy_and_sum, say) and follows.
    constexpr void append(PartialSum next) {
        words_ += is_odd_ ? swapped(next.native()) : next.native();
        is_odd_ = is_odd_ != next.is_odd_;
    }

    // The sum as 16 bits in host order, not complemented: what ChecksumState::Partial keeps in the
    // field.
    constexpr std::uint16_t fold() const { return to_big_endian(native()); }
    // What goes into the field when everything but the field was added.
    constexpr std::uint16_t checksum() const { return static_cast<std::uint16_t>(~fold()); }
    // Whether what was added, the field included, arrived whole.
    constexpr bool is_valid() const { return native() == 0xffff; }

private:
    friend PartialSum copy_and_sum(MutableBytes to, Bytes from);
    friend PartialSum pseudo_header(const IpAddress&, const IpAddress&, IpProtocol, std::uint32_t);

    // Below it a call costs more than the sum.
    static constexpr std::size_t kShort = 64;

    static constexpr std::uint16_t swapped(std::uint16_t v) {
        return static_cast<std::uint16_t>(v << 8 | v >> 8);
    }
    // Each half is added to the other: the upper one is the sum of both then, its carry included.
    static constexpr std::uint16_t fold_words(std::uint64_t words) {
        const auto sum = static_cast<std::uint32_t>((words + std::rotl(words, 32)) >> 32);
        return static_cast<std::uint16_t>((sum + std::rotl(sum, 16)) >> 16);
    }
    constexpr std::uint16_t native() const { return fold_words(words_); }

    // 16-bit words as this machine loads them. Each addition brings at most 33 bits, so that no
    // packet can make it wrap.
    std::uint64_t words_ = 0;
    bool is_odd_ = false;
};

inline PartialSum sum_of(Bytes bytes) {
    PartialSum sum;
    sum.add(bytes);
    return sum;
}

// Copies all of `from` to the front of `to`, which is at least as long and does not overlap it,
// and sums it in the same pass.
PartialSum copy_and_sum(MutableBytes to, Bytes from);

// The pseudo-header of a TCP, UDP or ICMPv6 message of `bytes` bytes, header included. Both
// addresses are of one family, which decides the form.
inline PartialSum pseudo_header(const IpAddress& source, const IpAddress& target,
                                IpProtocol protocol, std::uint32_t bytes) {
    FAIRLEAD_ASSERT(source.is_v4() == target.is_v4());
    const auto at = [](const IpAddress& a, std::size_t from) {
        return std::as_bytes(std::span{a.bytes()}).data() + from;
    };
    PartialSum sum;
    sum.words_ = to_big_endian(bytes);
    if (target.is_v4()) {
        sum.add_v4(source);
        sum.add_v4(target);
    } else {
        sum.words_ += sum_short(at(source, 0), 16) + sum_short(at(target, 0), 16);
    }
    sum.add_u16(static_cast<std::uint16_t>(protocol));
    return sum;
}

// The checksum after one field it covers changed; the field begins at an even place.
// RFC 1624 §3, equation 3.
constexpr std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t before,
                                         std::uint16_t after) {
    std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
    sum += static_cast<std::uint16_t>(~before);
    sum += after;
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<std::uint16_t>(~sum);
}
constexpr std::uint16_t updated_checksum(std::uint16_t checksum, std::uint32_t before,
                                         std::uint32_t after) {
    checksum = updated_checksum(checksum, static_cast<std::uint16_t>(before >> 16),
                                static_cast<std::uint16_t>(after >> 16));
    return updated_checksum(checksum, static_cast<std::uint16_t>(before),
                            static_cast<std::uint16_t>(after));
}

// The example of RFC 1624 §4.
static_assert(updated_checksum(0xdd2f, std::uint16_t{0x5555}, std::uint16_t{0x3285}) == 0x0000);

}  // namespace fairlead::wire
