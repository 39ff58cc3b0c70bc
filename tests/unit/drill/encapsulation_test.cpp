#include "drill/encapsulation.hpp"

#include <gtest/gtest.h>

#include "drill/format.hpp"
#include "drill/inbound.hpp"
#include "drill/seen.hpp"
#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

using Octets = std::vector<std::uint8_t>;

Connection connection_v4() {
    return {.local = {IpAddress::v4(192, 168, 0, 1), 8080},
            .remote = {IpAddress::v4(192, 0, 2, 1), 4000}};
}
Octets built(std::string_view line) {
    return build_packet(connection_v4(), packet_of("0 < " + std::string{line}));
}
Octets head(const Octets& bytes, std::size_t from, std::size_t count) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}
std::string fault_of(const Octets& bytes) {
    const auto seen = read_packet({.bytes = bytes});
    return seen ? "none" : seen.error();
}

constexpr const char* kSegment = "S 0:0(0) win 1";

TEST(Encapsulation, IpCarriesIp) {
    const Octets bytes = built("ipv4 1.2.3.4 > 5.6.7.8: S 0:0(0) win 1");
    EXPECT_EQ(head(bytes, 0, 10), (Octets{0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 4}));
    EXPECT_EQ(head(bytes, 12, 8), (Octets{1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(head(bytes, 20, 40), built(kSegment));
    const Octets in_v6 = built("ipv6 2001:db8::1 > 2001:db8::2: S 0:0(0) win 1");
    EXPECT_EQ(head(in_v6, 0, 8), (Octets{0x60, 0, 0, 0, 0, 40, 4, 64}));
    EXPECT_EQ(head(in_v6, 40, 40), built(kSegment));
}

TEST(Encapsulation, GreHasWhatTheLineNames) {
    // RFC 2784 §2, RFC 2890 §2: flags, type, then checksum and offset, key, sequence number.
    EXPECT_EQ(head(built("ipv4 1.2.3.4 > 5.6.7.8: gre: S 0:0(0) win 1"), 20, 4),
              (Octets{0, 0, 8, 0}));
    const Octets all =
        built("ipv4 1.2.3.4 > 5.6.7.8: gre sum 0x1234, off 5, key 6, seq 7: S 0:0(0) win 1");
    EXPECT_EQ(all[9], 47);
    EXPECT_EQ(head(all, 20, 16), (Octets{0xb0, 0, 8, 0, 0x12, 0x34, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7}));
    EXPECT_EQ(fault_of(all), "its GRE checksum is wrong");
    EXPECT_EQ(fault_of(built("ipv4 1.2.3.4 > 5.6.7.8: gre sum: S 0:0(0) win 1")), "none");
}

TEST(Encapsulation, LabelsStandInAStack) {
    // RFC 3032 §2.1: label (20), class (3), bottom (1), TTL (8).
    const Octets bytes = built(
        "ipv4 1.2.3.4 > 5.6.7.8: mpls (label 16, tc 0, ttl 64) (label 1048575, tc 7, [S] ttl 1): "
        "S 0:0(0) win 1");
    EXPECT_EQ(bytes[9], 137);
    EXPECT_EQ(head(bytes, 20, 8), (Octets{0, 1, 0, 64, 0xff, 0xff, 0xff, 1}));
    EXPECT_EQ(head(built("ipv4 1.2.3.4 > 5.6.7.8: gre: mpls (label 1, tc 0, [S] ttl 9): "
                         "S 0:0(0) win 1"),
                   20, 8),
              (Octets{0, 0, 0x88, 0x47, 0, 0, 0x11, 9}));
}

TEST(Encapsulation, WhatIsBuiltIsReadBack) {
    for (const char* text :
         {"ipv4 1.2.3.4 > 5.6.7.8: S 0:0(0) win 1",
          "ipv4 1.2.3.4 > 5.6.7.8: ipv6 2001:db8::1 > 2001:db8::2: S 0:0(0) win 1",
          "ipv4 1.2.3.4 > 5.6.7.8: gre key 6, seq 7: S 0:0(0) win 1",
          "ipv6 2001:db8::1 > 2001:db8::2: gre: mpls (label 9, tc 1, [S] ttl 3): S 0:0(0) win 1",
          "ipv4 1.2.3.4 > 5.6.7.8: mpls (label 9, tc 1, [S] ttl 3): S 0:0(0) win 1"}) {
        const PacketLine line = packet_of("0 < " + std::string{text});
        const auto seen = read_packet({.bytes = build_packet(connection_v4(), line)});
        ASSERT_TRUE(seen && *seen) << text;
        EXPECT_EQ((*seen)->outer, line.outer) << format((*seen)->outer);
        EXPECT_EQ((*seen)->source.port, 4000);
        EXPECT_EQ((*seen)->body, line.body);
    }
}

TEST(Encapsulation, ALineIsHeldAgainstWhatItNames) {
    const auto live = packet_of("0 < gre sum 0x1, off 0, key 6: S 0:0(0)").outer;
    const auto is_same = [&](const char* scripted) {
        return is_same_encapsulation(packet_of(scripted).outer, live);
    };
    EXPECT_TRUE(is_same("0 > gre sum, key 6: S 0:0(0)"));
    EXPECT_FALSE(is_same("0 > gre sum 0x2, key 6: S 0:0(0)"));
    EXPECT_FALSE(is_same("0 > gre key 6: S 0:0(0)"));
    EXPECT_FALSE(is_same("0 > gre sum, key 7: S 0:0(0)"));
    EXPECT_FALSE(is_same("0 > S 0:0(0)"));
}

TEST(Encapsulation, EveryCutAndEveryFalseByteIsReadInBounds) {
    const Octets whole = built(
        "ipv4 1.2.3.4 > 5.6.7.8: gre sum, key 6, seq 7: mpls (label 9, tc 1, [S] ttl 3): "
        "S 0:0(0) win 1");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        EXPECT_NE(fault_of(head(whole, 0, n)), "none") << n;
    }
    int accepted = 0;
    for (std::size_t n = 20; n < whole.size(); ++n) {
        for (int value = 0; value < 256; ++value) {
            Octets bytes = whole;
            bytes[n] = static_cast<std::uint8_t>(value);
            accepted += fault_of(bytes) == "none" ? 1 : 0;
        }
    }
    EXPECT_GT(accepted, 0);
}

TEST(Encapsulation, HeadersThatNestTooDeepAreAFault) {
    std::vector<OuterHeader> headers(9, outer::Ip{IpAddress::v4(1, 2, 3, 4), IpAddress::v4(1)});
    EXPECT_EQ(fault_of(encapsulate(headers, built(kSegment))), "its headers nest too deep");
    headers.pop_back();
    headers.pop_back();
    EXPECT_EQ(fault_of(encapsulate(headers, built(kSegment))), "none");
}

}  // namespace
}  // namespace fairlead::drill
