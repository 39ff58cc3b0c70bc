#include "tcp/signature.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }
Prefix prefix(std::string_view text) { return *Prefix::parse(text); }
IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

struct Keys : testing::Test {
    // Empty: none.
    std::string_view of(std::uint32_t owner, std::string_view peer) const {
        const SignatureKey* key = signatures.of(owner, address(peer));
        if (key == nullptr) return {};
        return {reinterpret_cast<const char*>(key->storage.data()), key->size};
    }
    Signatures signatures{SipKey{1, 2}};
};

TEST_F(Keys, ThatOfTheLongestPrefixCounts) {
    EXPECT_FALSE(signatures.is_on());
    ASSERT_TRUE(signatures.set(7, prefix("192.0.2.0/24"), bytes_of("many")));
    ASSERT_TRUE(signatures.set(7, prefix("192.0.2.9/32"), bytes_of("one")));
    ASSERT_TRUE(signatures.set(7, prefix("192.0.0.0/16"), bytes_of("most")));
    ASSERT_TRUE(signatures.set(7, prefix("2001:db8::/32"), bytes_of("six")));
    EXPECT_TRUE(signatures.is_on());
    EXPECT_EQ(of(7, "192.0.2.9"), "one");
    EXPECT_EQ(of(7, "192.0.2.8"), "many");
    EXPECT_EQ(of(7, "192.0.3.8"), "most");
    EXPECT_EQ(of(7, "2001:db8::1"), "six");
    EXPECT_EQ(of(7, "198.51.100.1"), "");
    EXPECT_EQ(of(8, "192.0.2.9"), "") << "another socket's";
}

TEST_F(Keys, AreReplacedAndTakenAwayByTheSamePrefix) {
    ASSERT_TRUE(signatures.set(7, prefix("192.0.2.9/32"), bytes_of("one")));
    ASSERT_TRUE(signatures.set(7, prefix("192.0.2.9/32"), bytes_of("another")));
    EXPECT_EQ(of(7, "192.0.2.9"), "another");
    EXPECT_EQ(signatures.set(7, prefix("192.0.2.0/24"), {}).error(), Errc::NoSuchEntry);
    EXPECT_TRUE(signatures.set(7, prefix("192.0.2.9/32"), {}));
    EXPECT_EQ(of(7, "192.0.2.9"), "");
    const std::vector<std::byte> long_one(SignatureKey::kMostBytes + 1);
    EXPECT_EQ(signatures.set(7, prefix("192.0.2.9/32"), long_one).error(), Errc::InvalidArgument);
    EXPECT_EQ(signatures.set(7, {address("192.0.2.9"), 33}, bytes_of("one")).error(),
              Errc::InvalidArgument);
}

TEST_F(Keys, GoWithTheirSocketButAFlowKeepsItsOwn) {
    ASSERT_TRUE(signatures.set(7, prefix("192.0.2.9/32"), bytes_of("one")));
    const FlowKey flow{.local = {address("192.0.2.1"), 179}, .remote = {address("192.0.2.9"), 9}};
    EXPECT_EQ(signatures.of(flow), nullptr);
    signatures.bind(flow, *signatures.of(7, flow.remote.address));
    signatures.forget(7);
    EXPECT_EQ(of(7, "192.0.2.9"), "");
    ASSERT_NE(signatures.of(flow), nullptr);
    EXPECT_EQ(signatures.of(flow)->size, 3);
    signatures.unbind(flow);
    EXPECT_EQ(signatures.of(flow), nullptr);
}

std::vector<std::byte> from_hex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
    }
    return bytes;
}

// A segment as Linux 6.18 sent it, with the key "secret".
void expect_signed(std::string_view from, std::string_view to, std::string_view hex) {
    const std::vector<std::byte> segment = from_hex(hex);
    const std::size_t header_bytes = (std::to_integer<std::size_t>(segment[12]) >> 4) * 4;
    const Bytes header = Bytes{segment}.first(header_bytes);
    const FoundSignature told = signature_in(header.subspan(20));
    ASSERT_EQ(told.option, wire::SignatureOption::md5());
    Signatures signatures{SipKey{}};
    ASSERT_TRUE(signatures.set(1, {address(to), 32}, bytes_of("secret")));
    PacketPool pool;
    PacketPtr packet = pool.packet();
    std::ranges::copy(segment, packet->push_front(segment.size()).begin());
    const Md5::Digest right = signature_of(address(from), address(to), header, *packet,
                                           header_bytes, *signatures.of(1, address(to)));
    EXPECT_TRUE(std::ranges::equal(told.code, right));
}

TEST(Signature, IsThatOfLinux) {
    expect_signed("127.0.0.1", "127.0.0.1",
                  "c3a800b37288c9ba00000000d002ffd7fe3c000001011312c0a0bbb78037efd799873867"
                  "092ff02b0204ffd7010104020103030a");
    expect_signed("127.0.0.1", "127.0.0.1",
                  "c3a800b37288c9bb20670a5aa0180040fe430000010113127949f6548e55cc83f747aab8"
                  "59bedd5f68656c6c6f2c207369676e656420776f726c64");
}

TEST(Signature, IsFoundBehindAnyOption) {
    const auto options = from_hex("020403e80101131200112233445566778899aabbccddeeff");
    const FoundSignature md5 = signature_in(options);
    ASSERT_EQ(md5.code.size(), 16u);
    EXPECT_EQ(md5.code[15], std::byte{0xff});
    const auto others = from_hex("0101080a00000001000000021d0839640a0b0c0d");
    const FoundSignature ao = signature_in(others);
    ASSERT_EQ(ao.option.kind, wire::SignatureOption::Kind::Ao);
    EXPECT_EQ(ao.option.key_id, 0x39);
    EXPECT_EQ(ao.option.next_key_id, 0x64);
    ASSERT_EQ(ao.code.size(), 4u);
    EXPECT_EQ(ao.code[3], std::byte{0x0d});
    for (const std::string_view none : {"", "00", "0101", "13", "1312", "131200", "0200",
                                        "00131200112233445566778899aabbccddeeff"}) {
        const FoundSignature found = signature_in(from_hex(none));
        EXPECT_FALSE(found.option || found.is_bad) << none;
    }
}

// As tcp_do_parse_auth_options(): whoever sees two cannot know which one is meant.
TEST(Signature, IsBadWhereItsLengthIsOrWhereThereAreTwo) {
    for (const std::string_view bad :
         {"1d043964", "1d053964001d05396400", "1d05396400131200112233445566778899aabbccddeeff",
          "131200112233445566778899aabbccddeeff1d05396400"}) {
        EXPECT_TRUE(signature_in(from_hex(bad)).is_bad) << bad;
    }
}

}  // namespace
}  // namespace fairlead::tcp
