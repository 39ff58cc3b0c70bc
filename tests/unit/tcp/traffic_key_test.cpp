#include "tcp/traffic_key.hpp"

#include <algorithm>
#include <string_view>

#include <gtest/gtest.h>

#include "tcp/signature.hpp"
#include "unit/base/hex.hpp"

namespace fairlead::tcp {
namespace {

using namespace testing_hex;

MasterKey master(KeyAlgorithm algorithm, std::string_view secret) {
    MasterKey key{.algorithm = algorithm, .bytes = static_cast<std::uint8_t>(secret.size())};
    std::ranges::copy(bytes_of(secret), key.storage.begin());
    return key;
}

Endpoint endpoint(std::string_view address, std::uint16_t port) {
    return {*IpAddress::parse(address), port};
}

// The hosts of RFC 9235 §3.1.
Direction from_client(std::uint16_t port, std::uint32_t isn, std::uint32_t peer_isn) {
    return {.source = endpoint("10.11.12.13", port),
            .target = endpoint("172.27.28.29", 179),
            .source_isn = isn,
            .target_isn = peer_isn};
}
Direction from_server(std::uint16_t port, std::uint32_t isn, std::uint32_t peer_isn) {
    return {.source = endpoint("172.27.28.29", 179),
            .target = endpoint("10.11.12.13", port),
            .source_isn = isn,
            .target_isn = peer_isn};
}

// The code that the segment should have, beside the one that it has.
void expect_signed(const MasterKey& key, const Direction& direction, std::string_view hex_text,
                   std::uint32_t extension = 0) {
    const auto segment = from_hex(hex_text);
    const std::size_t header_bytes = (std::to_integer<std::size_t>(segment[12]) >> 4) * 4;
    const Bytes header = Bytes{segment}.first(header_bytes);
    const FoundSignature told = signature_in(header.subspan(20));
    ASSERT_EQ(told.option.kind, wire::SignatureOption::Kind::Ao);
    ASSERT_EQ(told.code.size(), key.code_bytes);
    PacketPool pool;
    PacketPtr packet = pool.packet();
    std::ranges::copy(segment, packet->push_front(segment.size()).begin());
    const SignedSegment text{.direction = direction,
                             .header = header,
                             .packet = *packet,
                             .data = header_bytes,
                             .extension = extension};
    const auto at = static_cast<std::size_t>(told.code.data() - header.data());
    const Code right = code_of(key, traffic_key(key, direction), text, at);
    EXPECT_EQ(hex(Bytes{right}.first(key.code_bytes)), hex(told.code));
}

// RFC 9235 §4.1.1, §4.1.2
TEST(TrafficKey, OfHmacSha1IsThatOfTheTestVectors) {
    const MasterKey key = master(KeyAlgorithm::HmacSha1, "testvector");
    const Direction syn = from_client(59863, 0xfbfb'ab5a, 0);
    EXPECT_EQ(hex(traffic_key(key, syn).bytes()), "6d63ef1b02fe1509d4b1402707fd7b0416abb74f");
    expect_signed(key, syn,
                  "e9d700b3fbfbab5a00000000e002ffffcac40000020405b40103030804020"
                  "80a00155ab7000000001d103d542ee437c6f8ede6d7c4d602e7");
    const Direction answer = from_server(59863, 0x11c1'4261, 0xfbfb'ab5a);
    EXPECT_EQ(hex(traffic_key(key, answer).bytes()), "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96");
    expect_signed(key, answer,
                  "00b3e9d711c14261fbfbab5be012ffff37760000020405b40103030804020"
                  "80a84a50beb00155ab71d10543deeab0fe24c3010815116b3be");
}

// RFC 9235 §5.1.1; the key, of another length than AES has, is made one first.
TEST(TrafficKey, OfAesCmacIsThatOfTheTestVectors) {
    const MasterKey key = master(KeyAlgorithm::AesCmac, "testvector");
    const Direction syn = from_client(50426, 0x787a'1ddf, 0);
    EXPECT_EQ(hex(traffic_key(key, syn).bytes()), "f5b8b3d5f34fdbb6eb8d4ab9660e60e3");
    expect_signed(key, syn,
                  "c4fa00b3787a1ddf00000000e002ffff5a0f0000020405b40103030804020"
                  "80a00017ed0000000001d103d54e477e99c8040765498e55091");
}

// What no printed vector has, by another implementation of HMAC and CMAC (OpenSSL 3.0).
TEST(TrafficKey, CountsTheExtensionAndTheOptionsIfTheyAreMeant) {
    const Direction data = from_client(59863, 0xfbfb'ab5a, 0x11c1'4261);
    MasterKey key = master(KeyAlgorithm::HmacSha1, "testvector");
    EXPECT_EQ(hex(traffic_key(key, data).bytes()), "d2e59c65ffc7b1a39347656463b70edc24a13d71");
    expect_signed(key, data,
                  "e9d700b30000001011c14262c0180104000000000101080a00155abc84a50beb"
                  "1d103d54b12745ff83182606d802249468656c6c6f",
                  1);
    key.skips_options = true;
    expect_signed(key, data,
                  "e9d700b30000001011c14262c0180104000000000101080a00155abc84a50beb"
                  "1d103d54a1fd9a083b61d6117143098c68656c6c6f");
    key = master(KeyAlgorithm::AesCmac, "0123456789abcdef");
    key.code_bytes = 10;
    EXPECT_EQ(hex(traffic_key(key, data).bytes()), "63828cc41d8107b77f96fc986419bcda");
    expect_signed(key, data,
                  "e9d700b30000001011c14262c0180104000000000101080a00155abc84a50beb"
                  "1d0e3d541835bacbfbc9157be3c9010168656c6c6f",
                  2);
    const Direction six{.source = endpoint("fd00::1", 59863),
                        .target = endpoint("fd00::2", 179),
                        .source_isn = 0xfbfb'ab5a,
                        .target_isn = 0x11c1'4261};
    key = master(KeyAlgorithm::AesCmac, "testvector");
    EXPECT_EQ(hex(traffic_key(key, six).bytes()), "93696bd517b1ea4963f5d638abeeec51");
    expect_signed(key, six,
                  "e9d700b30000001011c1426290180104000000001d103d540166890ce5d1a2c263fc0bcf"
                  "68656c6c6f");
}

TEST(TrafficKey, NumbersAreExtendedToTheNextOne) {
    EXPECT_EQ(extended(0xffff'fff0, 0xffff'ffff), 0xffff'ffffu);
    EXPECT_EQ(extended(0xffff'fff0, 3), 0x1'0000'0003u);
    EXPECT_EQ(extended(0x1'0000'0003, 0xffff'fff0), 0xffff'fff0u);
    EXPECT_EQ(extended(0x5'7fff'ffff, 0xffff'fffe), 0x5'ffff'fffeu);
    EXPECT_EQ(extension_of(0x5'ffff'fffe), 5u);
    // As Linux: before a number that is below it there is the last of all.
    EXPECT_EQ(extension_of(extended(0, 0xffff'ffff)), 0xffff'ffffu);
}

}  // namespace
}  // namespace fairlead::tcp
