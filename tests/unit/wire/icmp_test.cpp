#include "wire/icmp.hpp"

#include <gtest/gtest.h>

#include "unit/wire/captured.hpp"
#include "wire/checksum.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv6.hpp"
#include "wire/quoted.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

std::vector<std::byte> message4(std::string_view frame) {
    return captured::from_hex(frame.substr((14 + 20) * 2));
}
std::vector<std::byte> message6(std::string_view frame) {
    return captured::from_hex(frame.substr((14 + 40) * 2));
}

TEST(Icmp, ReadsTheKernelsEcho) {
    const auto ping = message4(captured::kPing4);
    const auto pong = message4(captured::kPong4);
    const auto request = parse_icmp(ping);
    const auto reply = parse_icmp(pong);
    ASSERT_TRUE(request && reply);
    EXPECT_EQ(request->type, IcmpType::Echo);
    EXPECT_EQ(reply->type, IcmpType::EchoReply);
    EXPECT_EQ(request->echo_id(), 0x6249);
    EXPECT_EQ(request->echo_sequence(), 1);
    EXPECT_EQ(reply->rest, request->rest);
    EXPECT_TRUE(sum_of(ping).is_valid());
    EXPECT_FALSE(request->is_error() || reply->is_error());
}

TEST(Icmp, ReadsTheKernelsPortUnreachableAndWhatItQuotes) {
    const auto message = message4(captured::kPortUnreachable4);
    const auto header = parse_icmp(message);
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->is_error());
    EXPECT_EQ(header->type, IcmpType::Unreachable);
    EXPECT_EQ(header->code, static_cast<std::uint8_t>(UnreachableCode::Port));
    EXPECT_TRUE(sum_of(message).is_valid());
    const auto quoted = parse_quoted_v4(Bytes{message}.subspan(IcmpHeader::kBytes));
    ASSERT_TRUE(quoted);
    EXPECT_EQ(quoted->source, IpAddress::v4(192, 0, 2, 1));
    EXPECT_EQ(quoted->target, IpAddress::v4(192, 0, 2, 2));
    EXPECT_EQ(quoted->protocol, IpProtocol::Udp);
    EXPECT_EQ(quoted->packet_bytes, 35u);
    EXPECT_EQ(quoted->source_port(), 49188);
    EXPECT_EQ(quoted->target_port(), 9);
}

TEST(Icmp, WritesWhatItRead) {
    for (const auto text : {captured::kPing4, captured::kPong4, captured::kPortUnreachable4}) {
        const auto message = message4(text);
        std::vector<std::byte> again(8);
        write_icmp(again, *parse_icmp(message));
        EXPECT_EQ(again, std::vector(message.begin(), message.begin() + 8));
    }
}

TEST(Icmp, MakesEachMessageWithItsFieldInItsPlace) {
    const auto written = [](const IcmpHeader& header) {
        std::vector<std::byte> bytes(8);
        write_icmp(bytes, header);
        EXPECT_EQ(parse_icmp(bytes), header);
        return bytes;
    };
    EXPECT_EQ(written(icmp_echo(0x1234, 0x5678)), captured::from_hex("08000000 12345678"));
    EXPECT_EQ(written(icmp_unreachable(UnreachableCode::Protocol)),
              captured::from_hex("03020000 00000000"));
    // RFC 1191 §4: the MTU is in the low 16 bits.
    EXPECT_EQ(written(icmp_fragmentation_needed(1400)), captured::from_hex("03040000 00000578"));
    EXPECT_EQ(icmp_fragmentation_needed(1400).mtu(), 1400);
    EXPECT_EQ(written(icmp_time_exceeded(TimeExceededCode::Reassembly)),
              captured::from_hex("0b010000 00000000"));
    EXPECT_EQ(written(icmp_parameter_problem(ParameterCode::Pointer, 21)),
              captured::from_hex("0c000000 15000000"));
    EXPECT_EQ(icmp_parameter_problem(ParameterCode::Pointer, 21).pointer(), 21);
    const auto gateway = IpAddress::v4(192, 0, 2, 254);
    EXPECT_EQ(written(icmp_redirect(RedirectCode::Host, gateway)),
              captured::from_hex("05010000 c00002fe"));
    EXPECT_EQ(icmp_redirect(RedirectCode::Host, gateway).gateway(), gateway);
}

TEST(Icmp, RefusesEveryTruncation) {
    captured::for_each_prefix(message4(captured::kPing4), [](Bytes prefix) {
        EXPECT_EQ(parse_icmp(prefix).has_value(), prefix.size() >= 8);
    });
}

TEST(Quoted4, NeedsEightBytesOfTransport) {
    const auto message = message4(captured::kPortUnreachable4);
    captured::for_each_prefix(Bytes{message}.subspan(8), [](Bytes prefix) {
        EXPECT_EQ(parse_quoted_v4(prefix).has_value(), prefix.size() >= 28) << prefix.size();
    });
}

