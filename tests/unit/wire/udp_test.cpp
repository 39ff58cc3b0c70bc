#include "wire/udp.hpp"

#include <gtest/gtest.h>

#include "unit/wire/captured.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

std::vector<std::byte> datagram4() { return captured::from_hex(captured::kUdp4.substr(34 * 2)); }

TEST(Udp, ReadsTheKernelsDatagram) {
    const auto datagram = datagram4();
    const auto header = parse_udp(datagram);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->source_port, 49188);
    EXPECT_EQ(header->target_port, 9);
    EXPECT_EQ(header->total_bytes, 15);
    PartialSum sum = pseudo_header(IpAddress::v4(192, 0, 2, 1), IpAddress::v4(192, 0, 2, 2),
                                   IpProtocol::Udp, 15);
    sum.add(datagram);
    EXPECT_TRUE(sum.is_valid());
}

TEST(Udp, WritesWhatItRead) {
    for (const auto text : {captured::kUdp4.substr(34 * 2), captured::kUdp6.substr(54 * 2)}) {
        const auto datagram = captured::from_hex(text);
        std::vector<std::byte> again(UdpHeader::kBytes);
        write_udp(again, *parse_udp(datagram));
        EXPECT_EQ(again, std::vector(datagram.begin(), datagram.begin() + 8));
    }
}

TEST(Udp, RefusesEveryTruncation) {
    const auto datagram = datagram4();
    captured::for_each_prefix(datagram, [&](Bytes prefix) {
        EXPECT_EQ(parse_udp(prefix, datagram.size()).has_value(), prefix.size() >= 8);
        const auto cut = parse_udp(prefix);
        EXPECT_EQ(cut.has_value(), prefix.size() == datagram.size());
        if (!cut) {
            EXPECT_EQ(cut.error(), prefix.size() < 8 ? UdpFault::Truncated : UdpFault::BadLength);
        }
    });
}

TEST(Udp, RefusesALyingLength) {
    auto datagram = datagram4();
    for (const int lie : {0, 1, 7, 16, 0xffff}) {
        store_be(datagram, 4, static_cast<std::uint16_t>(lie));
        ASSERT_FALSE(parse_udp(datagram)) << lie;
        EXPECT_EQ(parse_udp(datagram).error(), UdpFault::BadLength) << lie;
    }
    for (const int truth : {8, 14}) {  // the rest is padding
        store_be(datagram, 4, static_cast<std::uint16_t>(truth));
        EXPECT_TRUE(parse_udp(datagram)) << truth;
    }
}

TEST(Udp, SendsAChecksumOfZeroAsAllOnes) {
    PartialSum zero;
    zero.add_u16(0xffff);
    EXPECT_EQ(udp_checksum(zero), 0xffff);
    PartialSum other;
    other.add_u16(0xfffe);
    EXPECT_EQ(udp_checksum(other), 0x0001);
}

}  // namespace
