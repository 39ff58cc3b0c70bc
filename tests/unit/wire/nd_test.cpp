#include "wire/nd.hpp"

#include <gtest/gtest.h>

#include "unit/wire/captured.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

constexpr MacAddress kMac1{0x02, 0, 0, 0, 0, 0x01};
constexpr MacAddress kMac2{0x02, 0, 0, 0, 0, 0x02};

std::vector<std::byte> message_of(std::string_view frame) {
    return captured::from_hex(frame.substr((14 + 40) * 2));
}

template <typename Message>
std::vector<std::byte> written(const Message& message) {
    std::vector<std::byte> bytes(nd_bytes(message));
    EXPECT_EQ(write_nd(bytes, message), bytes.size());
    return bytes;
}

// As captured, but with the checksum the writer leaves to its caller.
std::vector<std::byte> without_checksum(std::vector<std::byte> message) {
    message[2] = message[3] = std::byte{0};
    return message;
}

// An advertisement as a home router sends it: MTU, prefix, own address.
constexpr std::string_view kRouterAdvertisement =
    "86000000 40 c0 0708 00007530 000003e8"
    "0101 020000000001"
    "0501 0000 000005dc"
    "0304 40 c0 00278d00 00093a80 00000000 20010db8000100000000000000000000";

// fe80::1 says that 2001:db8::9 is better reached by fe80::2.
constexpr std::string_view kRedirect =
    "89000000 00000000 fe800000000000000000000000000002 20010db8000000000000000000000009"
    "0201 020000000002"
    "0402 000000000000 6000000000000000";

TEST(NeighborDiscovery, ReadsTheKernelsSolicitations) {
    const auto message = message_of(captured::kNeighborSolicitation);
    const auto solicitation = parse_neighbor_solicitation(message);
    ASSERT_TRUE(solicitation);
    EXPECT_EQ(solicitation->target, IpAddress::parse("2001:db8::2"));
    EXPECT_EQ(solicitation->options.source_mac, kMac1);
    EXPECT_EQ(written(*solicitation), without_checksum(message));
    // Duplicate address detection carries no source address (a nonce option is skipped).
    const auto probe = parse_neighbor_solicitation(message_of(captured::kDadSolicitation));
    ASSERT_TRUE(probe);
    EXPECT_FALSE(probe->options.source_mac);
    EXPECT_EQ(probe->target, IpAddress::parse("fe80::ff:fe00:1"));
    const auto router = message_of(captured::kRouterSolicitation);
    ASSERT_TRUE(parse_router_solicitation(router));
    EXPECT_EQ(parse_router_solicitation(router)->options.source_mac, kMac1);
    EXPECT_EQ(written(*parse_router_solicitation(router)), without_checksum(router));
}

TEST(NeighborDiscovery, ReadsTheKernelsAdvertisement) {
    const auto message = message_of(captured::kNeighborAdvertisement);
    const auto advertisement = parse_neighbor_advertisement(message);
    ASSERT_TRUE(advertisement);
    EXPECT_EQ(advertisement->target, IpAddress::parse("2001:db8::2"));
    EXPECT_TRUE(advertisement->is_solicited && advertisement->overrides);
    EXPECT_FALSE(advertisement->is_router);
    EXPECT_EQ(advertisement->options.target_mac, kMac2);
    EXPECT_EQ(written(*advertisement), without_checksum(message));
}

