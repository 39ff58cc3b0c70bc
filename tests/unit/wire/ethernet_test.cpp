#include "wire/ethernet.hpp"

#include <gtest/gtest.h>

#include "unit/wire/captured.hpp"
#include "wire/arp.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

constexpr MacAddress kMac1{0x02, 0, 0, 0, 0, 0x01};
constexpr MacAddress kMac2{0x02, 0, 0, 0, 0, 0x02};

TEST(Ethernet, ReadsTheKernelsFrame) {
    const auto frame = captured::from_hex(captured::kPing4);
    const auto header = parse_ethernet(frame);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->target, kMac2);
    EXPECT_EQ(header->source, kMac1);
    EXPECT_EQ(header->type, EtherType::Ipv4);
    EXPECT_FALSE(header->tag);
    EXPECT_EQ(header->bytes(), 14u);
}

TEST(Ethernet, WritesWhatItRead) {
    for (const auto text : {captured::kPing4, captured::kPing6, captured::kArpRequest}) {
        const auto frame = captured::from_hex(text);
        std::vector<std::byte> again(14);
        write_ethernet(again, *parse_ethernet(frame));
        EXPECT_EQ(again, std::vector(frame.begin(), frame.begin() + 14));
    }
}

TEST(Ethernet, ReadsAndWritesOneTag) {
    const auto frame = captured::from_hex("020000000002 020000000001 8100 6007 86dd");
    const auto header = parse_ethernet(frame);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->tag, 0x6007);
    EXPECT_EQ(header->type, EtherType::Ipv6);
    EXPECT_EQ(header->bytes(), 18u);
    std::vector<std::byte> again(18);
    write_ethernet(again, *header);
    EXPECT_EQ(again, frame);
}

TEST(Ethernet, RefusesEveryTruncation) {
    const auto plain = captured::from_hex("020000000002 020000000001 0800");
    captured::for_each_prefix(plain, [&](Bytes prefix) {
        EXPECT_EQ(parse_ethernet(prefix).has_value(), prefix.size() == plain.size());
    });
    const auto tagged = captured::from_hex("020000000002 020000000001 8100 0007 0800");
    captured::for_each_prefix(tagged, [&](Bytes prefix) {
        EXPECT_EQ(parse_ethernet(prefix).has_value(), prefix.size() == tagged.size());
    });
}

TEST(Ethernet, RefusesALengthWhereTheTypeIs) {
    const auto spanning_tree = captured::from_hex("0180c2000000 020000000001 0026 424203000000");
    EXPECT_EQ(parse_ethernet(spanning_tree).error(), EthernetFault::NotEthernet2);
    const auto last_length = captured::from_hex("0180c2000000 020000000001 05ff");
    EXPECT_EQ(parse_ethernet(last_length).error(), EthernetFault::NotEthernet2);
    const auto first_type = captured::from_hex("0180c2000000 020000000001 0600");
    EXPECT_TRUE(parse_ethernet(first_type));
}

TEST(Ethernet, KnowsGroupsAndWhereTheyLive) {
    EXPECT_TRUE(is_group(kBroadcastMac));
    EXPECT_TRUE(is_group({0x33, 0x33, 0, 0, 0, 1}));
    EXPECT_FALSE(is_group(kMac1));
    EXPECT_EQ(multicast_mac(IpAddress::v4(224, 129, 2, 3)), (MacAddress{0x01, 0, 0x5e, 1, 2, 3}));
    EXPECT_EQ(multicast_mac(*IpAddress::parse("ff02::1:ff00:2")),
              (MacAddress{0x33, 0x33, 0xff, 0, 0, 2}));
    // The kernel's solicitation went to just that address.
    EXPECT_EQ(parse_ethernet(captured::from_hex(captured::kNeighborSolicitation))->target,
              multicast_mac(*IpAddress::parse("ff02::1:ff00:2")));
}

TEST(Arp, ReadsTheKernelsRequestAndReply) {
    const auto request = parse_arp(Bytes{captured::from_hex(captured::kArpRequest)}.subspan(14));
    ASSERT_TRUE(request);
    EXPECT_EQ(*request, (ArpPacket{.operation = ArpOperation::Request,
                                   .sender_mac = kMac1,
                                   .sender = IpAddress::v4(192, 0, 2, 1),
                                   .target = IpAddress::v4(192, 0, 2, 2)}));
    const auto reply = parse_arp(Bytes{captured::from_hex(captured::kArpReply)}.subspan(14));
    ASSERT_TRUE(reply);
    EXPECT_EQ(*reply, (ArpPacket{.operation = ArpOperation::Reply,
                                 .sender_mac = kMac2,
                                 .sender = IpAddress::v4(192, 0, 2, 2),
                                 .target_mac = kMac1,
                                 .target = IpAddress::v4(192, 0, 2, 1)}));
}

TEST(Arp, WritesWhatItRead) {
    for (const auto text : {captured::kArpRequest, captured::kArpReply}) {
        const auto frame = captured::from_hex(text);
        std::vector<std::byte> again(ArpPacket::kBytes);
        write_arp(again, *parse_arp(Bytes{frame}.subspan(14)));
        EXPECT_EQ(again, std::vector(frame.begin() + 14, frame.end()));
    }
}

TEST(Arp, RefusesEveryTruncation) {
    const auto frame = captured::from_hex(captured::kArpReply);
    captured::for_each_prefix(Bytes{frame}.subspan(14), [](Bytes prefix) {
        EXPECT_EQ(parse_arp(prefix).has_value(), prefix.size() == ArpPacket::kBytes);
    });
}

TEST(Arp, NamesWhatIsWrong) {
    const auto with = [](std::size_t at, std::uint16_t value) {
        auto packet = captured::from_hex(captured::kArpReply.substr(28));
        store_be(packet, at, value);
        return parse_arp(packet).error();
    };
    EXPECT_EQ(with(0, 6), ArpFault::NotEthernet);
    EXPECT_EQ(with(2, 0x86dd), ArpFault::NotIpv4);
    EXPECT_EQ(with(4, 0x0610), ArpFault::BadLength);
    EXPECT_EQ(with(4, 0x0804), ArpFault::BadLength);
    EXPECT_EQ(with(6, 0), ArpFault::BadOperation);
    EXPECT_EQ(with(6, 3), ArpFault::BadOperation);
}

}  // namespace
