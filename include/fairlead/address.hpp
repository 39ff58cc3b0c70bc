// fairlead/address.hpp — who talks to whom.
//
// Owns:   IpAddress, Endpoint, Prefix: values that hold IPv4 and IPv6 alike.
// Knows:  RFC 4291 (scopes, v4-mapped form), RFC 4007 (zones), RFC 5952 (text).
// Why:    an IPv4 address is kept in its v4-mapped form, ::ffff:a.b.c.d, so that everything above
//         ip/ compares, hashes and stores one kind of thing. Which family a packet has is asked of
//         the address (is_v4), never carried beside it. A zone (an interface index) is part of a
//         link-local address: fe80::1 on two interfaces is two addresses.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fairlead {

using InterfaceIndex = std::uint32_t;  // 1, 2, ...; 0 means "any" or "none"
using MacAddress = std::array<std::uint8_t, 6>;

enum class Family : std::uint8_t { Inet, Inet6 };

class IpAddress {
public:
    constexpr IpAddress() = default;  // ::

    // Written as one vector: g++ copies an address by vectors, and one that was put together from
    // words or bytes just before would have to wait for them.
    static constexpr IpAddress v4(std::uint32_t host_order) {
        IpAddress a;
        const Words words{0, in_memory(kMapped | host_order)};
        if consteval {
            a.bytes_ = std::bit_cast<std::array<std::uint8_t, 16>>(words);
        } else {
            using Vector [[gnu::vector_size(16)]] = std::uint64_t;
            const Vector vector{words[0], words[1]};
            std::memcpy(a.bytes_.data(), &vector, sizeof vector);
        }
        return a;
    }
    static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
        return v4(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d);
    }
    static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& bytes,
                                  InterfaceIndex zone = 0) {
        IpAddress a;
        a.bytes_ = bytes;
        a.zone_ = zone;
        return a;
    }
    static constexpr IpAddress any(Family f) { return f == Family::Inet ? v4(0) : IpAddress{}; }
    static constexpr IpAddress loopback(Family f) {
        if (f == Family::Inet) return v4(127, 0, 0, 1);
        IpAddress a;
        a.bytes_[15] = 1;
        return a;
    }
    // "192.0.2.1", "2001:db8::1", "fe80::1%3" (the zone as a number), "::ffff:192.0.2.1".
    static std::optional<IpAddress> parse(std::string_view text);

    constexpr bool is_v4() const {
        return word(0) == 0 && (word(1) & in_memory(kMappedMask)) == in_memory(kMapped);
    }
    constexpr Family family() const { return is_v4() ? Family::Inet : Family::Inet6; }
    constexpr bool is_any() const {  // 0.0.0.0 or ::
        return word(0) == 0 && (word(1) == 0 || word(1) == in_memory(kMapped));
    }
    constexpr bool is_loopback() const {  // 127/8 or ::1
        if (is_v4()) return bytes_[12] == 127;
        return word(0) == 0 && word(1) == in_memory(1);
    }
    constexpr bool is_multicast() const {  // 224/4 or ff00::/8
        return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
    }
    constexpr bool is_limited_broadcast() const { return is_v4() && v4_value() == 0xffff'ffffu; }
    constexpr bool is_link_local() const {  // 169.254/16 or fe80::/10
        if (is_v4()) return bytes_[12] == 169 && bytes_[13] == 254;
        return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
    }
    // True where a zone is part of the name: link-local unicast and multicast of IPv6.
    constexpr bool needs_zone() const {
        if (is_v4()) return false;
        return is_link_local() || (bytes_[0] == 0xff && (bytes_[1] & 0x0f) <= 2);
    }

    constexpr std::uint32_t v4_value() const {  // host order; only for is_v4()
        return std::uint32_t{bytes_[12]} << 24 | std::uint32_t{bytes_[13]} << 16 |
               std::uint32_t{bytes_[14]} << 8 | bytes_[15];
    }
    constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    // The 4 or 16 bytes as they travel.
    constexpr std::span<const std::uint8_t> wire_bytes() const {
        return std::span{bytes_}.subspan(is_v4() ? 12 : 0);
    }
    constexpr InterfaceIndex zone() const { return zone_; }
    constexpr IpAddress with_zone(InterfaceIndex zone) const {
        IpAddress a = *this;
        a.zone_ = zone;
        return a;
    }

    constexpr auto operator<=>(const IpAddress&) const = default;
    constexpr bool operator==(const IpAddress& other) const {
        return has_bytes_of(other) && zone_ == other.zone_;
    }
    // The same but for the zone.
    constexpr bool has_bytes_of(const IpAddress& other) const {
        return word(0) == other.word(0) && word(1) == other.word(1);
    }

    std::string to_string() const;

private:
    using Words = std::array<std::uint64_t, 2>;
    static constexpr std::uint64_t kMapped = 0xffff'0000'0000u;  // the low half of ::ffff:0:0
    static constexpr std::uint64_t kMappedMask = 0xffff'ffff'0000'0000u;

    static constexpr std::uint64_t in_memory(std::uint64_t big_endian) {
        return std::endian::native == std::endian::little ? std::byteswap(big_endian) : big_endian;
    }
    constexpr std::uint64_t word(std::size_t i) const {
        if consteval {
            return std::bit_cast<Words>(bytes_)[i];
        }
        std::uint64_t w = 0;
        std::memcpy(&w, bytes_.data() + 8 * i, sizeof w);
        return w;
    }

    std::array<std::uint8_t, 16> bytes_{};
    InterfaceIndex zone_ = 0;
};

struct Endpoint {
    IpAddress address{};
    std::uint16_t port = 0;

    constexpr auto operator<=>(const Endpoint&) const = default;
    std::string to_string() const;  // "192.0.2.1:80", "[2001:db8::1]:80"
    // The forms that to_string() writes, and a bare address (port 0).
    static std::optional<Endpoint> parse(std::string_view text);
};

// An address and how many of its leading bits name the network. For IPv4 the length is 0 to 32.
struct Prefix {
    IpAddress address{};
    std::uint8_t length = 0;

    constexpr auto operator<=>(const Prefix&) const = default;
    constexpr bool contains(const IpAddress& a) const {
        if (a.is_v4() != address.is_v4()) return false;
        const auto ours = address.wire_bytes();
        const auto theirs = a.wire_bytes();
        for (std::size_t bit = 0; bit < length; bit += 8) {
            const std::size_t left = length - bit;
            const auto mask =
                left >= 8 ? std::uint8_t{0xff} : static_cast<std::uint8_t>(0xff00u >> left);
            if (((ours[bit / 8] ^ theirs[bit / 8]) & mask) != 0) return false;
        }
        return true;
    }
    std::string to_string() const;  // "192.0.2.0/24"
    static std::optional<Prefix> parse(std::string_view text);
};

}  // namespace fairlead
