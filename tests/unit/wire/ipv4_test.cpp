#include "wire/ipv4.hpp"

#include <gtest/gtest.h>

#include "unit/wire/captured.hpp"
#include "wire/checksum.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

std::vector<std::byte> packet_of(std::string_view frame) {
    return captured::from_hex(frame.substr(28));
}

// The captured ping with one 16-bit field replaced, its checksum right again.
std::vector<std::byte> ping_with(std::size_t at, std::uint16_t value) {
    auto packet = packet_of(captured::kPing4);
    store_be(packet, at, value);
    store_be(packet, Ipv4Header::kChecksumAt, std::uint16_t{0});
    store_be(packet, Ipv4Header::kChecksumAt, sum_of(Bytes{packet}.first(20)).checksum());
    return packet;
}

TEST(Ipv4, ReadsTheKernelsPing) {
    const auto header = parse_ipv4(packet_of(captured::kPing4));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->header_bytes, 20);
    EXPECT_EQ(header->traffic_class, 0);
    EXPECT_EQ(header->total_bytes, 84);
    EXPECT_EQ(header->payload_bytes(), 64);
    EXPECT_TRUE(header->dont_fragment);
    EXPECT_FALSE(header->is_fragment());
    EXPECT_EQ(header->ttl, 64);
    EXPECT_EQ(header->protocol, IpProtocol::Icmp);
    EXPECT_EQ(header->source, IpAddress::v4(192, 0, 2, 1));
    EXPECT_EQ(header->target, IpAddress::v4(192, 0, 2, 2));
}

TEST(Ipv4, ReadsTheKernelsFragments) {
    const auto first = parse_ipv4(packet_of(captured::kFirstFragment4), 1500);
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->more_fragments && first->is_fragment());
    EXPECT_EQ(first->fragment_offset, 0);
    const auto last = parse_ipv4(packet_of(captured::kLastFragment4), 548);
    ASSERT_TRUE(last);
    EXPECT_TRUE(!last->more_fragments && last->is_fragment());
    EXPECT_EQ(last->fragment_offset, 1480);
    EXPECT_EQ(last->id, first->id);
}

TEST(Ipv4, WritesWhatItRead) {
    for (const auto text :
         {captured::kPing4, captured::kPong4, captured::kRecordRoutePing, captured::kTimestampPing,
          captured::kFirstFragment4, captured::kLastFragment4, captured::kSyn4, captured::kUdp4}) {
        const auto packet = packet_of(text);
        const auto header = parse_ipv4(packet, 1500);
        ASSERT_TRUE(header) << text;
        std::vector<std::byte> again(header->header_bytes);
        write_ipv4(again, *header, ipv4_options_of(packet, *header));
        EXPECT_EQ(again, std::vector(packet.begin(), packet.begin() + header->header_bytes));
    }
}

TEST(Ipv4, WritesEveryField) {
    const Ipv4Header header{.traffic_class = 0xb9,
                            .total_bytes = 0xfffe,
                            .id = 0xabcd,
                            .more_fragments = true,
                            .fragment_offset = 65528,
                            .ttl = 255,
                            .protocol = IpProtocol::Udp,
                            .source = IpAddress::v4(255, 254, 253, 252),
                            .target = IpAddress::v4(1, 2, 3, 4)};
    std::vector<std::byte> bytes(20);
    write_ipv4(bytes, header);
    auto expected = captured::from_hex("45b9fffe abcd3fff ff110000 fffefdfc 01020304");
    store_be(expected, 10, sum_of(expected).checksum());
    EXPECT_EQ(bytes, expected);
    EXPECT_EQ(parse_ipv4(bytes, 65535), header);
}