TEST(NeighborDiscovery, ReadsARouterAdvertisement) {
    const auto message = captured::from_hex(kRouterAdvertisement);
    const auto router = parse_router_advertisement(message);
    ASSERT_TRUE(router);
    EXPECT_EQ(router->hop_limit, 64);
    EXPECT_TRUE(router->managed && router->other_configuration);
    EXPECT_EQ(router->lifetime_s, 1800);
    EXPECT_EQ(router->reachable_ms, 30'000u);
    EXPECT_EQ(router->retransmit_ms, 1000u);
    EXPECT_EQ(router->options.mtu, 1500u);
    EXPECT_EQ(router->options.source_mac, kMac1);
    ASSERT_EQ(router->options.prefixes().size(), 1u);
    EXPECT_EQ(router->options.prefixes()[0],
              (PrefixInformation{.prefix = *Prefix::parse("2001:db8:1::/64"),
                                 .on_link = true,
                                 .autonomous = true,
                                 .valid_s = 2'592'000,
                                 .preferred_s = 604'800}));
    EXPECT_EQ(written(*router), message);
}

TEST(NeighborDiscovery, ReadsARedirect) {
    const auto message = captured::from_hex(kRedirect);
    const auto redirect = parse_nd_redirect(message);
    ASSERT_TRUE(redirect);
    EXPECT_EQ(redirect->target, IpAddress::parse("fe80::2"));
    EXPECT_EQ(redirect->destination, IpAddress::parse("2001:db8::9"));
    EXPECT_EQ(redirect->options.target_mac, kMac2);
    EXPECT_EQ(redirect->options.redirected.size(), 8u);
    EXPECT_EQ(written(*redirect),
              std::vector(message.begin(), message.end() - 16));  // the quote is not written
}

TEST(NeighborDiscovery, RefusesARedirectToWhatIsNoRouter) {
    auto message = captured::from_hex(kRedirect);
    message[8] = std::byte{0x20};
    EXPECT_EQ(parse_nd_redirect(message).error(), NdFault::BadTarget);
    auto to_group = captured::from_hex(kRedirect);
    to_group[24] = std::byte{0xff};
    EXPECT_EQ(parse_nd_redirect(to_group).error(), NdFault::BadTarget);
}

TEST(NeighborDiscovery, RefusesACodeAndAMulticastTarget) {
    auto message = message_of(captured::kNeighborSolicitation);
    message[1] = std::byte{1};
    EXPECT_EQ(parse_neighbor_solicitation(message).error(), NdFault::BadCode);
    message[1] = std::byte{0};
    message[8] = std::byte{0xff};
    EXPECT_EQ(parse_neighbor_solicitation(message).error(), NdFault::BadTarget);
    EXPECT_EQ(parse_neighbor_advertisement(message).error(), NdFault::BadTarget);
}

TEST(NeighborDiscovery, RefusesOptionsWithoutLengthAndOverTheEnd) {
    const auto fault = [](std::string_view options) {
        auto message = captured::from_hex("85000000 00000000");
        const auto more = captured::from_hex(options);
        message.insert(message.end(), more.begin(), more.end());
        const auto parsed = parse_router_solicitation(message);
        return parsed ? std::nullopt : std::optional{parsed.error()};
    };
    EXPECT_EQ(fault("0100 020000000001"), NdFault::BadOption);
    EXPECT_EQ(fault("0102 020000000001"), NdFault::BadOption);
    EXPECT_EQ(fault("01"), NdFault::BadOption);
    EXPECT_EQ(fault("0e01 020000000001"), std::nullopt);
    EXPECT_EQ(fault("0501 0000 000005dc 0101 020000000001"), std::nullopt);
}

TEST(NeighborDiscovery, SkipsAnOptionWhoseSizeIsNotItsKinds) {
    const auto message = captured::from_hex(
        "85000000 00000000 0102 020000000001 0000000000000000 0502 0000 000005dc 0000000000000000"
        "0301 40c0 00000000");
    const auto solicitation = parse_router_solicitation(message);
    ASSERT_TRUE(solicitation);
    EXPECT_FALSE(solicitation->options.source_mac || solicitation->options.mtu);
    EXPECT_EQ(solicitation->options.prefix_count, 0);
}

TEST(NeighborDiscovery, IgnoresPrefixBitsBehindTheLengthAndPrefixesOverTheRoom) {
    auto message = captured::from_hex("86000000 40000000 00000000 00000000");
    const auto option = captured::from_hex(
        "0304 3d c0 00278d00 00093a80 00000000 20010db80001ffffffffffffffffffff");
    for (std::size_t i = 0; i < NdOptions::kMaxPrefixes + 2; ++i) {
        message.insert(message.end(), option.begin(), option.end());
    }
    const auto router = parse_router_advertisement(message);
    ASSERT_TRUE(router);
    EXPECT_EQ(router->options.prefixes().size(), NdOptions::kMaxPrefixes);
    EXPECT_EQ(router->options.prefixes()[0].prefix, Prefix::parse("2001:db8:1:fff8::/61"));
    auto too_long = captured::from_hex("86000000 40000000 00000000 00000000");
    too_long.insert(too_long.end(), option.begin(), option.end());
    too_long[18] = std::byte{129};
    EXPECT_EQ(parse_router_advertisement(too_long)->options.prefix_count, 0);
}

template <typename Parse>
void expect_no_truncation(Bytes whole, std::size_t fixed, Parse parse) {
    captured::for_each_prefix(whole, [&](Bytes prefix) {
        const auto parsed = parse(prefix);
        if (prefix.size() < fixed) {
            ASSERT_FALSE(parsed);
            EXPECT_EQ(parsed.error(), NdFault::Truncated);
        } else if (!parsed) {
            EXPECT_EQ(parsed.error(), NdFault::BadOption);
        } else {
            EXPECT_EQ((prefix.size() - fixed) % 8, 0u);
        }
    });
}

TEST(NeighborDiscovery, RefusesEveryTruncation) {
    expect_no_truncation(message_of(captured::kRouterSolicitation), 8, parse_router_solicitation);
    expect_no_truncation(captured::from_hex(kRouterAdvertisement), 16, parse_router_advertisement);
    expect_no_truncation(message_of(captured::kNeighborSolicitation), 24,
                         parse_neighbor_solicitation);
    expect_no_truncation(message_of(captured::kNeighborAdvertisement), 24,
                         parse_neighbor_advertisement);
    expect_no_truncation(captured::from_hex(kRedirect), 40, parse_nd_redirect);
}

TEST(NeighborDiscovery, AsksTheGroupOfTheLast24Bits) {
    EXPECT_EQ(solicited_node(*IpAddress::parse("2001:db8::ab12:3456")),
              IpAddress::parse("ff02::1:ff12:3456"));
}

}  // namespace
