#include "wire/source_route.hpp"

#include <string>

#include <gtest/gtest.h>

#include "unit/base/hex.hpp"

namespace fairlead::wire {
namespace {

using namespace testing_hex;

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

std::string given(const HeaderOptions& options) {
    std::array<std::byte, HeaderOptions::kMostBytes> room{};
    return hex(options.given(room));
}

// What Linux 6.18 sends to 192.0.2.9 with these options, and what it says of them afterwards.
TEST(HeaderOptions, GoToTheFirstHopAndEndInTheTarget) {
    auto two = compile_header_options(from_hex("830b040a0000010a00000200"));
    ASSERT_TRUE(two);
    EXPECT_EQ(two->first_hop, address("10.0.0.1"));
    EXPECT_EQ(hex(two->written_for(address("192.0.2.9"))), "830b040a000002c000020900");
    EXPECT_EQ(given(*two), "830b040a0000010a00000200");
    auto one = compile_header_options(from_hex("018907040a000001"));
    ASSERT_TRUE(one);
    EXPECT_EQ(one->first_hop, address("10.0.0.1"));
    EXPECT_EQ(hex(one->written_for(address("192.0.2.9"))), "01890704c0000209");
    EXPECT_EQ(given(*one), "018907040a000001");
    auto none = compile_header_options(from_hex("44080500000000000101"));
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->has_route());
    EXPECT_EQ(hex(none->written_for(address("192.0.2.9"))), "440805000000000001010000");
    EXPECT_EQ(compile_header_options({})->bytes, 0);
}

TEST(HeaderOptions, ThatLinuxRefusesAreRefused) {
    for (const std::string_view bad :
         {"830304", "8307080a000001", "8308040a00000100", "070704", "83", "0200", "8600",
          "8606ffffffff", "8307040a0000018907040a000001", "44040400", "07070200000000",
          "07070600000000"}) {
        EXPECT_FALSE(compile_header_options(from_hex(bad))) << bad;
    }
    for (const std::string_view good :
         {"94040000", "4408050000000000", "07070400000000", "010101", "07070800000000", "0083"}) {
        EXPECT_TRUE(compile_header_options(from_hex(good))) << good;
    }
    EXPECT_FALSE(compile_header_options(std::vector<std::byte>(41, std::byte{1})));
}

// RFC 1122 §3.2.1.8 (c); the answers are those of Linux 6.18.
TEST(HeaderOptions, OfTheWayBackAreTheRouteReversed) {
    const IpAddress source = address("192.0.2.1");
    auto back = return_route(from_hex("830b0c0a0000010a00000200"), source);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->first_hop, address("10.0.0.2"));
    EXPECT_EQ(hex(back->written_for(source)), "830b040a000001c000020100");
    back = return_route(from_hex("010189080a00000100"), source);
    EXPECT_FALSE(back) << "its length is none";
    back = return_route(from_hex("0189070808080808"), source);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->first_hop, address("8.8.8.8"));
    EXPECT_EQ(hex(back->written_for(source)), "890704c000020100");
    back = return_route(from_hex("830b0cc00002010a00000200"), source);
    ASSERT_TRUE(back);
    EXPECT_EQ(hex(back->written_for(source)), "830704c000020100")
        << "it began with its own address";
    EXPECT_EQ(back->first_hop, address("10.0.0.2"));
    for (const std::string_view none :
         {"", "0000", "070b0c0a0000010a00000200", "830b080a0000010a00000200", "830708c000020100",
          "83030400", "8307"}) {
        EXPECT_FALSE(return_route(from_hex(none), source)) << none;
    }
}

}  // namespace
}  // namespace fairlead::wire
