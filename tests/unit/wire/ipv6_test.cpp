#include "wire/ipv6.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/wire/captured.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

std::vector<std::byte> packet_of(std::string_view frame) {
    return captured::from_hex(frame.substr(28));
}

// A packet with these headers behind the 40 bytes, given as hex.
struct Chain {
    Chain(IpProtocol first, std::string_view headers) {
        const auto body = captured::from_hex(headers);
        header = {.payload_bytes = static_cast<std::uint16_t>(body.size()),
                  .next_header = first,
                  .source = *IpAddress::parse("2001:db8::1"),
                  .target = *IpAddress::parse("2001:db8::2")};
        packet.resize(40);
        write_ipv6(packet, header);
        packet.insert(packet.end(), body.begin(), body.end());
    }
    std::expected<Ipv6Upper, ExtensionError> walk() const {
        return walk_extensions(packet, header);
    }
    ExtensionError error() const {
        const auto upper = walk();
        return upper ? ExtensionError{} : upper.error();
    }

    Ipv6Header header{};
    std::vector<std::byte> packet{};
};

TEST(Ipv6, ReadsTheKernelsPing) {
    const auto header = parse_ipv6(packet_of(captured::kPing6));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->traffic_class, 0);
    EXPECT_EQ(header->payload_bytes, 64);
    EXPECT_EQ(header->next_header, IpProtocol::Icmpv6);
    EXPECT_EQ(header->hop_limit, 64);
    EXPECT_EQ(header->source, IpAddress::parse("2001:db8::1"));
    EXPECT_EQ(header->target, IpAddress::parse("2001:db8::2"));
}

TEST(Ipv6, WritesWhatItRead) {
    for (const auto text : {captured::kPing6, captured::kNeighborSolicitation, captured::kSyn6,
                            captured::kFirstFragment6, captured::kListenerReport}) {
        const auto packet = packet_of(text);
        std::vector<std::byte> again(40);
        write_ipv6(again, *parse_ipv6(packet, 1500));
        EXPECT_EQ(again, std::vector(packet.begin(), packet.begin() + 40)) << text;
    }
}

TEST(Ipv6, WritesEveryField) {
    const Ipv6Header header{.traffic_class = 0xa3,
                            .flow_label = 0xfedcb,
                            .payload_bytes = 0x1234,
                            .next_header = IpProtocol::Udp,
                            .hop_limit = 7,
                            .source = *IpAddress::parse("fe80::1"),
                            .target = *IpAddress::parse("ff02::2")};
    std::vector<std::byte> bytes(40);
    write_ipv6(bytes, header);
    EXPECT_EQ(bytes, captured::from_hex("6a3fedcb 1234 11 07 fe800000000000000000000000000001"
                                        "ff020000000000000000000000000002"));
    EXPECT_EQ(parse_ipv6(bytes, 65535), header);
}

TEST(Ipv6, RefusesEveryTruncation) {
    const auto packet = packet_of(captured::kPing6);
    captured::for_each_prefix(packet, [&](Bytes prefix) {
        EXPECT_EQ(parse_ipv6(prefix, packet.size()).has_value(), prefix.size() >= 40);
        const auto cut = parse_ipv6(prefix);
        EXPECT_EQ(cut.has_value(), prefix.size() == packet.size());
        if (!cut) {
            EXPECT_EQ(cut.error(),
                      prefix.size() < 40 ? Ipv6Fault::Truncated : Ipv6Fault::ShortPacket);
        }
    });
}

TEST(Ipv6, RefusesAnotherVersionAndMappedAddresses) {
    auto packet = packet_of(captured::kPing6);
    packet[0] = std::byte{0x45};
    EXPECT_EQ(parse_ipv6(packet).error(), Ipv6Fault::BadVersion);
    auto mapped = Chain{IpProtocol::Udp, ""};
    mapped.header.source = IpAddress::v4(192, 0, 2, 1);
    write_ipv6(mapped.packet, mapped.header);
    EXPECT_EQ(parse_ipv6(mapped.packet).error(), Ipv6Fault::MappedAddress);
    std::swap(mapped.header.source, mapped.header.target);
    write_ipv6(mapped.packet, mapped.header);
    EXPECT_EQ(parse_ipv6(mapped.packet).error(), Ipv6Fault::MappedAddress);
}

TEST(Extensions, AreNotThereInMostPackets) {
    const auto packet = packet_of(captured::kPing6);
    const auto upper = walk_extensions(packet, *parse_ipv6(packet));
    ASSERT_TRUE(upper);
    EXPECT_EQ(upper->protocol, IpProtocol::Icmpv6);
    EXPECT_EQ(upper->offset, 40);
    EXPECT_EQ(upper->next_header_at, 6);
    EXPECT_FALSE(upper->fragment || upper->router_alert);
}