TEST(Quoted4, IsNothingForALaterFragment) {
    EXPECT_FALSE(parse_quoted_v4(captured::from_hex(captured::kLastFragment4.substr(28))));
    const auto first = captured::from_hex(captured::kFirstFragment4.substr(28));
    const auto quoted = parse_quoted_v4(first);
    ASSERT_TRUE(quoted);
    EXPECT_EQ(quoted->protocol, IpProtocol::Icmp);
    EXPECT_EQ(quoted->echo_id(), 0x624b);
}

TEST(Quoted4, GivesTheSequenceNumberOfATcpSegment) {
    const auto packet = captured::from_hex(captured::kSyn4.substr(28));
    const auto quoted = parse_quoted_v4(Bytes{packet}.first(28));
    ASSERT_TRUE(quoted);
    EXPECT_EQ(quoted->target_port(), 8080);
    EXPECT_EQ(quoted->seq(), Seq32{load_be<std::uint32_t>(packet, 24)});
}

TEST(Icmpv6, ReadsTheKernelsEcho) {
    const auto ping = message6(captured::kPing6);
    const auto request = parse_icmpv6(ping);
    const auto pong = message6(captured::kPong6);
    const auto reply = parse_icmpv6(pong);
    ASSERT_TRUE(request && reply);
    EXPECT_EQ(request->type, Icmpv6Type::Echo);
    EXPECT_EQ(reply->type, Icmpv6Type::EchoReply);
    EXPECT_EQ(request->echo_id(), 0x624a);
    EXPECT_EQ(request->echo_sequence(), 1);
    EXPECT_FALSE(request->is_error());
    PartialSum sum = pseudo_header(*IpAddress::parse("2001:db8::1"),
                                   *IpAddress::parse("2001:db8::2"), IpProtocol::Icmpv6, 64);
    sum.add(ping);
    EXPECT_TRUE(sum.is_valid());
}

TEST(Icmpv6, ReadsTheKernelsPortUnreachableAndWhatItQuotes) {
    const auto message = message6(captured::kPortUnreachable6);
    const auto header = parse_icmpv6(message);
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->is_error());
    EXPECT_EQ(header->type, Icmpv6Type::Unreachable);
    EXPECT_EQ(header->code, static_cast<std::uint8_t>(Unreachable6Code::Port));
    const auto quoted = parse_quoted_v6(Bytes{message}.subspan(Icmpv6Header::kBytes));
    ASSERT_TRUE(quoted);
    EXPECT_EQ(quoted->source, IpAddress::parse("2001:db8::1"));
    EXPECT_EQ(quoted->protocol, IpProtocol::Udp);
    EXPECT_EQ(quoted->packet_bytes, 55u);
    EXPECT_EQ(quoted->source_port(), 58368);
    EXPECT_EQ(quoted->target_port(), 9);
}

TEST(Icmpv6, MakesEachMessageWithItsFieldInItsPlace) {
    const auto written = [](const Icmpv6Header& header) {
        std::vector<std::byte> bytes(8);
        write_icmpv6(bytes, header);
        EXPECT_EQ(parse_icmpv6(bytes), header);
        return bytes;
    };
    EXPECT_EQ(written(icmpv6_echo(0x1234, 0x5678)), captured::from_hex("80000000 12345678"));
    EXPECT_EQ(written(icmpv6_unreachable(Unreachable6Code::Address)),
              captured::from_hex("01030000 00000000"));
    EXPECT_EQ(written(icmpv6_packet_too_big(1280)), captured::from_hex("02000000 00000500"));
    EXPECT_EQ(icmpv6_packet_too_big(1280).mtu(), 1280u);
    EXPECT_EQ(written(icmpv6_time_exceeded(TimeExceeded6Code::InTransit)),
              captured::from_hex("03000000 00000000"));
    EXPECT_EQ(written(icmpv6_parameter_problem(Parameter6Code::Option, 42)),
              captured::from_hex("04020000 0000002a"));
    EXPECT_EQ(icmpv6_parameter_problem(Parameter6Code::Option, 42).pointer(), 42u);
}

TEST(Icmpv6, RefusesEveryTruncation) {
    captured::for_each_prefix(message6(captured::kPing6), [](Bytes prefix) {
        EXPECT_EQ(parse_icmpv6(prefix).has_value(), prefix.size() >= 8);
    });
}

TEST(Quoted6, NeedsEightBytesOfTransportBehindTheExtensions) {
    const auto message = message6(captured::kPortUnreachable6);
    captured::for_each_prefix(Bytes{message}.subspan(8), [](Bytes prefix) {
        EXPECT_EQ(parse_quoted_v6(prefix).has_value(), prefix.size() >= 48) << prefix.size();
    });
    const auto first = captured::from_hex(captured::kFirstFragment6.substr(28));
    captured::for_each_prefix(first, [](Bytes prefix) {
        EXPECT_EQ(parse_quoted_v6(prefix).has_value(), prefix.size() >= 56) << prefix.size();
    });
    EXPECT_EQ(parse_quoted_v6(first)->echo_id(), 0x624c);
    EXPECT_FALSE(parse_quoted_v6(captured::from_hex(captured::kLastFragment6.substr(28))));
}

}  // namespace