TEST(Ipv4, RefusesEveryTruncationOfTheHeader) {
    for (const auto text : {captured::kPing4, captured::kRecordRoutePing}) {
        const auto packet = packet_of(text);
        const std::size_t header_bytes = parse_ipv4(packet)->header_bytes;
        captured::for_each_prefix(packet, [&](Bytes prefix) {
            const auto all = parse_ipv4(prefix, packet.size());
            EXPECT_EQ(all.has_value(), prefix.size() >= header_bytes);
            const auto cut = parse_ipv4(prefix);
            EXPECT_EQ(cut.has_value(), prefix.size() == packet.size());
            if (!cut) {
                EXPECT_EQ(cut.error(), prefix.size() < header_bytes ? Ipv4Fault::Truncated
                                                                    : Ipv4Fault::ShortPacket);
            }
        });
    }
}

TEST(Ipv4, NamesWhatIsWrong) {
    EXPECT_EQ(parse_ipv4(ping_with(0, 0x6500)).error(), Ipv4Fault::BadVersion);
    EXPECT_EQ(parse_ipv4(ping_with(0, 0x4400)).error(), Ipv4Fault::BadHeaderLength);
    EXPECT_EQ(parse_ipv4(ping_with(0, 0x4000)).error(), Ipv4Fault::BadHeaderLength);
    EXPECT_EQ(parse_ipv4(ping_with(2, 19)).error(), Ipv4Fault::BadTotalLength);
    EXPECT_EQ(parse_ipv4(ping_with(2, 0)).error(), Ipv4Fault::BadTotalLength);
    EXPECT_EQ(parse_ipv4(ping_with(2, 85)).error(), Ipv4Fault::ShortPacket);
    EXPECT_EQ(parse_ipv4(ping_with(2, 20))->payload_bytes(), 0);
    auto packet = packet_of(captured::kPing4);
    for (std::size_t at = 1; at < 20; ++at) {
        packet[at] ^= std::byte{0x10};
        EXPECT_EQ(parse_ipv4(packet, 65535).error(), Ipv4Fault::BadChecksum) << at;
        packet[at] ^= std::byte{0x10};
    }
}

TEST(Ipv4, AllowsPaddingBehindThePacket) {
    auto packet = packet_of(captured::kPing4);
    packet.resize(packet.size() + 7);
    EXPECT_EQ(parse_ipv4(packet)->total_bytes, 84);
}

TEST(Ipv4, ReadsAQuotedHeaderWhateverItsChecksumAndLength) {
    auto packet = packet_of(captured::kUdp4);
    store_be(packet, Ipv4Header::kChecksumAt, std::uint16_t{0x1234});
    EXPECT_TRUE(parse_quoted_ipv4(Bytes{packet}.first(28)));
    EXPECT_EQ(parse_quoted_ipv4(Bytes{packet}.first(19)).error(), Ipv4Fault::Truncated);
}

TEST(Ipv4, TellsOptionsThatMatter) {
    const auto options = [](std::string_view text) {
        return parse_ipv4_options(captured::from_hex(text));
    };
    EXPECT_EQ(options(""), Ipv4Options{});
    EXPECT_EQ(options("94040000"), Ipv4Options{.router_alert = true});
    EXPECT_EQ(options("94040001"), Ipv4Options{});
    EXPECT_EQ(options("01 830704 c0000201"), Ipv4Options{.source_route = true});
    EXPECT_EQ(options("890704 c0000201 00"), Ipv4Options{.source_route = true});
    EXPECT_EQ(options("00 83000000"), Ipv4Options{}) << "nothing counts behind the end";
    const auto packet = packet_of(captured::kRecordRoutePing);
    EXPECT_EQ(parse_ipv4_options(ipv4_options_of(packet, *parse_ipv4(packet))), Ipv4Options{});
}

TEST(Ipv4, SaysWhereAnOptionIsMalformed) {
    const auto fault = [](std::string_view text) {
        const auto bytes = captured::from_hex(text);
        return parse_ipv4_options(bytes).error();
    };
    EXPECT_EQ(fault("01010183"), 23);
    EXPECT_EQ(fault("01830000"), 21);
    EXPECT_EQ(fault("83010000"), 20);
    EXPECT_EQ(fault("83050000"), 20);
    EXPECT_EQ(fault("01019403 0000 0000"), 22);
}

}  // namespace