TEST(Extensions, OfTheKernelsListenerReportRaiseTheRouterAlert) {
    const auto packet = packet_of(captured::kListenerReport);
    const auto upper = walk_extensions(packet, *parse_ipv6(packet));
    ASSERT_TRUE(upper);
    EXPECT_EQ(upper->protocol, IpProtocol::Icmpv6);
    EXPECT_EQ(upper->offset, 48);
    EXPECT_EQ(upper->next_header_at, 40);
    EXPECT_TRUE(upper->router_alert);
}

TEST(Extensions, StopBehindTheKernelsFragmentHeader) {
    const auto packet = packet_of(captured::kFirstFragment6);
    const auto first = walk_extensions(packet, *parse_ipv6(packet, 1500));
    ASSERT_TRUE(first && first->fragment);
    EXPECT_EQ(
        *first->fragment,
        (Ipv6Fragment{.id = first->fragment->id, .offset = 0, .more = true, .header_at = 40}));
    EXPECT_EQ(first->protocol, IpProtocol::Icmpv6);
    EXPECT_EQ(first->offset, 48);
    const auto rest = packet_of(captured::kLastFragment6);
    const auto last = walk_extensions(rest, *parse_ipv6(rest, 1500));
    ASSERT_TRUE(last && last->fragment);
    EXPECT_EQ(last->fragment->offset, 1448);
    EXPECT_FALSE(last->fragment->more);
    EXPECT_EQ(last->fragment->id, first->fragment->id);

    std::vector<std::byte> again(Ipv6Fragment::kBytes);
    write_ipv6_fragment(again, *last->fragment, last->protocol);
    EXPECT_EQ(again, std::vector(rest.begin() + 40, rest.begin() + 48));
}

TEST(Extensions, ReadAFragmentThatIsAloneAsAWholePacket) {
    const Chain chain{IpProtocol::Fragment, "11000000 12345678  0001000200080000"};
    const auto upper = chain.walk();
    ASSERT_TRUE(upper);
    EXPECT_FALSE(upper->fragment);
    EXPECT_EQ(upper->protocol, IpProtocol::Udp);
    EXPECT_EQ(upper->offset, 48);
}

TEST(Extensions, AreWalkedInAnyOrderAfterHopByHop) {
    // hop-by-hop, destination, routing (no segments left), destination, udp
    const Chain chain{IpProtocol::HopByHop,
                      "3c00 0104 00000000  2b00 0104 00000000  3c00 0000 00000000"
                      "1100 0104 00000000  0001000200080000"};
    const auto upper = chain.walk();
    ASSERT_TRUE(upper);
    EXPECT_EQ(upper->protocol, IpProtocol::Udp);
    EXPECT_EQ(upper->offset, 72);
    EXPECT_EQ(upper->next_header_at, 64);
}

TEST(Extensions, RefuseHopByHopAnywhereButFirst) {
    const Chain chain{IpProtocol::DestinationOptions,
                      "0000 0104 00000000  1100 0104 00000000  0001000200080000"};
    EXPECT_EQ(chain.error(), (ExtensionError{ExtensionFault::MisplacedHopByHop, 40}));
}

TEST(Extensions, TreatAnUnknownOptionAsItsTypeSays) {
    const auto fault = [](std::string_view type) {
        return Chain{IpProtocol::DestinationOptions, "1100 " + std::string{type} + "02 0000 0100"}
            .error();
    };
    EXPECT_EQ(fault("1e"), ExtensionError{});
    EXPECT_EQ(fault("5e"), (ExtensionError{ExtensionFault::DiscardOption, 42}));
    EXPECT_EQ(fault("9e"), (ExtensionError{ExtensionFault::ReportOption, 42}));
    EXPECT_EQ(fault("de"), (ExtensionError{ExtensionFault::ReportUnlessGroup, 42}));
    EXPECT_TRUE((Chain{IpProtocol::DestinationOptions, "1100 1e02 0000 0100"}.walk()));
}

TEST(Extensions, RefuseOptionsThatRunOverTheirHeader) {
    EXPECT_EQ((Chain{IpProtocol::HopByHop, "1100 1e05 00000000"}.error()),
              (ExtensionError{ExtensionFault::BadOption, 42}));
    EXPECT_EQ((Chain{IpProtocol::HopByHop, "1100 0103 000000 1e"}.error()),
              (ExtensionError{ExtensionFault::BadOption, 47}));
    EXPECT_TRUE((Chain{IpProtocol::HopByHop, "1100 1e04 00000000"}.walk()));
}

TEST(Extensions, RefusePaddingThatIsLongOrNotZero) {
    EXPECT_EQ((Chain{IpProtocol::HopByHop, "1100 0104 00000100"}.error()),
              (ExtensionError{ExtensionFault::BadOption, 42}));
    EXPECT_EQ((Chain{IpProtocol::HopByHop, "1101 010c 00000000 00000000 00000000"}.error()),
              (ExtensionError{ExtensionFault::BadOption, 42}));
    EXPECT_EQ((Chain{IpProtocol::HopByHop, "1101 0000000000000000 000000000000"}.error()),
              (ExtensionError{ExtensionFault::BadOption, 49}));
}

TEST(Extensions, CountPaddingAnewBehindEachOption) {
    EXPECT_TRUE((Chain{IpProtocol::HopByHop, "1101 0103 000000 1e00 0105 0000000000"}.walk()));
    EXPECT_EQ((Chain{IpProtocol::HopByHop, "1101 1e00 0103 000000 0105 0000000000"}.error()),
              (ExtensionError{ExtensionFault::BadOption, 49}));
}

TEST(Extensions, RefuseARoutingHeaderThatWantsToGoOn) {
    EXPECT_EQ(
        (Chain{IpProtocol::Routing, "1102 0001 00000000 20010db8000000000000000000000003"}.error()),
        (ExtensionError{ExtensionFault::BadRouting, 42}));
}

TEST(Extensions, RefuseTooManyHeadersAndOptions) {
    std::string headers;
    for (int i = 0; i < kMaxExtensionHeaders; ++i) headers += "3c00 0104 00000000";
    EXPECT_TRUE((Chain{IpProtocol::DestinationOptions,
                       headers.substr(0, headers.size() - 18) + "1100 0104 00000000"}
                     .walk()));
    EXPECT_EQ((Chain{IpProtocol::DestinationOptions, headers + "1100 0104 00000000"}.error().fault),
              ExtensionFault::TooManyHeaders);
    const std::string eight = "1e001e001e001e001e001e001e001e00";
    EXPECT_TRUE((Chain{IpProtocol::DestinationOptions, "1102" + eight + "0104 00000000"}.walk()));
    EXPECT_EQ((Chain{IpProtocol::DestinationOptions, "1102" + eight + "1e00 01020000"}.error()),
              (ExtensionError{ExtensionFault::TooManyOptions, 58}));
}

TEST(Extensions, RefuseFragmentsNoPacketCanBeMadeOf) {
    EXPECT_EQ((Chain{IpProtocol::Fragment, "11000001 12345678 00112233"}.error()),
              (ExtensionError{ExtensionFault::BadFragmentLength, 4}));
    EXPECT_EQ((Chain{IpProtocol::Fragment, "1100fff8 12345678 0011223344556677"}.error()),
              (ExtensionError{ExtensionFault::FragmentTooLong, 42}));
    EXPECT_TRUE((Chain{IpProtocol::Fragment, "1100fff8 12345678 00112233445566"}.walk()));
}

TEST(Extensions, RefuseEveryTruncation) {
    const Chain good{IpProtocol::HopByHop,
                     "3c00 050200000100  1101 1e0c 000000000000000000000000 0001000200080000"};
    ASSERT_TRUE(good.walk());
    captured::for_each_prefix(good.packet, [&](Bytes prefix) {
        if (prefix.size() < 40) return;
        const auto upper = walk_extensions(prefix, good.header);
        EXPECT_EQ(upper.has_value(), prefix.size() >= 64) << prefix.size();
        if (!upper) {
            EXPECT_EQ(upper.error().fault, ExtensionFault::Truncated);
        }
    });
}

TEST(Extensions, NeverReachBehindThePayload) {
    Chain chain{IpProtocol::DestinationOptions, "1100 0104 00000000 0001000200080000"};
    chain.header.payload_bytes = 7;
    EXPECT_EQ(chain.error(), (ExtensionError{ExtensionFault::Truncated, 40}));
    chain.header.payload_bytes = 8;
    EXPECT_TRUE(chain.walk());
}

TEST(Extensions, OfRandomBytesEndInsideThePacketOrInAFault) {
    for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
        Prng prng{seed};
        std::vector<std::byte> packet(40 + prng.below(200));
        constexpr std::array kFirst{0, 43, 44, 60};
        for (auto& b : packet) {
            b = static_cast<std::byte>(prng.chance(1, 2)
                                           ? prng.below(4)
                                           : static_cast<std::uint64_t>(kFirst[prng.below(4)]));
        }
        Ipv6Header header{.payload_bytes = static_cast<std::uint16_t>(prng.below(260)),
                          .next_header = static_cast<IpProtocol>(kFirst[prng.below(4)])};
        const auto upper = walk_extensions(packet, header);
        if (upper) {
            ASSERT_LE(upper->offset, packet.size()) << "seed " << seed;
            ASSERT_LT(upper->next_header_at, upper->offset) << "seed " << seed;
        }
    }
}

}  // namespace
